"""The fixed sentences of an instant campaign's page, in Chinese and English; what a marketer wrote is shown as it is."""

from wxbot.instant.decide import PrizeRule
from wxbot.money import plain_percent, yuan
from wxbot.text import Phrases, Text

WORDS: dict[str, Text] = {
    "go_wheel": Text("抽奖", "Spin"),
    "go_grid": Text("抽奖", "Draw"),
    "go_scratch": Text("拿一张", "Get a card"),
    "go_shake": Text("开始摇", "Start shaking"),
    "tap": Text("点一下也能抽", "Tap to draw"),
    "shaking_tap": Text("摇一摇，或点这里", "Shake, or tap here"),
    "shake_now": Text("摇一摇手机。", "Shake your phone."),
    "no_motion": Text("手机没有感应到摇动，点一下按钮也能抽。", "No shaking is felt here; the button does the same."),
    "ready": Text("准备好了，随时可以抽。", "Ready when you are."),
    "drawing": Text("正在开奖…", "Drawing…"),
    "retrying": Text("网络有点慢，正在继续，不会多算一次。", "The network is slow. Going on; this counts once only."),
    "offline_kept": Text(
        "网络断了。这一次已经记下，点“再试一次”接着来，不会多算。",
        "The network is gone. This try is remembered: tap “Try again” to go on; it counts once only.",
    ),
    "again": Text("再试一次", "Try again"),
    "scratch_now": Text("刮开涂层看结果，或点“直接看结果”。", "Scratch the card, or tap “Show the result”."),
    "skip": Text("直接看结果", "Show the result"),
    "coat": Text("刮一刮", "SCRATCH"),
    "nothing": Text("谢谢参与", "Thank you"),
    "once_more": Text("再抽一次", "Once more"),
    "tries_left": Text("还可以抽 {n} 次", "Tries left: {n}"),
    "starts_in": Text("距开始还有", "Starts in"),
    "next_in": Text("距下次可抽还有", "Next draw in"),
    "resting": Text(
        "按规则两次抽奖至少间隔 {gap}，到时就能再抽。",
        "By the rules {gap} lie between two draws. Then you can draw again.",
    ),
    "gap": Text("两次抽奖间隔", "Between two draws"),
    "gap_least": Text("至少 {gap}", "{gap} at least"),
    "gap_past_end": Text(
        "按规则两次抽奖至少间隔 {gap}，活动在那之前就结束了，这次活动里不能再抽。",
        "By the rules {gap} lie between two draws, and the campaign ends before that: no more draws here.",
    ),
    "password": Text("口令（主办方公布的那句话）", "The word that the organiser has told"),
    "prizes": Text("奖品与中奖机会", "Prizes and odds"),
    "odds": Text("1/{n}（{percent}%）· {stock} 份", "1 in {n} ({percent}%), {stock} in all"),
    "fair": Text(
        "结果由服务器在你点的那一刻决定，转动、摇动、刮开只是动画。分享不增加次数，也不提高中奖率；不关注也能参加和领取。",
        "The server decides at the moment of your tap; turning, shaking and scratching only show it. Sharing changes nothing, and "
        "nobody has to follow.",
    ),
    "mine": Text("我在本活动的奖品", "My prizes here"),
    "all_mine": Text("我的全部奖品", "All my prizes"),
    "no_prizes": Text("还没有奖品", "No prizes yet"),
    "no_prizes_text": Text(
        "抽中的奖品会出现在这里，可以领取和查看。", "What you win appears here, to collect and to look at."
    ),
    "my_packets": Text("我的红包和消息", "My packets and messages"),
    "yours": Text("你的奖品", "Your prize"),
    "collect_by": Text("领取期限", "Collect within"),
    "collect": Text("领取", "Collect"),
    "collecting": Text("正在为你办理…", "One moment…"),
    "preparing": Text(
        "正在准备，通常几秒钟。可以先离开，稍后从“我的奖品”回来。",
        "Being prepared, mostly a few seconds. You may leave and come back by “My prizes”.",
    ),
    "preparing_button": Text("正在准备", "Preparing"),
    "confirm": Text("去微信确认收款", "Confirm in WeChat"),
    "opening": Text("正在打开微信…", "Opening WeChat…"),
    "checking": Text("正在确认到账…", "Checking that it arrived…"),
    "checking_button": Text("正在确认", "Checking"),
    "not_yet": Text("还没有确认收款。奖品还在，可以再点一次。", "Not confirmed yet. It is still yours; tap once more."),
    "outside": Text("请在手机微信里打开这个页面再领取。", "Open this page in WeChat on your phone to collect."),
    "too_old": Text("微信版本太旧，请更新微信后再领取。", "This WeChat is too old. Update it, then collect."),
    "offline": Text(
        "网络断了，奖品还在。联网后会接着办。", "The network is gone; the prize is still yours. This goes on by itself."
    ),
    "oops": Text("没有办成，请再试一次。", "That did not work. Please try again."),
    "until": Text("请在 {deadline} 前领取，过期作废。", "Collect before {deadline}; after that it is forfeited."),
    "close": Text("关闭", "Close"),
    "bind": Text("去绑定手机号", "Bind my phone"),
    "test": Text("预览", "Preview"),
    "test_text": Text("不计入次数、奖品和金额", "no try, prize or money is used"),
    "test_wish": Text("下一次抽到", "The next draw ends in"),
    "test_confirm": Text(
        "预览：中奖的人在这里看到微信的收款页，点“收款”后到账。",
        "Preview: here a winner sees WeChat's page and taps 收款.",
    ),
    "test_paid": Text("看到账后的样子", "Show how it looks then"),
    "state_open": Text("待领取", "To collect"),
    "state_given": Text("查看", "Show"),
}


class InstantPhrases(Phrases):
    """The sentences of one language."""

    table = WORDS

    def all(self) -> dict[str, str]:
        """All of them, for the page and its script."""
        return {name: text.within(self.language) for name, text in WORDS.items()}


def worth_text(prize: PrizeRule, value_fen: int) -> Text:
    """What one piece of a prize is worth, short enough to stand behind its name; `value_fen` of what is no money."""
    if prize.kind != "money":
        return Text(f"价值 ¥{yuan(value_fen)}", f"worth ¥{yuan(value_fen)}") if value_fen else Text("", "")
    low, high = f"¥{yuan(prize.min_fen)}", yuan(prize.max_fen)
    said = low if prize.min_fen == prize.max_fen else f"{low}–{high}"
    return Text(said, said)


def odds_text(odds_ppm: int, stock: int) -> Text:
    """Odds as people read them, "1 in N" and percent, and how many there are."""
    if odds_ppm <= 0:  # one that only consoles: as the rules say it, without "1 in N"
        return Text(f"0% · {stock:,} 份", f"0 %, {stock:,} in all")
    percent = plain_percent(odds_ppm)
    per = 1_000_000 / odds_ppm
    n = f"{per:,.0f}" if per >= 10 else f"{per:.1f}".removesuffix(".0")
    return WORDS["odds"].format(n=n, percent=percent, stock=f"{stock:,}")
