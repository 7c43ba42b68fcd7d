"""Edits after the launch: only to people's advantage (order no. 32 of 2020, art. 13). Pure, over what was published."""

from collections.abc import Iterator, Mapping
from typing import Any

from wxbot.instant.article import Config, window_of
from wxbot.instant.release import DAY_S, HOUR_S, SHANGHAI_S, ReleaseSchedule, Window, released
from wxbot.text import Text

Facts = Mapping[str, Any]


def worse(old: tuple[Facts, Config], new: tuple[Facts, Config]) -> list[Text]:
    """Every way in which new rules (facts, configuration) are worse for anybody than the old ones; empty when they may follow them."""
    (old_facts, old_config), (new_facts, new_config) = old, new
    return [
        *_times(old_config, new_config),
        *_limits(old_facts, new_facts),
        *_words(old_facts, new_facts),
        *_prizes(old, new),
    ]


def _times(old: Config, new: Config) -> Iterator[Text]:
    if new["begin"] > old["begin"]:
        yield Text("开始时间推迟了", "it begins later")
    if new["end"] < old["end"]:
        yield Text("结束时间提前了", "it ends earlier")
    if not _minutes(window_of(old)) <= _minutes(window_of(new)):
        yield Text("每天的开放时间变短了", "the daily hours are shorter")


def _minutes(window: Window) -> set[int]:
    return {minute for begin, end in window.open_parts for minute in range(begin // 60, end // 60)}


def _limits(old: Facts, new: Facts) -> Iterator[Text]:
    for name, zh, en in (
        ("tries_per_person", "每人总次数", "draws a person in all"),
        ("tries_per_day", "每人每天次数", "draws a person a day"),
        ("wins_per_person", "每人总中奖次数", "wins a person in all"),
        ("wins_per_day", "每人每天中奖次数", "wins a person a day"),
        ("winners_per_day", "每天中奖次数", "wins a day"),
        ("claim_s", "兑奖期限", "the time to take a prize"),
    ):
        if new[name] is not None and (old[name] is None or new[name] < old[name]):
            yield Text(f"{zh}变少了", f"less: {en}")
    if (new["gap_s"] or 0) > (old["gap_s"] or 0):
        yield Text("两次抽奖的间隔变长了", "the gap between two draws is longer")
    for name, zh, en in (
        ("needs_binding", "要求绑定手机号", "a phone must be bound"),
        ("is_allow_only", "只让名单上的人参加", "only people on a list"),
        ("has_password", "要求输入口令", "a word must be typed"),
    ):
        if new[name] and not old[name]:
            yield Text(f"新增了条件：{zh}", f"a new condition: {en}")


def _words(old: Facts, new: Facts) -> Iterator[Text]:
    for name, zh, en in (
        ("organiser", "主办方", "the organiser"),
        ("channel", "发放方式", "how money is paid"),
        ("seed_sha256", "随机种子的指纹", "the fingerprint of the seed"),
        ("rules", "其他说明（文字无法自动判断是否更有利）", "the further notes (nobody can judge words automatically)"),
    ):
        if new[name] != old[name]:
            yield Text(f"改了{zh}", f"changed: {en}")
    if not new["contact"]:
        yield Text("去掉了联系方式", "the contact is gone")


def _prizes(old: tuple[Facts, Config], new: tuple[Facts, Config]) -> Iterator[Text]:
    known = {prize["ordinal"]: prize for prize in new[1]["prizes"]}
    highest = max((prize["ordinal"] for prize in old[1]["prizes"]), default=0)
    for prize in old[1]["prizes"]:
        label = Text(f"奖品“{prize['name']}”", f"prize “{prize['name']}”")
        follows = known.pop(prize["ordinal"], None)
        if follows is None:
            yield Text(f"{label.zh}没有了", f"{label.en} is gone")
            continue
        values = [facts["values_fen"].get(str(prize["ordinal"]), 0) for facts in (old[0], new[0])]
        for said in _prize(prize, follows, values[0], values[1], window_of(old[1]), window_of(new[1])):
            yield Text(f"{label.zh}{said.zh}", f"{label.en}: {said.en}")
    if any(ordinal <= highest for ordinal in known):
        yield Text("新奖品要排在最后", "new prizes come last")
    if known and any(prize["when_gone"] == "consolation" for prize in old[1]["prizes"]):
        yield Text(
            "新奖品会成为抽完后改送的奖品", "a new prize would become what is given instead when others are gone"
        )


def _prize(
    old: Mapping[str, Any], new: Mapping[str, Any], old_fen: int, new_fen: int, before: Window, after: Window
) -> Iterator[Text]:
    for name, zh, en in (
        ("kind", "的种类变了", "another kind"),
        ("name", "的名称变了", "another name"),
        ("split", "的分法变了", "split otherwise"),
    ):
        if new[name] != old[name]:
            yield Text(zh, en)
    for name, zh, en in (
        ("odds_ppm", "的概率变低了", "lower odds"),
        ("stock", "的数量变少了", "fewer of them"),
        ("min_fen", "的最小金额变少了", "a lower least amount"),
        ("max_fen", "的最大金额变少了", "a lower largest amount"),
    ):
        if new[name] < old[name]:
            yield Text(zh, en)
    if new["total_fen"] * old["stock"] < old["total_fen"] * new["stock"] or new_fen < old_fen:
        yield Text("的价值变少了", "worth less")
    if old["split"] == "exact" and (new["stock"], new["total_fen"]) != (old["stock"], old["total_fen"]):
        yield Text("已经分好，不能再改数量和总额", "is split already: its number and total stay")
    if old["when_gone"] == "consolation" and new["when_gone"] != "consolation":
        yield Text("抽完后不再改送", "nothing instead when gone")
    if _is_slower(old, new, before, after):
        yield Text("的投放变慢了", "put out more slowly")


def _is_slower(old: Mapping[str, Any], new: Mapping[str, Any], before: Window, after: Window) -> bool:
    """Whether at any full hour, or just before one, fewer are out than was promised."""
    was, will_be = ReleaseSchedule.read(old["release"]), ReleaseSchedule.read(new["release"])
    if will_be == was and before == after and new["stock"] >= old["stock"]:
        return False  # more of the same at the same moments
    first = -(-(before.begin + SHANGHAI_S) // HOUR_S) * HOUR_S - SHANGHAI_S
    moments = [before.begin, before.all_out_at]
    step = HOUR_S if before.end - before.begin <= 60 * DAY_S else DAY_S
    for hour in range(first, before.all_out_at, step):
        moments += [hour - 1, hour]
    return any(
        released(will_be, new["stock"], after, moment) < min(released(was, old["stock"], before, moment), new["stock"])
        for moment in moments
        if moment >= before.begin
    )
