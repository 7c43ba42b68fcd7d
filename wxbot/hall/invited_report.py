"""What a file of invited people would do, row by row: the faults of each row, what is remarkable in the file, and all of it as a sheet."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wxbot import sheets
from wxbot.hall.invited import name_of
from wxbot.plurals import plural
from wxbot.sheets import CellFault, Sheet
from wxbot.text import Text

COLUMN_WORDS = {
    "key": Text("编号", "number"),
    "name": Text("姓名", "name"),
    "group": Text("分组", "group"),
    "weight": Text("权重", "weight"),
    "row": Text("整行", "the row"),
    "header": Text("表头", "the header"),
}
FATE_WORDS = {
    "added": Text("新增", "New"),
    "changed": Text("更新", "Changed"),
    "same": Text("无变化", "Unchanged"),
    "again": Text("重复", "Repeated"),
    "bad": Text("有误", "Faulty"),
    "": Text("提醒", "Note"),
}
ORDER = ("bad", "again", "", "changed", "added", "same")
"""What somebody must see comes first; '' stands for what is remarkable in a row that is taken over."""

HEADER = (
    Text("行", "row"),
    Text("编号", "number"),
    Text("姓名", "name"),
    Text("结果", "outcome"),
    Text("列", "column"),
    Text("内容", "value"),
    Text("问题和办法", "what is wrong and what to do"),
)

HIDDEN = Text(
    "这一行是隐藏的（或被筛选掉），打开文件看不到，但已经读进来；不要的话请删去这一行",
    "the sheet hides this row (or a filter does), yet it was read; delete the row if it is not meant",
)
EMPTY = Text("空行，已跳过，不用改", "an empty row; it was skipped, nothing needs doing")
SHARED = Text(
    "和别的行姓名相同、编号不同，是不同的人，上墙时名字后面加签到号；是同一个人的话请删去多余的行",
    "shares a name with a row of another number; the wall shows a number behind it. If it is one person, delete the other row",
)
UNREAD = Text(
    "这一列没有读取；需要的话请把表头改成认识的名字",
    "this column was not read; if it is needed, give it a known header",
)


@dataclass(frozen=True)
class FaultyCell(CellFault):
    """A fault with its place: the column ('row' for the row as a whole) and what was read there."""

    column: str = "row"
    value: str = ""


@dataclass(frozen=True)
class InvitedLine:
    """One row and what becomes of it: added, changed, same, again (stands there twice) or bad."""

    number: int
    key: str
    name: str
    group: str = ""
    weight: int = 1
    fate: str = ""
    faults: tuple[FaultyCell, ...] = ()

    def told(self, fate: str, *faults: FaultyCell) -> "InvitedLine":
        """The line with its end."""
        return replace(self, fate=fate, faults=(*self.faults, *faults))


@dataclass(frozen=True)
class Remark:
    """What is remarkable, though no fault: the sentence for the page, and for each row of it what was read there and the sentence."""

    text: Text
    column: str
    of_row: Text
    rows: tuple[tuple[int, str], ...]
    """(row, value); row 0 is the header."""


@dataclass(frozen=True)
class InvitedReport:
    """What a file would do: nothing of it is done."""

    lines: tuple[InvitedLine, ...]
    remarks: tuple[Remark, ...]

    @property
    def counts(self) -> Counter[str]:
        """Lines by their fate."""
        return Counter(line.fate for line in self.lines)

    @property
    def good(self) -> list[InvitedLine]:
        """What is taken over when somebody says so."""
        return [line for line in self.lines if line.fate in ("added", "changed")]

    @property
    def notes(self) -> list[Text]:
        """The remarks as the page has them, with the first rows of each."""
        return [remark.text for remark in self.remarks]


def sheet_rows(report: InvitedReport) -> list[list[int | str | Text]]:
    """Every row of the file as the rows of a sheet below HEADER: one for each fault and each remark, one for a row without any."""
    told: list[tuple[int, int, list[int | str | Text]]] = []
    by_number = {line.number: line for line in report.lines}
    remarked = {number for remark in report.remarks for number, _ in remark.rows}
    for line in report.lines:
        for fault in line.faults:
            told.append(_told(line.number, line, line.fate, fault.column, fault.value, fault.text))
        if not line.faults and line.number not in remarked:
            told.append(_told(line.number, line, line.fate))
    for remark in report.remarks:
        for number, value in remark.rows:
            told.append(_told(number, by_number.get(number), "", remark.column, value, remark.of_row))
    return [cells for *_, cells in sorted(told, key=lambda row: row[:2])]


def _told(
    number: int, line: InvitedLine | None, kind: str, column: str = "", value: str = "", said: Text | str = ""
) -> tuple[int, int, list[int | str | Text]]:
    """(place of its kind, number, cells): what is to be sorted."""
    who = (line.key, line.name) if line else ("", "")
    fate = FATE_WORDS[line.fate if line else ""]
    place = COLUMN_WORDS[column] if column else ""
    return ORDER.index(kind), number, [number or "", *who, fate, place, value, said]


# --- what is said of the file as a whole --------------------------------------------------------------------------


def remarks_of(sheet: Sheet, lines: Sequence[InvitedLine]) -> Iterator[Remark]:
    """What somebody should know of a file before its rows are taken over."""
    hidden = [row.number for row in sheet.rows if row.is_hidden]
    if said := sheets.hidden_text(hidden):
        yield Remark(said, "row", HIDDEN, tuple((number, "") for number in hidden))
    if said := sheets.unread_text(sheet.unread):
        yield Remark(said, "header", UNREAD, tuple((0, header) for header in sheet.unread))
    read = [row.number for row in sheet.rows]
    empty = sorted(set(range(2, max(read, default=1))) - set(read))
    if empty:
        rows = sheets.named(empty)
        said = Text(
            f"中间有 {len(empty)} 个空行：第 {rows.zh} 行",
            f"{len(empty)} {plural(len(empty), 'row between is', 'rows between are')} empty: {rows.en}",
        )
        yield Remark(said, "row", EMPTY, tuple((number, "") for number in empty))
    yield from _shared([line for line in lines if line.fate not in ("bad", "again")])
    yield from _lost_zeros(lines)


def _shared(lines: Sequence[InvitedLine]) -> Iterator[Remark]:
    """Different people with one name: they stay apart, and the wall shows their numbers."""
    named: dict[str, list[InvitedLine]] = {}
    for line in lines:
        named.setdefault(name_of(line.name), []).append(line)
    shared = sorted((line.number, line.name) for same in named.values() if len(same) > 1 for line in same)
    if shared:
        rows = sheets.named([number for number, _ in shared])
        said = Text(
            f"有 {len(shared)} 行姓名相同、编号不同，是不同的人，上墙时名字后面加签到号：第 {rows.zh} 行",
            f"{len(shared)} rows share a name under different numbers; the wall shows a number behind it: rows {rows.en}",
        )
        yield Remark(said, "name", SHARED, tuple(shared))


def _lost_zeros(lines: Sequence[InvitedLine]) -> Iterator[Remark]:
    """Numbers that are shorter than nearly all others: a spreadsheet drops the zeros in front of what it takes for a figure.

    Numbers with a letter in them stay text and lose nothing: they say nothing of how long the others are.
    """
    told = [line for line in lines if not any(fault.name == "long" for fault in line.faults)]
    digits = [line for line in told if line.key.isascii() and line.key.isdigit()]
    lengths = Counter(len(line.key) for line in digits)
    if not lengths:
        return
    zeros = [len(line.key) for line in digits if line.key.startswith("0")]
    usual = max([max(lengths, key=lambda length: (lengths[length], length)), *zeros])
    short = [line for line in digits if len(line.key) < usual]
    if short and (zeros or len(short) * 2 <= len(digits)):
        rows, n = sheets.named([line.number for line in short]), len(short)
        said = Text(
            f"有 {n} 行的编号不到 {usual} 位，可能丢了开头的 0，请把这一列设为文本后重新填写：第 {rows.zh} 行",
            f"{n} {plural(n, 'number has', 'numbers have')} fewer than {usual} digits and may have lost zeros in front; make the column text: rows {rows.en}",
        )
        of_row = Text(
            f"编号不到 {usual} 位，可能丢了开头的 0，请把这一列设为文本后重新填写",
            f"fewer than {usual} digits: zeros in front may be lost; make the column text and type it again",
        )
        yield Remark(said, "key", of_row, tuple((line.number, line.key) for line in short))
