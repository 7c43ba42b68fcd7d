"""The codes of a prize, pasted or read from a sheet: sealed, each once in a campaign, and as many as the prize has pieces.

In a draft the prize's stock follows its codes. Later only what is missing can be added: what was approved stays as it is. For a
prize that a running hall gets on the spot they lie ready (`lay_ready`) until two people have agreed to it (`hand_over`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.campaigns.mechanic import Values
from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.instant.models import NumberGap, Prize, PrizeCode
from wxbot.instant.terms import lay
from wxbot.plurals import plural
from wxbot.settings import Settings
from wxbot.sheets import Column
from wxbot.text import Refusal, Text, fault
from wxbot.transitions import moved_on
from wxbot.vault import Vault

CODE_CHARS = 100
CODES_MOST = 100_000
FAULTS_SHOWN = 100
"""So many lines a page lists; the sheet of the report has all of them."""
UNREADABLE = "?" * (CODE_CHARS + 1)
"""Stands for a cell that was not read exactly: it is no code."""

CHUNK = 500

COLUMNS = (Column("code", ("卡密", "兑换码", "券码", "卡号", "序列号", "code", "serial")),)
NEEDS = (("code",),)
"""What a sheet of codes must have (sheets.read)."""

_IS_ASIDE = PrizeCode.award_id.is_(None) & PrizeCode.lost_k.is_not(None)
"""Somebody has it whose award a restore has lost; it stays, so that it is not read in again (codes_lost)."""
_IS_READY = PrizeCode.prize_id.is_(None) & ~_IS_ASIDE

HEADER = (Text("行", "row"), Text("卡密", "code"), Text("问题和办法", "what is wrong and what to do"))
LEFT_OUT = {
    "doubled": Text("重复：已经有同样的卡密，跳过，不用改", "there already; skipped, nothing needs doing"),
    "faulty": Text(
        "不能用：太长，或单元格读不准；请改正后再导入",
        "too long, or a cell that could not be read; mend it and import it again",
    ),
}
"""Why a line is left out → what the report says of it."""

_NO_PRIZE = Text(
    "先把草稿里标出的地方改好并保存，再导入卡密",
    "Mend what is marked in the draft and save it, then import codes",
)
_WHICH = Text("没有这个卡密奖品", "There is no such prize of codes")
_TOO_MANY = Text(f"一次最多 {CODES_MOST:,} 个卡密", f"At most {CODES_MOST:,} codes at once")


@dataclass
class CodeReport:
    """What became of the lines: (line, what stood there, masked) of those that were left out."""

    added: int = 0
    in_all: int = 0
    """How many the prize has now."""
    doubled: int = 0
    faulty: int = 0
    left_out: list[tuple[int, str, str]] = field(default_factory=list)
    """(line, masked code, `doubled` or `faulty`)."""

    def leave_out(self, line: int, code: str, why: str) -> None:
        """Count a line that is not taken."""
        setattr(self, why, getattr(self, why) + 1)
        self.left_out.append((line, masked(code), why))

    @property
    def shown(self) -> Sequence[tuple[int, str, str]]:
        """The first of what was left out, for a page."""
        return self.left_out[:FAULTS_SHOWN]

    def sheet_rows(self) -> Iterator[tuple[int, str, Text]]:
        """Everything that was left out as rows of a sheet below HEADER."""
        return ((line, code, LEFT_OUT[why]) for line, code, why in self.left_out)


def masked(code: str) -> str:
    """A code as a report may show it: its last four characters, fewer of a short one."""
    shown = min(4, len(code) // 3)
    return "…" + code[-shown:] if shown else "…"


def counts(session: Session, campaign_id: int) -> dict[int, int]:
    """Prize's ordinal → how many codes it has. Those that a restore put aside are none, but for the pieces of the prize that they were."""
    query = select(Prize.ordinal, func.count()).join(PrizeCode, PrizeCode.prize_id == Prize.id)
    rows = session.execute(query.where(Prize.campaign_id == campaign_id, ~_IS_ASIDE).group_by(Prize.ordinal))
    found = Counter[int]({ordinal: int(n) for ordinal, n in rows})
    for given in session.scalars(select(NumberGap.given).where(NumberGap.campaign_id == campaign_id)):
        found.update({int(ordinal): n for ordinal, n in given.items()})
    return dict(found)


def lacking(session: Session, _settings: Settings, values: Values, campaign_id: int | None) -> Iterator[Refusal]:
    """Prizes with fewer codes than pieces: what is written may be submitted, and does not start before they are there."""
    have = counts(session, campaign_id) if campaign_id is not None else {}
    for ordinal, prize in enumerate((values.get("terms") or {}).get("prizes", ()), 1):
        n = prize["stock"] - have.get(ordinal, 0)
        if prize["kind"] == "code" and n > 0:
            zh = f"第 {ordinal} 个奖品还缺 {n:,} 个卡密：保存后在活动页点“卡密”导入，补齐前活动不会启动"
            en = f"Prize {ordinal} lacks {n:,} {plural(n, 'code', 'codes')}: save, then import them on the campaign's page; it does not start before"
            yield fault("prizes", zh, en)


