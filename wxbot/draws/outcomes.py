"""What a request to draw can end in, and the kind sentence for each, Chinese first (users row 42)."""

from enum import StrEnum
from typing import NamedTuple


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


class Sentence(NamedTuple):
    """A headline and what to do next."""

    title: str
    text: str


SENTENCES: dict[Outcome, dict[str, Sentence]] = {
    Outcome.ADMITTED: {
        "zh": Sentence("正在打开红包", "微信马上会打开抽红包页面。"),
        "en": Sentence("Opening", "WeChat is about to open its red packet page."),
    },
    Outcome.NOT_YET: {
        "zh": Sentence("活动还没开始", "先休息一下，开始后再来摇一摇。"),
        "en": Sentence("Not started yet", "Come back and shake once it has begun."),
    },
    Outcome.OVER: {
        "zh": Sentence("活动已经结束", "谢谢你来过，下次早点见。"),
        "en": Sentence("This is over", "Thank you for coming. See you next time."),
    },
    Outcome.OUTSIDE_HOURS: {
        "zh": Sentence("现在是休息时间", "每天只在开放时段内可以抽，到点再来摇一摇。"),
        "en": Sentence("Closed at this hour", "Drawing is open only during the daily hours. Please come back then."),
    },
    Outcome.PAUSED: {
        "zh": Sentence("活动暂停一下", "主办方正在处理，请稍后再来看看。"),
        "en": Sentence("Paused for now", "The organiser is looking into something. Please check again later."),
    },
    Outcome.SOLD_OUT: {
        "zh": Sentence("红包暂时抽完了", "可能还会补充，过一会儿再来摇一摇。"),
        "en": Sentence("No packets left right now", "More may be added. Try another shake a little later."),
    },
    Outcome.ALREADY_DRAWN: {
        "zh": Sentence("你已经抽到过了", "每人只能抽到一个。红包在微信的“服务通知”或“零钱明细”里。"),
        "en": Sentence("You have drawn already", "One packet per person. Look for it in WeChat's service notices."),
    },
    Outcome.NOT_BY_SHAKING: {
        "zh": Sentence("要先摇一摇哦", "请到活动现场，打开微信“摇一摇 · 周边”，摇到本活动后再点进来。"),
        "en": Sentence("Shake first", "On site, open WeChat › Shake › Nearby, and enter from the card that appears."),
    },
    Outcome.TICKET_TOO_OLD: {
        "zh": Sentence("这次摇一摇过期了", "每次摇到的入口只能用一次，30 分钟内有效。再摇一次就好。"),
        "en": Sentence("This shake has expired", "Each shake works once and for 30 minutes. Just shake again."),
    },
    Outcome.FOREIGN_TICKET: {
        "zh": Sentence("这是别人摇到的入口", "用自己的微信摇一摇，就能进来抽。"),
        "en": Sentence("Someone else shook this", "Shake with your own WeChat to take part."),
    },
    Outcome.TOO_OFTEN: {
        "zh": Sentence("点得太快啦", "歇一分钟再试，红包不会因此少。"),
        "en": Sentence("A little too fast", "Wait a minute and try again. Your chances do not change."),
    },
    Outcome.NO_TRIES_LEFT: {
        "zh": Sentence("机会用完了", "每人可抽的次数有限，详情见活动规则。"),
        "en": Sentence("No tries left", "The number of tries per person is limited; see the rules."),
    },
    Outcome.MISSED: {
        "zh": Sentence("这次没有抽中", "谢谢参与，祝你好运常在。"),
        "en": Sentence("Not this time", "Thank you for taking part, and good luck."),
    },
    Outcome.BLOCKED: {
        "zh": Sentence("暂时不能参加", "如有疑问，请联系活动主办方。"),
        "en": Sentence("You cannot take part", "If you think this is a mistake, please contact the organiser."),
    },
    Outcome.SNAPSHOT: {
        "zh": Sentence("请使用完整服务", "当前是快照页，点右下角“使用完整服务”后再抽。"),
        "en": Sentence("Use full service", "This is a snapshot page. Tap “use full service” and draw again."),
    },
    Outcome.TRY_AGAIN: {
        "zh": Sentence("网络开了小差", "没有影响你的机会，请再点一次。"),
        "en": Sentence("A small hiccup", "Your chance is untouched. Please tap again."),
    },
}

HTTP_STATUS = {Outcome.ADMITTED: 200, Outcome.MISSED: 200, Outcome.TOO_OFTEN: 429, Outcome.TRY_AGAIN: 503}
"""Every other outcome is a 409: the request was fine, the answer is no (security S33)."""


def sentence(outcome: Outcome, language: str) -> Sentence:
    """The sentence for an outcome in "zh" or "en"."""
    return SENTENCES[outcome]["en" if language == "en" else "zh"]
