"""The list of invited people from a sheet: every row judged and named, and nothing taken over before somebody has looked.

What was judged lies sealed in Redis for half an hour; whoever comes later uploads the file again.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import redis as redis_client
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.hall.invited import key_of, name_of
from wxbot.hall.invited_report import FaultyCell, InvitedLine, InvitedReport, remarks_of
from wxbot.hall.models import Guest, Hall, Invited
from wxbot.hall.names import NAME_CHARS
from wxbot.runtime import Runtime
from wxbot.sheets import CellFault, Column, Sheet, SheetRow
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


NO_KEY = CellFault("no_key", Text("没有编号，请填上", "there is no number; fill it in"))
NO_NAME = CellFault("no_name", Text("没有姓名，请填上", "there is no name; fill it in"))
LONG_KEY = CellFault(
    "long", Text(f"编号最多 {KEY_CHARS} 个字，请改短", f"a number has at most {KEY_CHARS} characters; shorten it")
)
LONG_NAME = CellFault(
    "long", Text(f"姓名最多 {NAME_CHARS} 个字，请改短", f"a name has at most {NAME_CHARS} characters; shorten it")
)
NO_GROUP = CellFault(
    "group", Text("活动没有这个分组，请改成活动里的分组", "the hall has no such group; write one that it has")
)
GROUP_NEEDED = CellFault(
    "group", Text("没有分组，请填活动里的一个分组", "there is no group; write one that the hall has")
)
BAD_WEIGHT = CellFault(
    "weight",
    Text(f"权重是 1 到 {WEIGHT_MAX} 的整数，请改正", f"a weight is a whole number of 1 to {WEIGHT_MAX}; mend it"),
)
LATE_WEIGHT = CellFault(
    "late",
    Text("活动启动后不能再加权重，请把权重改成 1", "no weight can be given once the hall is launched; make it 1"),
)
DOUBLE = Text(
    "编号和别的行相同、姓名不同（第 {row} 行），请核对后改正",
    "the same number as row {row}, with another name; mend one of them",
)
OTHERWISE = Text(
    "编号和姓名在别的行也有（第 {row} 行），内容不同，请只留一行",
    "the same number and name as row {row}, otherwise different; keep one of them",
)
AGAIN = Text(
    "和前面一行完全相同，跳过（第 {row} 行），不用改", "the same as row {row} above it; skipped, nothing needs doing"
)
SIGNED_IN = CellFault(
    "signed_in",
    Text("这个人已经签到，不再改动，不用改", "this person has signed in and stays as they are; nothing needs doing"),
)


def _at(column: str, value: str, fault: CellFault) -> FaultyCell:
    return FaultyCell(fault.name, fault.text, column, value)


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
    return InvitedReport(tuple(judged), tuple(remarks_of(sheet, judged)))


def _line(row: SheetRow, groups: Sequence[str], is_launched: bool) -> InvitedLine:
    cells = row.cells
    key, name = key_of(cells.get("key", "")), " ".join(typed.line(cells.get("name", "")).split())
    group, weight = " ".join(typed.line(cells.get("group", "")).split()), typed.bare(cells.get("weight", "")) or "1"
    is_weight = _WEIGHT.fullmatch(weight) is not None and int(weight) <= WEIGHT_MAX
    wrong = {
        "key": NO_KEY if not key else LONG_KEY if len(key) > KEY_CHARS else None,
        "name": NO_NAME if not name else LONG_NAME if len(name) > NAME_CHARS else None,
        "group": None if group in groups or not (groups or group) else NO_GROUP if group else GROUP_NEEDED,
        "weight": BAD_WEIGHT if not is_weight else LATE_WEIGHT if is_launched and weight != "1" else None,
    } | row.faults  # a cell that could not be read is told as that, and nothing else is said of it
    faults = [
        _at(column, cells.get(column) or row.written.get(column, ""), fault)
        for column, fault in wrong.items()
        if fault is not None
    ]
    made = InvitedLine(row.number, key, name, group, int(weight) if is_weight else 1)
    return made.told("bad", *faults) if faults else made


def _without_doubles(lines: Sequence[InvitedLine]) -> list[InvitedLine]:
    """A number that stands there twice: the same person once more is skipped, two people are a fault of every such row.

    Rows with other faults are compared as well: nobody mends one fault to be told of the next.
    """
    rows: dict[str, list[InvitedLine]] = {}
    for line in lines:
        if line.key and line.name:
            rows.setdefault(line.key, []).append(line)
    ends: dict[int, InvitedLine] = {}
    for first, *others in rows.values():
        same = [first, *others]
        is_one = (
            len({(name_of(line.name), line.group, line.weight, line.fate) for line in same}) == 1 and not first.fate
        )
        is_one_name = len({name_of(line.name) for line in same}) == 1
        for line in others if is_one else same if others else ():
            row = first.number if line is not first else others[0].number
            name, said = ("again", AGAIN) if is_one else ("otherwise", OTHERWISE) if is_one_name else ("double", DOUBLE)
            fault = FaultyCell(name, said.format(row=row), "row" if is_one else "key", line.key)
            ends[line.number] = line.told("again" if is_one else "bad", fault)
    return [ends.get(line.number, line) for line in lines]


def _compared(line: InvitedLine, known: Invited | None, here: set[int | None]) -> InvitedLine:
    if known is None:
        return line.told("added")
    if (known.name, known.group, known.weight) == (line.name, line.group, line.weight):
        return line.told("same")
    return line.told("bad", _at("row", "", SIGNED_IN)) if known.id in here else line.told("changed")


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
    new, taken = list[dict[str, Any]](), 0
    for key, name, group, weight in rows:
        values = {"name": name, "group": group, "weight": weight}
        if key not in known:
            new.append(values | {"campaign_id": campaign_id, "key": key})
        elif known[key] not in here:
            taken += changed(session, update(Invited).where(Invited.id == known[key]).values(**values))
    if new:
        session.execute(insert(Invited), new)  # ten thousand objects one by one took most of an import
    return taken + len(new)


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
