"""The fixed sentences around published rules and their proof, in Chinese and English."""

from wxbot.text import Phrases, Text

WORDS: dict[str, Text] = {
    "prize": Text("奖品 {number}", "Prize {number}"),
    "number": Text("数量", "Number"),
    "odds": Text("每次抽中的概率", "Odds of a draw"),
    "version": Text("规则版本", "Version of the rules"),
    "version_text": Text("第 {version} 版，{at} 公布", "Version {version}, published {at}"),
    "unpublished": Text("规则还没有公布，公布后才能抽奖。", "The rules are not published yet; nobody can draw before."),
    "proof": Text("检查抽奖结果", "Check the draws"),
    "sealed": Text(
        "活动结束后，这里会公开随机种子和全部抽奖记录，任何人都可以重算每一次结果。现在先公布种子的指纹，之后对得上就说明没有换过。",
        "After the end the seed and all draws stand here, so that anybody can recompute each result. Its fingerprint is published now: "
        "if it fits later, the seed was not exchanged.",
    ),
    "fingerprint": Text("种子的 SHA-256 指纹", "SHA-256 of the seed"),
    "seed": Text("随机种子", "Seed"),
    "all_true": Text(
        "服务器刚刚用公开的种子和公布的规则重算了全部 {draws} 次抽奖，其中 {wins} 次中奖，结果全部相符。",
        "The server has recomputed all {draws} {draws:draw|draws}, {wins} of them won, from the seed and the published rules: every one agrees.",
    ),
    "differs": Text(
        "重算后有 {count} 处不符，请联系主办方。",
        "{count} {count:thing does|things do} not agree. Please ask the organiser.",
    ),
    "differs_at": Text("第 {k} 次抽奖：{what}", "Draw {k}: {what}"),
    "too_many": Text(
        "抽奖次数很多，请下载记录后检查。", "There are many draws: please download the record and check it yourself."
    ),
    "check_yourself": Text("自己检查", "Check it yourself"),
    "how": Text(
        "下载下面的记录，用 wxbot campaign verify 文件名 检查；也可以自己写程序：\n"
        "数字 = HMAC-SHA256(种子, “活动号|序号|随机串”)，按 4 字节大端取第一个小于 4294000000 的数，除以 1000000 取余；\n"
        "从第一个奖品起累加概率（百万分之几），数字落在哪一段就是哪个奖品。",
        "Download the record and run wxbot campaign verify FILE, or write your own:\n"
        "number = HMAC-SHA256(seed, “campaign|k|nonce”), the first big-endian 4 bytes below 4,294,000,000, modulo 1,000,000;\n"
        "add up the odds in parts per million from the first prize on: the part it falls into is the prize.",
    ),
    "download": Text("下载全部抽奖记录", "Download all draws"),
    "busy": Text("下载的人多，请过几秒再试。", "Somebody else is downloading; please try again in a few seconds."),
}


class RulesPhrases(Phrases):
    """The sentences of one language."""

    table = WORDS
