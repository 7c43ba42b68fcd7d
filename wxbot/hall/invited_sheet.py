"""The list of invited people from a sheet: every row judged and named, and nothing taken over before somebody has looked.

What was judged lies sealed in Redis for half an hour; whoever comes later uploads the file again.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import redis as redis_client
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from wxbot import sheets, typed
from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.hall.invited import key_of, name_of
from wxbot.hall.models import Guest, Hall, Invited
from wxbot.hall.names import NAME_CHARS
from wxbot.plurals import plural
from wxbot.runtime import Runtime
from wxbot.sheets import ROWS_NAMED, CellFault, Column, Sheet, SheetRow
from wxbot.text import Refusal, Text

COLUMNS = (
    Column(
        "key", ("工号", "编号", "员工编号", "员工号", "学号", "座位号", "staff number", "number", "no", "id", "key")
    ),
    Column("name", ("姓名", "名字", "name")),
    Column("group", ("分组", "部门", "组", "group", "department")),
    Column("weight", ("权重", "weight")),
)
NEEDS = (("key",), ("name",))
KEY_CHARS = 40
WEIGHT_MAX = 100
PEOPLE_MAX = 20_000
KEPT_S = 1_800

_WEIGHT = re.compile(r"[1-9][0-9]{0,2}")


def _fault(name: str, zh: str, en: str) -> CellFault:
    return CellFault(name, Text(zh, en))


NO_KEY = _fault("no_key", "没有编号", "there is no number")
NO_NAME = _fault("no_name", "没有姓名", "there is no name")
LONG = _fault(
    "long", f"编号最多 {KEY_CHARS} 个字，姓名最多 {NAME_CHARS} 个字", "a number or a name with too many characters"
)
NO_GROUP = _fault("group", "活动没有这个分组", "the hall has no such group")
BAD_WEIGHT = _fault("weight", f"权重是 1 到 {WEIGHT_MAX} 的整数", f"a weight is a whole number of 1 to {WEIGHT_MAX}")
LATE_WEIGHT = _fault("late", "活动启动后不能再加权重", "no weight can be given once the hall is launched")
DOUBLE = _fault("double", "编号和别的行相同、姓名不同", "the same number as another row, with another name")
AGAIN = _fault("again", "和前面一行完全相同，跳过", "the same as a row above it; skipped")
SIGNED_IN = _fault("signed_in", "这个人已经签到，不再改动", "this person has signed in and stays as they are")


@dataclass(frozen=True)
class InvitedLine:
    """One row and what becomes of it: added, changed, same, again (stands there twice) or bad."""

    number: int
    key: str
    name: str
    group: str = ""
    weight: int = 1
    fate: str = ""
    faults: tuple[CellFault, ...] = ()

    def told(self, fate: str, *faults: CellFault) -> "InvitedLine":
        """The line with its end."""
        return replace(self, fate=fate, faults=(*self.faults, *faults))


@dataclass(frozen=True)
class InvitedReport:
    """What a file would do: nothing of it is done."""

    lines: tuple[InvitedLine, ...]
    notes: tuple[Text, ...]

    @property
    def counts(self) -> Counter[str]:
        """Lines by their fate."""
        return Counter(line.fate for line in self.lines)

    @property
    def good(self) -> list[InvitedLine]:
        """What is taken over when somebody says so."""
        return [line for line in self.lines if line.fate in ("added", "changed")]


def look(session: Session, campaign: Campaign, sheet: Sheet) -> InvitedReport:
    """Judge every row of a file. Raises Refusal for one with too many people."""
    if len(sheet.rows) > PEOPLE_MAX:
        raise Refusal("rows", Text(f"最多 {PEOPLE_MAX:,} 人", f"At most {PEOPLE_MAX:,} people"))
    groups: list[str] = campaign.terms.get("groups") or []
    is_launched = session.get(Hall, campaign.id) is not None
    lines = _without_doubles([_line(row, groups, is_launched) for row in sheet.rows])
    known = {line.key: line for line in session.scalars(select(Invited).where(Invited.campaign_id == campaign.id))}
    here = set(session.scalars(select(Guest.invited_id).where(Guest.campaign_id == campaign.id)))
    judged = [line if line.fate else _compared(line, known.get(line.key), here) for line in lines]
    return InvitedReport(tuple(judged), tuple(filter(None, _notes(sheet, judged))))


def _line(row: SheetRow, groups: Sequence[str], is_launched: bool) -> InvitedLine:
    cells, faults = row.cells, list(row.faults.values())
    key, name = key_of(cells.get("key", "")), " ".join(typed.line(cells.get("name", "")).split())
    group, weight = " ".join(typed.line(cells.get("group", "")).split()), typed.bare(cells.get("weight", "")) or "1"
    faults += [NO_KEY] if not key and "key" not in row.faults else []
    faults += [NO_NAME] if not name and "name" not in row.faults else []
    faults += [LONG] if len(key) > KEY_CHARS or len(name) > NAME_CHARS else []
    faults += [NO_GROUP] if group not in groups and (groups or group) and (group or groups) else []
    is_weight = _WEIGHT.fullmatch(weight) is not None and int(weight) <= WEIGHT_MAX
    faults += [] if is_weight or "weight" in row.faults else [BAD_WEIGHT]
    faults += [LATE_WEIGHT] if is_launched and is_weight and weight != "1" else []
    number = int(weight) if is_weight else 1
    made = InvitedLine(row.number, key, name, group, number)
    return made.told("bad", *faults) if faults else made


def _without_doubles(lines: Sequence[InvitedLine]) -> list[InvitedLine]:
    """A number that stands there twice: the same person once more is skipped, two people are a fault of both rows."""
    rows: dict[str, list[InvitedLine]] = {}
    for line in lines:
        if not line.fate:
            rows.setdefault(line.key, []).append(line)
    ends: dict[int, InvitedLine] = {}
    for same in rows.values():
        first = same[0]
        is_one = len({(name_of(line.name), line.group, line.weight) for line in same}) == 1
        for line in same[1 if is_one else 0 :]:
            if len(same) > 1:
                ends[line.number] = line.told("again", AGAIN) if is_one else line.told("bad", DOUBLE)
        ends.setdefault(first.number, first)
    return [ends.get(line.number, line) for line in lines]


def _compared(line: InvitedLine, known: Invited | None, here: set[int | None]) -> InvitedLine:
    if known is None:
        return line.told("added")
    if (known.name, known.group, known.weight) == (line.name, line.group, line.weight):
        return line.told("same")
    return line.told("bad", SIGNED_IN) if known.id in here else line.told("changed")


# --- what is said of the file as a whole --------------------------------------------------------------------------


def _named(numbers: Sequence[int]) -> str:
    return "、".join(map(str, numbers[:ROWS_NAMED])) + ("…" if len(numbers) > ROWS_NAMED else "")


def _notes(sheet: Sheet, lines: Sequence[InvitedLine]) -> Iterable[Text | None]:
    yield sheets.hidden_text([row.number for row in sheet.rows if row.is_hidden])
    yield sheets.unread_text("、".join(sheet.unread))
    read = [row.number for row in sheet.rows]
    empty = sorted(set(range(2, max(read, default=1))) - set(read))
    if empty:
        rows = _named(empty)
        yield Text(
            f"中间有 {len(empty)} 个空行：第 {rows} 行",
            f"{len(empty)} {plural(len(empty), 'row between is', 'rows between are')} empty: {rows}",
        )
    taken = [line for line in lines if line.fate != "bad"]
    yield _shared(taken)
    yield _lost_zeros(taken)


def _shared(lines: Sequence[InvitedLine]) -> Text | None:
    """Different people with one name: they stay apart, and the wall shows their numbers."""
    rows: dict[str, list[int]] = {}
    for line in lines:
        if line.fate != "again":
            rows.setdefault(name_of(line.name), []).append(line.number)
    shared = sorted(number for numbers in rows.values() if len(numbers) > 1 for number in numbers)
    if not shared:
        return None
    named = _named(shared)
    return Text(
        f"有 {len(shared)} 行姓名相同、编号不同，是不同的人，上墙时名字后面加签到号：第 {named} 行",
        f"{len(shared)} rows share a name under different numbers; the wall shows a number behind it: rows {named}",
    )


def _lost_zeros(lines: Sequence[InvitedLine]) -> Text | None:
    """Numbers that are shorter than nearly all others: a spreadsheet drops the zeros in front of what it takes for a figure."""
    digits = [line for line in lines if line.key.isascii() and line.key.isdigit()]
    lengths = Counter(len(line.key) for line in digits)
    if not lengths or len(digits) < len(lines):
        return None
    usual = max(lengths, key=lambda length: (lengths[length], length))
    usual = max(usual, *(len(line.key) for line in digits if line.key.startswith("0"))) if _has_zero(digits) else usual
    short = [line.number for line in digits if len(line.key) < usual]
    if not short or (not _has_zero(digits) and len(short) * 2 > len(digits)):
        return None
    named = _named(short)
    return Text(
        f"有 {len(short)} 行的编号不到 {usual} 位，可能丢了开头的 0，请把这一列设为文本后重新填写：第 {named} 行",
        f"{len(short)} {plural(len(short), 'number has', 'numbers have')} fewer than {usual} digits and may have lost zeros in front; make the column text: rows {named}",
    )


def _has_zero(lines: Sequence[InvitedLine]) -> bool:
    return any(line.key.startswith("0") for line in lines)


# --- between looking and taking over ------------------------------------------------------------------------------


def keep(runtime: Runtime, campaign_id: int, staff_id: int, report: InvitedReport) -> bool:
    """Keep what would be taken over, for this member of staff; False while Redis is away."""
    rows = [[line.key, line.name, line.group, line.weight] for line in report.good]
    sealed = runtime.vault.seal(json.dumps(rows, ensure_ascii=False))
    try:
        runtime.redis.set(_kept_key(campaign_id, staff_id), sealed, ex=KEPT_S)
    except redis_client.RedisError:
        return False
    return True


def kept(runtime: Runtime, campaign_id: int, staff_id: int) -> list[list[Any]] | None:
    """What this member of staff looked at last, once; None when it is too long ago."""
    try:
        sealed = runtime.redis.getdel(_kept_key(campaign_id, staff_id))
    except redis_client.RedisError:
        return None
    rows: list[list[Any]] | None = json.loads(runtime.vault.open(str(sealed))) if sealed else None
    return rows


def _kept_key(campaign_id: int, staff_id: int) -> str:
    return f"hall:invited:{campaign_id}:{staff_id}"


def take_over(session: Session, campaign_id: int, rows: Sequence[Sequence[Any]]) -> int:
    """Put these people on the list; who has signed in meanwhile stays as they are. How many were added or changed."""
    query = select(Invited.key, Invited.id).where(Invited.campaign_id == campaign_id)
    known = {row.key: row.id for row in session.execute(query)}
    here = set(session.scalars(select(Guest.invited_id).where(Guest.campaign_id == campaign_id)))
    taken = 0
    for key, name, group, weight in rows:
        if key not in known:
            session.add(Invited(campaign_id=campaign_id, key=key, name=name, group=group, weight=weight))
            taken += 1
        elif known[key] not in here:
            values = {"name": name, "group": group, "weight": weight}
            taken += changed(session, update(Invited).where(Invited.id == known[key]).values(**values))
    session.flush()
    return taken


def clear(session: Session, campaign_id: int) -> int:
    """Take everybody off the list of a hall that is not launched; how many there were. Raises Refusal once it is."""
    if session.get(Hall, campaign_id) is not None:
        raise Refusal(
            "launched",
            Text("活动已经启动，名单只能加人", "The hall is launched: people can only be added"),
        )
    return changed(session, delete(Invited).where(Invited.campaign_id == campaign_id))


def counted(session: Session, campaign_id: int) -> tuple[int, int, int]:
    """(how many are invited, how many of them have a weight other than 1, how many have signed in)."""
    weighed = func.count().filter(Invited.weight != 1)
    invited = select(func.count(), weighed).where(Invited.campaign_id == campaign_id)
    here = (
        select(func.count()).select_from(Guest).where(Guest.campaign_id == campaign_id, Guest.invited_id.is_not(None))
    )
    listed, heavy = session.execute(invited).one()
    return int(listed), int(heavy), session.scalar(here) or 0
