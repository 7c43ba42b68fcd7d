"""What a draw is answered with: a headline and what to do next, for each outcome, in words that fit any skin."""

from wxbot.draws import outcomes
from wxbot.draws.outcomes import Outcome
from wxbot.text import Text

SENTENCES: dict[Outcome, tuple[Text, Text]] = {
    Outcome.WON: (
        Text("恭喜，抽中了", "You have won"),
        Text("点“领取”就可以收下，请留意领取期限。", "Tap Collect to take it, and mind the deadline."),
    ),
    Outcome.LOST: (
        Text("这次没有抽中", "Not this time"),
        Text("谢谢参与，祝你好运常在。", "Thank you for taking part, and good luck."),
    ),
    Outcome.RAN_OUT: (
        Text("这个奖品已抽完", "That prize has run out"),
        Text(
            "抽到的奖品已经没有了，按规则算未中奖。",
            "There was none left of the prize you hit; by the rules this is no win.",
        ),
    ),
    Outcome.NOT_RELEASED: (
        Text("这个奖品这会儿抽完了", "None of that prize right now"),
        Text(
            "按规则分时段放出，这个时段的已经抽完，算未中奖。",
            "It is released by the published schedule, and this part has been drawn; by the rules this is no win.",
        ),
    ),
    Outcome.NOT_YET: (
        Text("活动还没开始", "Not started yet"),
        Text("先休息一下，开始后再来。", "Come back once it has begun."),
    ),
    Outcome.OUTSIDE_HOURS: (
        Text("现在是休息时间", "Closed at this hour"),
        Text(
            "每天只在开放时段内可以抽，到点再来。",
            "Drawing is open only during the daily hours. Please come back then.",
        ),
    ),
    Outcome.SOLD_OUT: (
        Text("奖品都抽完了", "All prizes are gone"),
        Text("谢谢你来过，这次没有用掉你的机会。", "Thank you for coming. This did not cost you a try."),
    ),
    Outcome.TOO_OFTEN: (
        Text("点得太快啦", "A little too fast"),
        Text("歇一分钟再试，机会不会因此少。", "Wait a minute and try again. Your chances do not change."),
    ),
    Outcome.NO_TRIES_LEFT: (
        Text("机会用完了", "No tries left"),
        Text("每人可抽的次数有限，详情见活动规则。", "The number of tries per person is limited; see the rules."),
    ),
    Outcome.NO_TRIES_TODAY: (
        Text("今天的机会用完了", "No tries left today"),
        Text("明天还可以再来抽。", "Come back tomorrow for more."),
    ),
    Outcome.TOO_SOON: (
        Text("刚刚抽过", "You have just drawn"),
        Text(
            "按规则两次抽奖要隔一会儿，稍后再来。",
            "By the rules there is a pause between two draws. Try again a little later.",
        ),
    ),
    Outcome.WON_ENOUGH: (
        Text("你已经中过奖了", "You have won already"),
        Text("按规则每人能中的次数已满，不能再抽。", "By the rules you have won as often as one person can."),
    ),
    Outcome.WON_TODAY: (
        Text("你今天已经中过奖了", "You have won today"),
        Text("按规则今天不能再抽，明天再来。", "By the rules you cannot draw again today. Come back tomorrow."),
    ),
    Outcome.DAY_FULL: (
        Text("今天的奖品都有主了", "Today's prizes are taken"),
        Text(
            "按规则今天的中奖名额已满，明天再来；这次没有用掉你的机会。",
            "By the rules today's wins are all given. Come back tomorrow; this did not cost you a try.",
        ),
    ),
    Outcome.STALE_NONCE: (
        Text("页面放太久了", "This page is out of date"),
        Text("刷新一下页面再抽，没有用掉你的机会。", "Reload the page and draw again. This did not cost you a try."),
    ),
    Outcome.WRONG_PASSWORD: (
        Text("口令不对", "That is not the word"),
        Text("看看活动介绍里的口令，再输入一次。", "Check the word of this campaign and type it again."),
    ),
    Outcome.STAFF: (
        Text("工作人员不参加抽奖", "Staff cannot take part"),
        Text("为了公平，活动的工作人员不能抽奖。", "To be fair to everybody, people who run campaigns cannot draw."),
    ),
    Outcome.NOT_LISTED: (
        Text("这个活动只对名单内的人开放", "This is open to listed people only"),
        Text("如有疑问，请联系活动主办方。", "If you think this is a mistake, please contact the organiser."),
    ),
    Outcome.UNBOUND: (
        Text("请先绑定手机号", "Bind your phone first"),
        Text(
            "这个活动要先绑定手机号，绑好再回来抽，不用关注。",
            "Bind your phone number, then come back and draw. No need to follow.",
        ),
    ),
}


def sentence(outcome: Outcome, language: str) -> tuple[str, str]:
    """The headline for an outcome and what to do next, in "zh" or "en"."""
    found = SENTENCES.get(outcome)
    if found is None:
        return outcomes.sentence(outcome, language)
    return found[0].within(language), found[1].within(language)


def told(outcome: Outcome, language: str) -> str:
    """Headline and what to do next in one line."""
    title, text = sentence(outcome, language)
    return f"{title}. {text}" if language == "en" else f"{title}。{text}"
