"""From a file to rows: who, how much, what for. What cannot be read makes its row faulty; no row is left out."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from wxbot import sheets
from wxbot.money import NotMoney, parse_yuan, yuan
from wxbot.payouts.list_words import store
from wxbot.people import phones
from wxbot.settings import Settings
from wxbot.sheets import Column, SheetRow

COLUMNS = (
    Column("openid", ("openid", "微信openid", "open id", "用户openid")),
    Column("phone", ("手机号", "手机", "手机号码", "电话", "联系电话", "phone", "mobile", "phone number")),
    Column("name", ("姓名", "名字", "收款人", "name")),
    Column(
        "amount",
        (
            "金额",
            "金额(元)",
            "金额元",
            "红包金额",
            "奖励金额",
            "奖金",
            "奖金(元)",
            "amount",
            "amount (yuan)",
            "amount (cny)",
            "yuan",
        ),
    ),
    Column("note", ("备注", "说明", "事由", "note", "remark")),
)
"""Amounts are yuan; a column headed 分 is none of them, so nobody is paid a hundredfold."""

NEEDS = (("phone", "openid"), ("amount",))
NAME_CHARS = 40
NOTE_CHARS = 200
UNREAD_CHARS = 400
_OPENID = re.compile(r"[A-Za-z0-9_-]{20,64}")


@dataclass
class Candidate:
    """A row on its way to being good or faulty. The amount in fen, the phone as E.164."""

    row_number: int
    openid: str | None
    phone: str | None
    name: str
    amount_fen: int | None
    note: str
    fault: str = ""
    is_hidden: bool = False
    as_read: dict[str, str] = field(default_factory=dict)
    """Texts of the file that could not be taken, by column."""


@dataclass(frozen=True)
class ReadList:
    """Every row of a file, and the headers of columns that were not read, as they are shown."""

    rows: list[Candidate]
    unread: str


def read(raw: bytes, settings: Settings) -> ReadList:
    """Every row of the file. Raises Refusal for a file that is no list, and Busy."""
    sheet = sheets.read(raw, COLUMNS, NEEDS, Path(settings.data_dir))
    return ReadList([_candidate(row, settings) for row in sheet.rows], "、".join(sheet.unread)[:UNREAD_CHARS])


def _candidate(row: SheetRow, settings: Settings) -> Candidate:
    cells = {column.key: row.cells.get(column.key, "") for column in COLUMNS}
    found = Candidate(
        row.number, None, None, cells["name"][:NAME_CHARS], None, cells["note"][:NOTE_CHARS], is_hidden=row.is_hidden
    )
    for key, wrong in row.faults.items():
        found.fault = found.fault or store("cell", f"{key}:{wrong.name}")
    for key, most in (("name", NAME_CHARS), ("note", NOTE_CHARS)):
        if len(cells[key]) > most:
            found.fault = found.fault or store("cell", f"{key}:long")
    fault = _read_person(found, cells["openid"], cells["phone"])
    found.fault = found.fault or fault
    fault = _read_amount(found, cells["amount"], settings)
    found.fault = found.fault or fault
    taken = {"openid": found.openid, "phone": found.phone, "amount": found.amount_fen}
    found.as_read = {key: cells[key] for key, value in taken.items() if cells[key] and value is None}
    return found


def _read_person(found: Candidate, openid: str, phone: str) -> str:
    """Fill in who; returns the fault or ''."""
    if not openid and not phone:
        return "no_person"
    if openid and not _OPENID.fullmatch(openid):
        return "bad_openid"
    found.openid = openid or None
    if phone:
        try:
            found.phone = phones.normalise(phone)
        except phones.BadPhone:
            return "bad_phone"
    return ""


def _read_amount(found: Candidate, text: str, settings: Settings) -> str:
    """Fill in how much, exactly as it is written (F30); returns the fault or ''."""
    if not text:
        return "no_amount"
    try:
        found.amount_fen = parse_yuan(text)
    except NotMoney:
        return store("bad_amount", text[:40])
    return amount_fault(found.amount_fen, settings)


def amount_fault(amount_fen: int, settings: Settings) -> str:
    """The fault of an amount that one payout may not have, or ''."""
    if amount_fen < settings.payout_min_fen:
        return store("below_min", yuan(settings.payout_min_fen))
    return store("above_max", yuan(settings.payout_max_fen)) if amount_fen > settings.payout_max_fen else ""
