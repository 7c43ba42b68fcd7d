"""What a hall cannot do, beside the field of its draft."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import Caution, DraftCheck, Values
from wxbot.extras import install_line
from wxbot.hall import quicknet
from wxbot.hall.models import Invited
from wxbot.hall.rain_rule import PACKETS_MAX
from wxbot.hall.selection import CHAIN_LENGTH, is_group
from wxbot.instant.codes import lacking
from wxbot.instant.conditions import is_list_empty
from wxbot.instant.faults import faults_of_claim, faults_of_paid_texts, faults_of_prize, faults_of_rows, not_covered
from wxbot.instant.terms import channel_of
from wxbot.money import yuan
from wxbot.orders.channels import CHANNELS
from wxbot.plurals import plural
from wxbot.settings import Settings
from wxbot.text import Refusal, fault, moment_text

SLOTS_MAX = 1_000
"""Pieces of a prize that is selected on the screen: more are rather given by a rain."""

AT_ONCE_MAX = 200
"""Winners of one selection: as many cards as the screen shows."""

EVENING_MAX = timedelta(days=7)
"""From the beginning of a hall to its end, also where it is put later: a fair of several days fits, a slip in the year or month does not."""

GAME_S = (5, 300)
GROUP_CHARS = 20
GROUPS_MAX = 50
WORD_CHARS = 20


def _span(values: Values, _now: datetime) -> Iterator[Refusal]:
    begin_at, end_at = values.get("begin_at"), values.get("end_at")
    if begin_at is None or end_at is None or end_at - begin_at <= EVENING_MAX:
        return
    last = moment_text(begin_at + EVENING_MAX)
    yield fault(
        "end_at",
        f"一场现场活动从开始到结束最多 {EVENING_MAX.days} 天，最晚到 {last.zh}：请检查结束时间的年月日",
        f"From its beginning to its end a hall lasts at most {EVENING_MAX.days} days, until {last.en}: check the date of the end",
    )


def _prizes(values: Values, _now: datetime) -> Iterator[Refusal]:
    terms = values.get("terms")
    if terms is None:
        return
    groups, channel = terms.get("groups", ()), channel_of(terms)

    def of_prize(prize: Mapping[str, Any]) -> Iterator[Refusal]:
        yield from faults_of_prize(prize, channel)
        yield from _of_prize(prize, groups, channel)

    yield from faults_of_rows(terms, of_prize)
    if sum(prize["stock"] for prize in terms.get("prizes", ()) if prize["way"] == "selection") > CHAIN_LENGTH:
        yield fault(
            "prizes",
            f"大屏抽取的奖品一共最多 {CHAIN_LENGTH} 个",
            f"All prizes selected on the screen are at most {CHAIN_LENGTH} pieces",
        )


def _of_prize(prize: Mapping[str, Any], groups: list[str], channel: str) -> Iterator[Refusal]:
    if not prize["value_fen"]:
        yield fault("", "请写明价值（元）", "Say what it is worth in yuan")
    if prize["way"] == "rain":
        yield from _of_rain(prize, channel)
        return
    if prize["min_fen"] != prize["max_fen"]:
        yield fault("", "金额请写一个数，只有红包雨可以写范围", "Write one amount; only a rain may have a range")
    if prize["way"] == "race":
        yield from _of_seconds(prize)
        if prize["kind"] == "goods":
            yield fault(
                "",
                "竞速的奖品请用现金或卡密；实物请在大屏抽取，才能当场勾选领取",
                "A race gives money or codes; a thing is selected on the screen, where its handing over is ticked off",
            )
        return
    if prize["stock"] > SLOTS_MAX:
        yield fault(
            "", f"大屏抽取的一个奖品最多 {SLOTS_MAX} 份", f"At most {SLOTS_MAX} pieces of a prize on the screen"
        )
    if not 1 <= prize["per_selection"] <= min(prize["stock"], AT_ONCE_MAX):
        most = min(prize["stock"], AT_ONCE_MAX)
        yield fault("", f"一次抽取 1 到 {most} 人", f"1 to {most} {plural(most, 'person', 'people')} at once")
    for group in prize["groups"]:
        if group not in groups:
            yield fault("", f"没有“{group}”这个分组", f"There is no group “{group}”")


def _of_rain(prize: Mapping[str, Any], channel: str) -> Iterator[Refusal]:
    yield from _of_seconds(prize)
    if prize["stock"] > PACKETS_MAX:
        yield fault(
            "",
            f"红包雨最多 {PACKETS_MAX:,} 个红包，再多请分几场",
            f"At most {PACKETS_MAX:,} packets: plan several rains",
        )
    if prize["kind"] != "money":
        yield fault("", "红包雨只发现金", "A rain is of money only")
    elif prize["split"] == "range":
        yield fault("", "请填总额，红包雨正好分完这笔钱", "Give the total: a rain gives exactly this sum")
    if prize["per_selection"] < 1:
        yield fault("", "每人至少能抢 1 个", "At least 1 packet a person")
    yield from _of_sum(prize, channel)


def _of_sum(prize: Mapping[str, Any], channel: str) -> Iterator[Refusal]:
    """What one person catches is paid in one sum, and WeChat takes only so much in one."""
    in_all_fen = prize["total_fen"] or prize["stock"] * prize["max_fen"]
    sum_fen = min(in_all_fen, min(prize["per_selection"], prize["stock"]) * prize["max_fen"])
    way = CHANNELS[channel]
    most_fen = way.amounts_fen[1]
    if prize["max_fen"] <= most_fen < sum_fen:
        n, much, most = prize["per_selection"], yuan(sum_fen), yuan(most_fen)
        yield fault(
            "",
            f"一个人抢满 {n} 个可以得到 {much} 元，{way.word.zh}每笔最多 {most} 元；请减少每人个数或最大金额",
            f"Somebody who catches {n} has {much} yuan, and one {way.word.en} is {most} at most: lower either",
        )


def _of_seconds(prize: Mapping[str, Any]) -> Iterator[Refusal]:
    least, most = GAME_S
    if not least <= prize["seconds"] <= most:
        yield fault("", f"时长为 {least} 到 {most} 秒", f"It takes {least} to {most} seconds")


def _groups(values: Values, _now: datetime) -> Iterator[Refusal]:
    groups = (values.get("terms") or {}).get("groups", ())
    if len(groups) > GROUPS_MAX:
        yield fault("groups", f"最多 {GROUPS_MAX} 个分组", f"At most {GROUPS_MAX} groups")
    for group in groups:
        if len(group) > GROUP_CHARS or not is_group(group):
            yield fault(
                "groups", f"分组名最多 {GROUP_CHARS} 个字", f"A group's name has at most {GROUP_CHARS} characters"
            )
            return


def _word(values: Values, _now: datetime) -> Iterator[Refusal]:
    if len((values.get("terms") or {}).get("day_word", "")) > WORD_CHARS:
        yield fault("day_word", f"口令最多 {WORD_CHARS} 个字", f"At most {WORD_CHARS} characters")


def _covered(values: Values, now: datetime) -> Iterator[Refusal]:
    """A rehearsal pays nobody, so its budget covers nothing."""
    if not (values.get("terms") or {}).get("is_rehearsal"):
        yield from not_covered(values, now)


def entrance(_values: Values, _now: datetime) -> Iterator[Refusal]:
    """The code on the screen is always a way in."""
    yield from ()


def nobody_invited(session: Session, _settings: Settings, values: Values, campaign_id: int | None) -> Iterator[Refusal]:
    """Only invited people may come in, and nobody is invited yet."""
    if is_list_empty(session, values, "is_invited_only", Invited, campaign_id):
        yield fault(
            "is_invited_only",
            "名单还是空的，谁也签不了到。保存后在活动页点“受邀名单”导入",
            "Nobody is on the list yet. Save, then import it on the campaign's page, “Invited people”",
        )


def weak_mode(_session: Session, _settings: Settings, values: Values, _campaign_id: int | None) -> Iterator[Refusal]:
    """What the mode `seed` does not prove is said to who approves, as it is on the screen."""
    if (values.get("terms") or {}).get("mode") == "seed":
        yield fault(
            "mode",
            "只用种子：防不住冻结前加减人员直到想要的人中奖；建议用现场号码",
            "Seed only: somebody could add or drop people before the freeze until a friend wins; numbers from the hall prevent it",
        )


def unreachable_mode(_s: Session, settings: Settings, values: Values, _campaign_id: int | None) -> Iterator[Refusal]:
    """The mode `drand` cannot work here: without relays nothing is fetched, without the library no signature is checked."""
    is_ready = bool(settings.drand_relays) and quicknet.can_check()
    if (values.get("terms") or {}).get("mode") == "drand" and not is_ready:
        yield fault(
            "mode",
            f"这里取不到 drand，每次都会等一分钟再改用现场号码。请设置 WXBOT_DRAND_RELAYS，并运行：{install_line('drand')}",
            f"drand cannot be had here; numbers from the hall would take its place after a minute. Set WXBOT_DRAND_RELAYS, and run: {install_line('drand')}",
        )


FAULTS: tuple[DraftCheck, ...] = (_span, _prizes, faults_of_paid_texts, _groups, _word, _covered, faults_of_claim)
CAUTIONS: tuple[Caution, ...] = (nobody_invited, lacking, weak_mode, unreachable_mode)
