"""What the linter says: the rule, the place, and why, with what to do.

Most rules read a text alone (`check.findings`). Two need more than words: E-09 what a deployment reports of a payment, W-02 a
schedule. They are judged where a draft is (`instant/faults`, `instant/article`), and their reasons stand here with the others.
"""

from typing import NamedTuple

from wxbot.text import Text

REASONS: dict[str, Text] = {
    "E-01": Text(
        "“{found}”是指定中奖人或暗箱操作，属于法律禁止的内定中奖；请删去，中奖只由系统按公示概率决定",
        "“{found}” decides beforehand who wins, which the law forbids. Take it out: only the published odds decide",
    ),
    "E-02": Text(
        "“{found}”把分享、转发、邀请、助力和好处连在一起，属于诱导分享，微信会封禁链接；请删去这个条件",
        "“{found}” ties sharing, inviting or helping to a benefit; WeChat blocks such links. Take the condition away",
    ),
    "E-03": Text(
        "“{found}”把关注或加好友和好处连在一起，属于诱导关注，微信会封禁账号；不关注的人也要能领，请删去这个条件",
        "“{found}” ties following to a benefit; WeChat bans accounts for it. Take the condition away: anybody may take part",
    ),
    "E-04": Text(
        "“{found}”没有写清奖品；请写明每个奖品的名称、价值，以及数量或中奖概率",
        "“{found}” leaves the prize open. Say each prize's name, its value, and its number or odds",
    ),
    "E-05": Text(
        "“{found}”缺少必须公示的内容；请写明主办方、联系方式和兑奖期限",
        "“{found}” leaves out what must be published. Say the organiser, the contact and until when prizes can be taken",
    ),
    "E-06": Text(
        "“{found}”超过 5 万元；抽奖的最高奖不得超过 5 万元，请换成较小的奖品",
        "“{found}” is above 50,000 yuan, the most that a prize drawn by lot may be worth. Choose a smaller one",
    ),
    "E-07": Text(
        "“{found}”要求付钱换抽奖机会，有赌博风险；请让人免费参加",
        "“{found}” asks for money for a try, which comes close to gambling. Let people take part for free",
    ),
    "E-08": Text(
        "“{found}”让人以为由微信或腾讯主办；请写您自己的名称",
        "“{found}” suggests that WeChat or Tencent is the organiser. Write your own name",
    ),
    "E-09": Text(
        "转账报备的“{item}”会是“{found}”，有 {size} 个字，微信要求 {least} 到 {most} 个；请改短活动名称或奖品名称，或请管理员改 WXBOT_TRANSFER_REPORTS",
        "the transfer's report {item} would be “{found}” with {size} {size:character|characters}; WeChat wants {least} to {most}. Shorten the names of campaign "
        "and prize, or have WXBOT_TRANSFER_REPORTS changed",
    ),
    "E-10": Text(
        "“{found}”不在可以发放的金额范围内；每个红包为 {least} 到 {most} 元",
        "“{found}” cannot be paid out: a packet holds {least} to {most} yuan",
    ),
    "W-01": Text(
        "“{found}”要与实际设置相符；不是人人中奖、或拿不到这个数额时请改掉",
        "“{found}” must be true by the settings. Change it unless everybody wins, or that amount can be won",
    ),
    "W-02": Text(
        "第 {found} 个奖品的投放计划有一部分落在开放时间之外，放不出去；请改投放计划",
        "Prize {found}: part of the schedule lies outside the open hours. Change the schedule",
    ),
    "W-03": Text(
        "“{found}”限制了地区；请在规则里写明原因",
        "“{found}” limits the region. Say the reason in the rules",
    ),
}


OF_DRAFTS = frozenset({"E-09", "W-02"})
"""Rules that no text alone can break: a list of texts is not judged by them, a draft is."""


class LintFinding(NamedTuple):
    """One thing that may not, or should not, be written: where in the text (from, up to), and why."""

    rule: str
    start: int
    end: int
    text: Text

    @property
    def is_error(self) -> bool:
        """Errors stop what is written; the others are shown to who approves it."""
        return self.rule.startswith("E")
