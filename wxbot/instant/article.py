"""The rules that everybody may read, made from the configuration: all that article 13 of the order on promotions asks for.

`text_of` is what is published and hashed: the facts, and the sentences made of them in both languages, as they were read at that
time. The order (no. 32 of 2020, SAMR) wants, before a draw: kinds, conditions, way and time of the draw, amount or price, name,
number or odds, when, how and until when a prize is taken, delivery, forfeiture, organiser and contact.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wxbot.campaigns.mechanic import Values
from wxbot.campaigns.models import Campaign
from wxbot.daily import DailyHours
from wxbot.instant.models import ODDS_OF, InstantTerms, Prize
from wxbot.instant.release import DAY_S, HOUR_S, SHANGHAI_S, ReleaseSchedule, Window, released
from wxbot.linter.finding import REASONS
from wxbot.money import plain_percent, yuan
from wxbot.orders.channels import CONFIRMED
from wxbot.text import Refusal, Text, day_text, fault, moment_text

Config = Mapping[str, Any]
"""versions.config_of."""

_FACTS_OF_CAMPAIGN = ("act_name", "organiser", "contact", "rules", "tries_per_person", "tries_per_day")
_FACTS_OF_TERMS = (
    *("wins_per_person", "wins_per_day", "winners_per_day", "gap_s", "claim_s", "seed_sha256", "channel"),
    *("needs_binding", "is_allow_only", "carry"),
)

SHARING = Text("分享不增加次数，也不提高中奖率。", "Sharing brings no further tries and does not raise the odds.")


def text_of(campaign: Campaign, terms: InstantTerms, prizes: Sequence[Prize], config: Config) -> dict[str, Any]:
    """What people read, with the facts it is made of."""
    facts: dict[str, Any] = {name: getattr(campaign, name) for name in _FACTS_OF_CAMPAIGN}
    facts |= {name: getattr(terms, name) for name in _FACTS_OF_TERMS}
    facts["has_password"] = bool(terms.password)
    facts["values_fen"] = {str(prize.ordinal): prize.value_fen for prize in prizes}
    return {
        "facts": facts,
        **read_in_both(sections(facts, config), prize_rows(facts, config)),
    }


def read_in_both(
    said: Sequence[tuple[Text, Sequence[Text]]], prizes: Sequence[Mapping[str, Text]]
) -> dict[str, dict[str, Any]]:
    """Sections and rows of prizes as they stand in published rules: "zh" and "en" beside one another."""
    return {
        language: {
            "sections": [
                {"title": title.within(language), "lines": [line.within(language) for line in lines if line.zh]}
                for title, lines in said
            ],
            "prizes": [{name: text.within(language) for name, text in row.items()} for row in prizes],
        }
        for language in ("zh", "en")
    }


def missing(facts: Mapping[str, Any], config: Config) -> Iterator[Refusal]:
    """What has to be published and is not there: without it nothing is launched."""
    for field, zh, en in (
        ("act_name", "规则里缺少活动名称", "The rules lack the campaign's name"),
        ("organiser", "规则里缺少主办方", "The rules lack the organiser"),
        ("contact", "规则里缺少联系方式", "The rules lack a contact"),
        ("claim_s", "规则里缺少兑奖期限", "The rules lack until when a prize can be taken"),
        ("seed_sha256", "规则里缺少随机种子的指纹", "The rules lack the fingerprint of the seed"),
        ("tries_per_person", "规则里缺少抽奖次数", "The rules lack how often one may draw"),
    ):
        if not facts.get(field):
            yield fault(field, zh, en)
    if not config.get("prizes"):
        yield fault("prizes", "规则里没有奖品", "The rules have no prize")
    for prize in config.get("prizes", ()):
        yield from _missing_of_prize(prize, facts["values_fen"].get(str(prize["ordinal"]), 0))
    yield from unreleased(config)


def _missing_of_prize(prize: Mapping[str, Any], value_fen: int) -> Iterator[Refusal]:
    number = prize["ordinal"]
    if not prize["name"]:
        yield Refusal("E-04", Text(f"第 {number} 个奖品没有名称", f"Prize {number} has no name"), "prizes")
    if not (value_fen or (prize["kind"] == "money" and prize["max_fen"])):
        unsaid = Text(f"第 {number} 个奖品没有写明价值", f"Prize {number} does not say what it is worth")
        yield Refusal("E-04", unsaid, "prizes")
    if prize["stock"] <= 0:
        yield Refusal("E-04", Text(f"第 {number} 个奖品没有数量", f"Prize {number} has no number"), "prizes")


def unreleased(config: Config) -> Iterator[Refusal]:
    """Schedules that would keep something back until the very end: what is announced is put out in time (W-02)."""
    window = window_of(config)
    for prize in config.get("prizes", ()):
        schedule = ReleaseSchedule.read(prize["release"])
        if schedule.way == "days":
            first = (window.begin + SHANGHAI_S) // DAY_S
            late = sum(schedule.weights[(window.all_out_at + SHANGHAI_S) // DAY_S - first + 1 :])
        elif schedule.way == "hours":
            hours = {second // HOUR_S for begin, end in window.open_parts for second in range(begin, end, HOUR_S // 2)}
            late = sum(weight for hour, weight in enumerate(schedule.weights) if hour not in hours)
        else:
            late = 0
        if late:
            yield Refusal("W-02", REASONS["W-02"].format(found=prize["ordinal"]), "prizes")


def faults_of_draft(values: Values, _now: datetime) -> Iterator[Refusal]:
    """What of a draft could not be published (E-04), keeps stock back (W-02), or could never be won."""
    terms, begin_at, end_at = values.get("terms"), values.get("begin_at"), values.get("end_at")
    if not terms or begin_at is None or end_at is None or begin_at >= end_at:
        return
    prizes = [{"ordinal": number, **prize} for number, prize in enumerate(terms.get("prizes", ()), 1)]
    for prize in prizes:
        yield from _missing_of_prize(prize, prize["value_fen"])
    if not any(prize["when_gone"] == "consolation" for prize in prizes):
        for prize in prizes:
            if not prize["odds_ppm"]:
                yield fault(
                    "prizes",
                    f"第 {prize['ordinal']} 个奖品的概率是 0，永远不会中",
                    f"Prize {prize['ordinal']} can never be won",
                )
    try:
        yield from unreleased(
            {
                "begin": int(begin_at.timestamp()),
                "end": int(end_at.timestamp()),
                "daily_from": values.get("daily_from", 0),
                "daily_until": values.get("daily_until", 1440),
                "prizes": prizes,
            }
        )
    except ValueError:
        return  # a schedule that is none is named by its own check


def window_of(config: Config) -> Window:
    """The hours of a configuration."""
    return Window(config["begin"], config["end"], config["daily_from"], config["daily_until"])


def at(unix: int) -> datetime:
    """A moment of a configuration."""
    return datetime.fromtimestamp(unix, UTC)


# --- the sentences ------------------------------------------------------------------------------------------------


def sections(facts: Mapping[str, Any], config: Config) -> list[tuple[Text, list[Text]]]:
    """Headings and their sentences, in the order in which people ask."""
    return [
        (Text("时间", "When"), when_lines(config)),
        (Text("谁可以参加", "Who may take part"), _people(facts)),
        (Text("怎样抽奖", "How it is drawn"), _way(facts)),
        (Text("没有中奖的概率", "Odds of no prize"), [_none(config)]),
        (Text("奖品投放", "When prizes are put out"), _put_out(config)),
        (Text("领取", "Taking a prize"), collect_lines(facts, config)),
        (Text("怎样检查", "How to check"), _proof(facts)),
        (
            Text("主办方", "Organiser"),
            [Text(f"{facts['organiser']} · {facts['contact']}", f"{facts['organiser']} · {facts['contact']}")],
        ),
        (Text("其他说明", "Further notes"), [same(facts["rules"]), SHARING, _CHANGES, APART]),
    ]


_CHANGES = Text(
    "活动开始后，规则只会改得对参加者更有利；每一版都保留在本页。",
    "After the beginning the rules change only to people's advantage; every version stays on this page.",
)
APART = Text("本活动与微信、腾讯无关。", "WeChat and Tencent have no part in this campaign.")


_UNSEALED = Text("种子的 SHA-256 指纹在启动时公布。", "The SHA-256 of the seed is published at the launch.")
"""Of a draft that is looked at; without the fingerprint nothing is published (`missing`)."""


def same(text: str) -> Text:
    """What its marketer wrote, in either language."""
    return Text(text, text)


def when_lines(config: Config) -> list[Text]:
    """From when until when, and at which hours."""
    begin, end = moment_text(at(config["begin"])), moment_text(at(config["end"]))
    lines = [Text(f"{begin.zh} – {end.zh}（北京时间）", f"{begin.en} – {end.en} (Beijing time)")]
    hours = DailyHours(config["daily_from"], config["daily_until"])
    if not hours.is_all_day:
        lines.append(Text("每天 {zh}", "Daily {en}").format(**hours.text._asdict()))
    if hours.is_night:
        lines.append(
            Text(
                "一个晚上跨两天：每天的次数和名额在 0:00 重新计算。",
                "A night is part of two days: what is allowed a day begins anew at 0:00.",
            )
        )
    return lines


def _people(facts: Mapping[str, Any]) -> list[Text]:
    lines = [
        Text(
            "用微信打开活动页面的人都可以参加，无需关注公众号。",
            "Anybody who opens the page in WeChat; there is no need to follow.",
        ),
    ]
    if facts["is_allow_only"]:
        lines = [
            Text(
                "只有主办方名单上的人可以参加，无需关注公众号。",
                "Only people on the organiser's list; there is no need to follow.",
            )
        ]
    if facts["needs_binding"]:
        lines.append(Text("参加前要绑定手机号。", "A phone number must be bound before."))
    if facts["has_password"]:
        lines.append(
            Text("参加前要输入口令；口令由主办方公布。", "A word must be typed before; the organiser makes it known.")
        )
    return [
        *lines,
        Text("主办方的工作人员不能参加。", "The organiser's staff cannot take part."),
        Text("未满 18 周岁的人请在监护人同意后参加。", "People under 18 take part with their guardian's consent."),
    ]


def _way(facts: Mapping[str, Any]) -> list[Text]:
    total, daily = facts["tries_per_person"], facts["tries_per_day"]
    lines = [
        Text(
            "免费参加，点一次抽一次，由系统当场开奖，马上显示结果。",
            "Taking part is free. One tap is one draw, decided at once by the system.",
        ),
        Text(
            "每人一共可抽 {total} 次，每天最多 {daily} 次。",
            "{total} {total:draw|draws} a person in all, {daily} a day at most.",
        ).format(total=total, daily=daily),
    ]
    for name, zh, en in (
        (
            "wins_per_person",
            "每人一共最多中奖 {n} 次，之后不再开奖。",
            "Wins a person: {n} at most; after that they draw no more.",
        ),
        ("wins_per_day", "每人每天最多中奖 {n} 次。", "Wins a person and day: {n} at most."),
        (
            "winners_per_day",
            "全部参加者每天一共最多中奖 {n} 次，满了当天不再开奖。",
            "At most {n} {n:prize is|prizes are} won a day by all; after that nobody draws that day.",
        ),
        ("gap_s", "两次抽奖至少间隔 {n} 秒。", "At least {n} {n:second lies|seconds lie} between two draws."),
    ):
        if facts[name] is not None:
            lines.append(Text(zh, en).format(n=facts[name]))
    return lines


def odds_text(ppm: int) -> Text:
    """Odds as 1 in N and in percent."""
    if ppm <= 0:
        return Text("0%", "0 %")
    percent = plain_percent(ppm)
    times = f"{ODDS_OF / ppm:,.2f}".rstrip("0").rstrip(".") if ppm > ODDS_OF // 10 else f"{round(ODDS_OF / ppm):,}"
    is_exact = 100 * ODDS_OF % ppm == 0 if ppm > ODDS_OF // 10 else ODDS_OF % ppm == 0
    zh, en = ("", "") if is_exact else ("约 ", "about ")
    return Text(f"{percent}%（{zh}{times} 次中 1 次）", f"{percent} % ({en}1 in {times})")


def _none(config: Config) -> Text:
    rest = ODDS_OF - sum(prize["odds_ppm"] for prize in config["prizes"])
    return (
        odds_text(rest)
        if rest
        else Text("每次都会抽到一种奖品，抽完为止。", "Every draw names a prize, as long as there are any.")
    )


def prize_rows(facts: Mapping[str, Any], config: Config) -> list[dict[str, Text]]:
    """A row per prize: its name, kind, worth, number and odds, and what happens when it is gone."""
    return [
        {
            "name": same(prize["name"]),
            "kind": Text("微信零钱", "Money to WeChat balance") if prize["kind"] == "money" else Text("兑换码", "Code"),
            "worth": worth_text(prize, facts["values_fen"].get(str(prize["ordinal"]), 0)),
            "number": Text(f"{prize['stock']:,} 份", f"{prize['stock']:,}"),
            "odds": odds_text(prize["odds_ppm"]),
            "gone": _gone(prize),
        }
        for prize in config["prizes"]
    ]


def worth_text(prize: Mapping[str, Any], value_fen: int) -> Text:
    """What one piece of a prize is worth."""
    if prize["kind"] != "money":
        return Text(f"价值 {yuan(value_fen)} 元", f"worth {yuan(value_fen)} yuan")
    low, high = yuan(prize["min_fen"]), yuan(prize["max_fen"])
    if prize["split"] == "fixed":
        return Text(f"{low} 元", f"{low} yuan")
    if prize["split"] == "range":
        return Text(f"{low}–{high} 元，每个金额机会相同", f"{low}–{high} yuan, each amount as likely")
    total = yuan(prize["total_fen"])
    return Text(
        f"共 {total} 元，随机分成 {low}–{high} 元", f"{total} yuan in all, split at random into {low}–{high} yuan"
    )


def _gone(prize: Mapping[str, Any]) -> Text:
    if prize["when_gone"] == "consolation":
        return Text("抽完后改送还有剩余的末等奖", "when gone, the last prize that is left instead")
    return Text("抽完后不再中奖，页面显示“已抽完”", "when gone, no prize; the page says so")


def _put_out(config: Config) -> list[Text]:
    window = window_of(config)
    all_out = moment_text(at(window.all_out_at))
    lines = []
    for prize in config["prizes"]:
        said = _schedule(prize, window)
        lines.append(Text(f"{prize['name']}：{said.zh}", f"{prize['name']}: {said.en}"))
    last = Text(f"最晚 {all_out.zh} 全部投放完。", f"All are out by {all_out.en}.")
    left = Text("投放了没有抽走的，留给后来的人。", "What was put out and not won stays for those who come later.")
    return [*lines, last, left]


def _schedule(prize: Mapping[str, Any], window: Window) -> Text:
    schedule = ReleaseSchedule.read(prize["release"])
    if schedule.way == "once":
        return Text("活动开始时全部投放", "all at the beginning")
    if schedule.way == "even":
        return Text("在开放时间内均匀投放", "evenly over the open hours")
    if schedule.way == "days":
        first, parts, before = (window.begin + SHANGHAI_S) // DAY_S, [], 0
        for day in range(len(schedule.weights)):
            start = max(window.begin, (first + day) * DAY_S - SHANGHAI_S)
            out = released(schedule, prize["stock"], window, start)
            if out > before:
                of_day = day_text(at(start))
                parts.append(Text(f"{of_day.zh} {out - before:,} 份", f"{out - before:,} on {of_day.en}"))
            before = max(before, out)
        return Text(
            "按天投放，" + "、".join(part.zh for part in parts), "by day: " + ", ".join(part.en for part in parts)
        )
    total = sum(schedule.weights)
    shares = [(hour, weight * 100 / total) for hour, weight in enumerate(schedule.weights) if weight]
    said_zh = "、".join(f"{hour} 时 {share:.1f}%" for hour, share in shares)
    said_en = ", ".join(f"{hour}:00 {share:.1f} %" for hour, share in shares)
    return Text(f"每天按小时投放，{said_zh}", f"by the hour of each day: {said_en}")


_UNITS = ((DAY_S, "天", "day"), (HOUR_S, "小时", "hour"), (60, "分钟", "minute"), (1, "秒", "second"))


def span_text(seconds: int) -> Text:
    """A length of time in the largest unit of which it is a whole number."""
    unit_s, zh, en = next(unit for unit in _UNITS if seconds % unit[0] == 0)
    count = seconds // unit_s
    return Text(f"{count} {zh}", f"{count} {en}{'' if count == 1 else 's'}")


def collect_lines(facts: Mapping[str, Any], config: Config) -> list[Text]:
    """How and until when what was won is taken, by what kinds of prizes there are."""
    span, kinds = span_text(facts["claim_s"]), {prize["kind"] for prize in config["prizes"]}
    lines = [
        Text(
            f"中奖后 {span.zh}内在页面点“领取”；不收取任何费用。过期没有领取，视为放弃，不再补发。",
            f"Tap 领取 on the page within {span.en} of the win; it costs nothing. What is not taken by then is forfeited.",
        )
    ]
    if "money" in kinds and facts["channel"] in CONFIRMED:
        lines.append(
            Text(
                "现金转到微信零钱：点“领取”后请在微信的页面确认收款，24 小时内没有确认，可以在期限内再领；收款人的微信要已实名。",
                "Money goes to the WeChat balance: confirm on WeChat's page. Not confirmed within 24 hours, it can be taken again until "
                "the deadline. The WeChat account must have a real name.",
            )
        )
    elif "money" in kinds:
        lines.append(
            Text(
                "现金以微信红包发到聊天里，请在 24 小时内拆开；没有拆开，可以在期限内再领。",
                "Money comes as a red packet in the chat: open it within 24 hours, else it can be taken again until the deadline.",
            )
        )
    if "code" in kinds:
        lines.append(
            Text(
                "兑换码中奖后马上显示，在“我的奖品”里随时可以再看。",
                "A code is shown at once, and again under “my awards”.",
            )
        )
    return lines


def _proof(facts: Mapping[str, Any]) -> list[Text]:
    sha256 = facts["seed_sha256"]
    return [
        Text(
            "每次抽奖的数字由事先封存的随机种子和抽奖序号算出，没有指定中奖的人，主办方也不能改。",
            "The number of each draw follows from a seed that was sealed before, and from the draw's own number. Nobody is chosen.",
        ),
        Text(f"种子的 SHA-256 指纹：{sha256}", f"SHA-256 of the seed: {sha256}") if sha256 else _UNSEALED,
        Text(
            "活动结束后公开种子和全部抽奖记录（隐去个人信息），任何人都可以重算每一次结果。记录保存至少两年。",
            "After the end the seed and all draws are published, without personal data, so that anybody can recompute each result. "
            "Records are kept for two years at least.",
        ),
    ]
