"""What a request to draw can end in, and the kind sentence for each, Chinese first (users row 42)."""

from enum import StrEnum

from wxbot.text import Text


class Outcome(StrEnum):
    """`admitted` hands out signed parameters; everything else is a reason why not."""

    ADMITTED = "admitted"
    NOT_YET = "not_yet"
    OVER = "over"
    OUTSIDE_HOURS = "outside_hours"
    PAUSED = "paused"
    SOLD_OUT = "sold_out"
    ALREADY_DRAWN = "already_drawn"
    NOT_BY_SHAKING = "not_by_shaking"
    TICKET_TOO_OLD = "ticket_too_old"
    FOREIGN_TICKET = "foreign_ticket"
    TOO_OFTEN = "too_often"
    NO_TRIES_LEFT = "no_tries_left"
    MISSED = "missed"
    BLOCKED = "blocked"
    SNAPSHOT = "snapshot"
    TRY_AGAIN = "try_again"
    WON = "won"
    LOST = "lost"
    RAN_OUT = "ran_out"
    NOT_RELEASED = "not_released"
    NO_TRIES_TODAY = "no_tries_today"
    TOO_SOON = "too_soon"
    WON_ENOUGH = "won_enough"
    WON_TODAY = "won_today"
    DAY_FULL = "day_full"
    STALE_NONCE = "stale_nonce"
    WRONG_PASSWORD = "wrong_password"
    STAFF = "staff"
    NOT_LISTED = "not_listed"
    UNBOUND = "unbound"


SENTENCES: dict[Outcome, tuple[Text, Text]] = {
    Outcome.ADMITTED: (
        Text("正在打开红包", "Opening"),
        Text("微信马上会打开抽红包页面。", "WeChat is about to open its red packet page."),
    ),
    Outcome.NOT_YET: (
        Text("活动还没开始", "Not started yet"),
        Text("先休息一下，开始后再来摇一摇。", "Come back and shake once it has begun."),
    ),
    Outcome.OVER: (
        Text("活动已经结束", "This is over"),
        Text("谢谢你来过，下次早点见。", "Thank you for coming. See you next time."),
    ),
    Outcome.OUTSIDE_HOURS: (
        Text("现在是休息时间", "Closed at this hour"),
        Text(
            "每天只在开放时段内可以抽，到点再来摇一摇。",
            "Drawing is open only during the daily hours. Please come back then.",
        ),
    ),
    Outcome.PAUSED: (
        Text("活动暂停一下", "Paused for now"),
        Text("主办方正在处理，请稍后再来看看。", "The organiser is looking into something. Please check again later."),
    ),
    Outcome.SOLD_OUT: (
        Text("红包暂时抽完了", "No packets left right now"),
        Text("可能还会补充，过一会儿再来摇一摇。", "More may be added. Try another shake a little later."),
    ),
    Outcome.ALREADY_DRAWN: (
        Text("你已经抽到过了", "You have drawn already"),
        Text(
            "每人只能抽到一个。红包在微信的“服务通知”或“零钱明细”里。",
            "One packet per person. Look for it in WeChat's service notices.",
        ),
    ),
    Outcome.NOT_BY_SHAKING: (
        Text("要先摇一摇哦", "Shake first"),
        Text(
            "请到活动现场，打开微信“摇一摇 · 周边”，摇到本活动后再点进来。",
            "On site, open WeChat › Shake › Nearby, and enter from the card that appears.",
        ),
    ),
    Outcome.TICKET_TOO_OLD: (
        Text("这次摇一摇过期了", "This shake has expired"),
        Text(
            "每次摇到的入口只能用一次，30 分钟内有效。再摇一次就好。",
            "Each shake works once and for 30 minutes. Just shake again.",
        ),
    ),
    Outcome.FOREIGN_TICKET: (
        Text("这是别人摇到的入口", "Someone else shook this"),
        Text("用自己的微信摇一摇，就能进来抽。", "Shake with your own WeChat to take part."),
    ),
    Outcome.TOO_OFTEN: (
        Text("点得太快啦", "A little too fast"),
        Text("歇一分钟再试，红包不会因此少。", "Wait a minute and try again. Your chances do not change."),
    ),
    Outcome.NO_TRIES_LEFT: (
        Text("机会用完了", "No tries left"),
        Text("每人可抽的次数有限，详情见活动规则。", "The number of tries per person is limited; see the rules."),
    ),
    Outcome.MISSED: (
        Text("这次没有抽中", "Not this time"),
        Text("谢谢参与，祝你好运常在。", "Thank you for taking part, and good luck."),
    ),
    Outcome.BLOCKED: (
        Text("暂时不能参加", "You cannot take part"),
        Text("如有疑问，请联系活动主办方。", "If you think this is a mistake, please contact the organiser."),
    ),
    Outcome.SNAPSHOT: (
        Text("请使用完整服务", "Use full service"),
        Text(
            "当前是快照页，点右下角“使用完整服务”后再抽。",
            "This is a snapshot page. Tap “use full service” and draw again.",
        ),
    ),
    Outcome.TRY_AGAIN: (
        Text("网络开了小差", "A small hiccup"),
        Text("没有影响你的机会，请再点一次。", "Your chance is untouched. Please tap again."),
    ),
}
"""Outcome → its headline, and what to do next; those that only one mechanic has are among its own words."""

IN_LINE = (
    Text("人有点多", "A crowd right now"),
    Text(
        "正在排队，轮到你时自动继续，机会不会减少。",
        "You are in line. This goes on by itself when it is your turn; your chances do not change.",
    ),
)
"""Of `try_again` with a moment to come again and a place (`waiting_line`)."""

DRAWN = (Outcome.ADMITTED, Outcome.MISSED, Outcome.WON, Outcome.LOST, Outcome.RAN_OUT, Outcome.NOT_RELEASED)
"""The person could draw: a try that the odds decided against was a try, nobody was turned away."""

HTTP_STATUS = dict.fromkeys(DRAWN, 200) | {Outcome.TOO_OFTEN: 429, Outcome.TRY_AGAIN: 503}
"""Every other outcome is a 409: the request was fine, the answer is no (security S33)."""


def sentence(outcome: Outcome, language: str) -> tuple[str, str]:
    """The headline for an outcome and what to do next, in "zh" or "en"."""
    title, text = SENTENCES[outcome]
    return title.within(language), text.within(language)