def read_in(
    session: Session,
    vault: Vault,
    campaign_id: int,
    ordinal: int,
    lines: Iterable[tuple[int, str]],
    *,
    replace: bool = False,
) -> CodeReport:
    """Seal these codes (line, code) for a prize; blank lines are skipped. `replace`: the prize has these and no others.

    Of a running campaign they lie ready: none is given before a second person agrees to more stock (changes.ask).

    Raises Refusal when the draft is half-written, names no such prize, or what was approved would change.
    """
    campaign = session.get_one(Campaign, campaign_id, with_for_update=True, populate_existing=True)
    is_running = campaign.status in ("on", "off")
    is_before = campaign.status in ("draft", "submitted", "approved", "launching")
    if not (is_before or is_running) or (replace and campaign.status != "draft"):
        raise moved_on()
    if campaign.half_written is not None:
        raise Refusal("half_written", _NO_PRIZE)
    if is_before:
        lay(session, campaign)
    mine = (Prize.campaign_id == campaign_id, Prize.ordinal == ordinal, Prize.kind == "code")
    prize = session.scalars(select(Prize).where(*mine)).one_or_none()
    if prize is None:
        raise Refusal("absent", _WHICH)
    if replace:
        session.execute(delete(PrizeCode).where(PrizeCode.prize_id == prize.id, ~_IS_ASIDE))
    report = CodeReport()
    fresh = _fresh(session, vault, campaign_id, lines, report)
    before = counts(session, campaign_id).get(ordinal, 0)
    if campaign.status in ("submitted", "approved", "launching") and before + len(fresh) > prize.stock:
        missing = max(0, prize.stock - before)
        raise Refusal(
            "stock",
            Text(
                f"只缺 {missing:,} 个卡密，不能多导",
                f"Only {missing:,} {plural(missing, 'code is', 'codes are')} missing; no more can be added",
            ),
        )
    _write(session, vault, campaign_id, prize.id, fresh)
    report.added, report.in_all = len(fresh), before + len(fresh)
    if campaign.status == "draft" and report.in_all and report.in_all != prize.stock:
        _restock(session, campaign, ordinal, report.in_all)
    return report


def ready(session: Session, campaign_id: int) -> int:
    """How many codes lie ready for a prize that does not exist yet."""
    query = select(func.count()).where(PrizeCode.campaign_id == campaign_id, _IS_READY)
    return session.scalar(query) or 0


def lay_ready(
    session: Session, vault: Vault, campaign_id: int, lines: Iterable[tuple[int, str]], *, replace: bool = False
) -> CodeReport:
    """Seal these codes (line, code) for a prize to come. The caller holds the campaign. `replace`: these lie ready and no others."""
    if replace:
        session.execute(delete(PrizeCode).where(PrizeCode.campaign_id == campaign_id, _IS_READY))
    report = CodeReport()
    fresh = _fresh(session, vault, campaign_id, lines, report)
    _write(session, vault, campaign_id, None, fresh)
    report.added, report.in_all = len(fresh), ready(session, campaign_id)
    return report


def hand_over(session: Session, prize: Prize) -> None:
    """Give a new prize as many of the codes that lie ready as it has pieces, in their order. Raises Refusal when there are fewer."""
    mine = (PrizeCode.campaign_id == prize.campaign_id, _IS_READY)
    first = select(PrizeCode.id).where(*mine).order_by(PrizeCode.ordinal).limit(prize.stock)
    if changed(session, update(PrizeCode).where(PrizeCode.id.in_(first)).values(prize_id=prize.id)) != prize.stock:
        raise moved_on()


def _fresh(
    session: Session, vault: Vault, campaign_id: int, lines: Iterable[tuple[int, str]], report: CodeReport
) -> list[tuple[str, str]]:
    """(code, blind index) of those that are new, in their order."""
    read: dict[str, tuple[int, str]] = {}
    for number, line in lines:
        code = typed.line(line)
        if not code:
            continue
        index = vault.index(code)
        if len(code) > CODE_CHARS:
            report.leave_out(number, code, "faulty")
        elif index in read:
            report.leave_out(number, code, "doubled")
        else:
            read[index] = (number, code)
    if len(read) > CODES_MOST:
        raise Refusal("large", _TOO_MANY)
    indexes = list(read)
    for begin in range(0, len(indexes), CHUNK):
        chunk = indexes[begin : begin + CHUNK]
        mine = (PrizeCode.campaign_id == campaign_id, PrizeCode.code_index.in_(chunk))
        for index in session.scalars(select(PrizeCode.code_index).where(*mine)):
            number, code = read.pop(index)
            report.leave_out(number, code, "doubled")
    report.left_out.sort()
    return [(code, index) for index, (_, code) in read.items()]


def _write(
    session: Session, vault: Vault, campaign_id: int, prize_id: int | None, fresh: Sequence[tuple[str, str]]
) -> None:
    """Ordinals go on through the whole campaign, so that codes can follow their prize to another line."""
    last = session.scalar(select(func.max(PrizeCode.ordinal)).where(PrizeCode.campaign_id == campaign_id)) or 0
    rows = [
        {
            "campaign_id": campaign_id,
            "prize_id": prize_id,
            "ordinal": last + n,
            "code_sealed": vault.seal(code),
            "code_index": index,
        }
        for n, (code, index) in enumerate(fresh, 1)
    ]
    for begin in range(0, len(rows), CHUNK):
        session.execute(insert(PrizeCode), rows[begin : begin + CHUNK])


def _restock(session: Session, campaign: Campaign, ordinal: int, stock: int) -> None:
    prizes = [dict(prize) for prize in campaign.terms["prizes"]]
    prizes[ordinal - 1]["stock"] = stock
    campaign.terms = {**campaign.terms, "prizes": prizes}
    campaign.version += 1
    mine = (Prize.campaign_id == campaign.id, Prize.ordinal == ordinal)
    session.execute(update(Prize).where(*mine).values(stock=stock, left=stock))
