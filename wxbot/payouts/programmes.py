"""Programmes: what a department pays people for, with its own budget, its texts and its limit per person.

The owner's balance table, one row per department and programme. A programme starts with nothing to spend; every fen more
or less is asked for by one person and decided by another, and stands in the ledger in the same transaction (I7, I16).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wxbot import approval, budget, ledger, typed
from wxbot.budget import Budget
from wxbot.clock import SHANGHAI
from wxbot.linter import check as lint
from wxbot.money import NotMoney, parse_yuan, yuan
from wxbot.orders import listing
from wxbot.orders.channels import DIRECT, text_fault
from wxbot.payouts import rule_changes
from wxbot.payouts.models import CHANGE_NEXT, BudgetChange, PayList, Payout, Programme, RuleChange
from wxbot.text import Faulty, Refusal, Text, fault
from wxbot.transitions import move, moved_on

NAME_CHARS = 40
NOTE_CHARS = 200
CHANGE_MAX_FEN = 10_000_000_000
RESERVED, UNRESERVED = "reserved", "unreserved"
"""Kinds of the ledger entries that set money aside for a programme, and give back what it does not need."""

OWN = Text("不能批准自己提出的预算变更", "You asked for this change")
NOT_FREE = Text(
    "这个项目没有这么多未使用的预算，无法调减", "That much of the budget is not free; it cannot be taken back"
)

RULES = ("person_fen_per_month", "needs_binding", "channel")
"""Who may get how much, and which way: columns that a second person agrees to, as to a budget. Opening again is one, too."""

TEXTS = ("send_name", "act_name", "wishing", "remark")
"""What a programme says to its people. Every direct channel must take them: a payout may choose its own (§3.2, §4.2)."""


@dataclass(frozen=True)
class ProgrammeDraft:
    """What a cashier decides about a programme; the limit in fen, 0 for none."""

    department: str
    name: str
    send_name: str
    act_name: str
    wishing: str
    remark: str
    channel: str = ""
    person_fen_per_month: int = 0
    needs_binding: bool = False


def read(form: Mapping[str, Any]) -> ProgrammeDraft:
    """The programme in a console form. Raises Faulty with every fault at once."""
    values: dict[str, Any] = {name: typed.line(form.get(name, "")) for name in ("department", "name", *TEXTS)}
    values["channel"] = str(form.get("channel", ""))
    values["needs_binding"] = bool(form.get("needs_binding"))
    faults = faults_of(values)
    month = typed.line(form.get("person_per_month", ""))
    try:
        values["person_fen_per_month"] = parse_yuan(month) if month else 0
    except NotMoney:
        faults.append(
            fault(
                "person_per_month",
                "请填写金额，最多两位小数；留空表示不限",
                "Give yuan with at most two decimals, or nothing for no limit",
            )
        )
    if faults:
        raise Faulty(faults)
    return ProgrammeDraft(**values)


def faults_of(values: Mapping[str, Any]) -> list[Refusal]:
    """Everything wrong with the names, the texts and the channel."""
    faults = []
    for field in ("department", "name"):
        text = values[field]
        if not text or len(text) > NAME_CHARS:
            faults.append(fault(field, f"请填写 1 到 {NAME_CHARS} 个字", f"Give 1 to {NAME_CHARS} characters"))
    for field in TEXTS:
        if wrong := text_fault(field, values[field]):
            faults.append(fault(field, wrong.zh, wrong.en))
        elif forbidden := lint.error(values[field]):
            faults.append(fault(field, forbidden.zh, forbidden.en))
    if values["channel"] not in ("", *DIRECT):
        faults.append(fault("channel", "请选择付款方式", "Choose how it is paid"))
    return faults


def budget_name(draft: ProgrammeDraft | Programme) -> str:
    """What the books call a programme."""
    return f"{draft.department} · {draft.name}"


def create(session: Session, draft: ProgrammeDraft, staff_id: int, now: datetime) -> int:
    """A new programme that may not spend anything yet; returns its id. Raises Faulty when the department has one of that name."""
    programme_id = budget.create(session, "programme", budget_name(draft))
    session.add(
        Programme(id=programme_id, **asdict(draft), is_open=True, created_by=staff_id, created_at=now, updated_at=now)
    )
    _flush(session)
    return programme_id


def edit(session: Session, programme_id: int, draft: ProgrammeDraft, staff_id: int, now: datetime) -> RuleChange | None:
    """Change names and texts at once, and ask for other RULES: what then waits for a second person is returned.

    Raises Refusal while an approved list is becoming payouts with the texts it was approved with, or other rules wait already.
    """
    programme = _own(session, programme_id)
    _require_idle(session, programme_id)
    values = asdict(draft)
    asked = rule_changes.differing(programme, {name: values.pop(name) for name in RULES})
    for name, value in values.items():
        setattr(programme, name, value)
    programme.updated_at = now
    _flush(session)
    session.get_one(Budget, programme_id).name = budget_name(draft)
    return rule_changes.ask(session, "programme", programme_id, asked, staff_id, now) if asked else None


def approve_rules(
    session: Session, change_id: int, staff_id: int, seen_sha256: str, now: datetime
) -> dict[str, list[Any]]:
    """The second person agrees to other limits; returns column → [before, after]. Raises Refusal."""
    change = rule_changes.waiting(session, change_id, "programme")
    programme = _own(session, change.subject_id)
    if set(change.asked) != {"is_open"}:  # a list that is being paid waits for just this
        _require_idle(session, programme.id)
    return rule_changes.approve(session, change, programme, staff_id, seen_sha256, now)


def _require_idle(session: Session, programme_id: int) -> None:
    busy = select(PayList.id).where(PayList.programme_id == programme_id, PayList.status == "approved").limit(1)
    if session.scalar(busy) is not None:
        raise Refusal(
            "busy",
            Text(
                "有一份已批准的名单正在付款，等它完成后再修改",
                "An approved list is being paid; change the programme when it is done",
            ),
        )


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise _taken() from error


def _taken() -> Faulty:
    return Faulty([fault("name", "这个部门已有同名项目", "The department has a programme of this name already")])


def _own(session: Session, programme_id: int) -> Programme:
    programme = session.get(Programme, programme_id, with_for_update=True)
    if programme is None:
        raise Refusal("absent", Text("没有这个项目", "There is no such programme"))
    return programme


def close(session: Session, programme_id: int, now: datetime) -> bool:
    """Close a programme; False when it already was. It takes no new payouts then, and approved ones wait."""
    programme = _own(session, programme_id)
    if not programme.is_open:
        return False
    programme.is_open, programme.updated_at = False, now
    return True


def ask_reopening(session: Session, programme_id: int, staff_id: int, now: datetime) -> RuleChange | None:
    """Ask that a closed programme pays again: what then waits for a second person, None when it is open.

    Raises Refusal while another change of its rules waits.
    """
    if _own(session, programme_id).is_open:
        return None
    return rule_changes.ask(session, "programme", programme_id, {"is_open": True}, staff_id, now)


# --- the budget ---------------------------------------------------------------------------------------------------


def read_change(form: Mapping[str, Any]) -> tuple[int, str]:
    """(fen more, or less when it is negative; the note) in a console form. Raises Faulty."""
    faults = []
    change_fen = 0
    try:
        change_fen = parse_yuan(str(form.get("amount", "")))
    except NotMoney:
        faults.append(fault("amount", "请填写金额，最多两位小数", "Give yuan with at most two decimals"))
    else:
        if not 0 < change_fen <= CHANGE_MAX_FEN:
            most = yuan(CHANGE_MAX_FEN)
            faults.append(fault("amount", f"金额须大于 0，不超过 {most} 元", f"More than 0 and at most {most} yuan"))
    note = typed.line(form.get("note", ""))
    if not note or len(note) > NOTE_CHARS:
        faults.append(
            fault("note", f"请写明用途，最多 {NOTE_CHARS} 个字", f"Say what for, in at most {NOTE_CHARS} characters")
        )
    if faults:
        raise Faulty(faults)
    return (-change_fen if form.get("direction") == "less" else change_fen), note


def ask_change(session: Session, programme_id: int, change_fen: int, note: str, staff_id: int, now: datetime) -> int:
    """Ask for `change_fen` more (or less) to spend; nothing changes until a second person approves. Returns the change's id."""
    _own(session, programme_id)
    change = BudgetChange(
        programme_id=programme_id,
        change_fen=change_fen,
        note=note,
        status="requested",
        requested_by=staff_id,
        requested_at=now,
    )
    session.add(change)
    session.flush()
    return change.id


def content_of(change: BudgetChange, programme: Programme) -> str:
    """The hash of all that a second person agrees to: how much for what, and whom the programme pays with which texts and limits."""
    asked = [change.id, change.requested_by, change.change_fen, change.note]
    return approval.content_hash({"asked": asked, "programme": rule_changes.row_shown(programme)})


def approve_change(session: Session, change_id: int, staff_id: int, seen_sha256: str, now: datetime) -> BudgetChange:
    """The second person agrees to what they were shown: the budget and the ledger change together, once. Raises Refusal, and
    then nothing has changed."""
    change = _waiting(session, change_id)
    require_approvable(session, change, staff_id, now)
    content = content_of(change, _own(session, change.programme_id))
    approval.require_unchanged(content, seen_sha256, changed=approval.LOOK_AGAIN)
    decided = {"decided_by": staff_id, "decided_at": now, "content_sha256": seen_sha256}
    if not move(session, BudgetChange, change_id, CHANGE_NEXT, "requested", "approved", **decided):
        raise moved_on()
    if not budget.change_budget(session, change.programme_id, change.change_fen):
        raise Refusal("not_free", NOT_FREE)
    is_more = change.change_fen > 0
    kind, debit, credit = (RESERVED, "merchant", "reserved") if is_more else (UNRESERVED, "reserved", "merchant")
    posting = ledger.Posting(kind, f"change:{change_id}", debit, credit, abs(change.change_fen), change.programme_id)
    if ledger.post(session, [posting], now) != 1:
        raise moved_on()
    return change


def require_approvable(session: Session, change: BudgetChange, staff_id: int, now: datetime) -> None:
    """Raise Refusal when this person cannot agree to the change now: what the button asks before it is offered, too."""
    approval.require_second(session, staff_id, [change.requested_by], OWN, now)
    if not budget.is_free(session, change.programme_id, -change.change_fen):
        raise Refusal("not_free", NOT_FREE)


def refuse_change(session: Session, change_id: int, staff_id: int, now: datetime) -> BudgetChange:
    """Say no, or take one's own request back. Raises Refusal when it was decided already."""
    change = _waiting(session, change_id)
    if not move(
        session, BudgetChange, change_id, CHANGE_NEXT, "requested", "refused", decided_by=staff_id, decided_at=now
    ):
        raise moved_on()
    return change


def _waiting(session: Session, change_id: int) -> BudgetChange:
    change = session.get(BudgetChange, change_id, with_for_update=True)
    if change is None:
        raise Refusal("absent", Text("没有这条预算变更", "There is no such change"))
    if change.status != "requested":
        raise moved_on()
    return change


# --- how it stands ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """A programme and its money, in fen."""

    programme: Programme
    budget_fen: int
    committed_fen: int
    paid_fen: int
    waiting: int
    """Payouts that are approved and have no order yet."""
    waiting_fen: int
    month_fen: int
    """Received by people since the first of the Shanghai month."""
    asked_fen: int
    """Budget changes that wait for a second person, added up."""

    @property
    def free_fen(self) -> int:
        """What may still be committed to orders."""
        return self.budget_fen - self.committed_fen - self.paid_fen

    @property
    def unspoken_fen(self) -> int:
        """What is free and not owed to anybody yet; negative when more is owed than there is."""
        return self.free_fen - self.waiting_fen


def standings(session: Session, now: datetime, programme_ids: Sequence[int] | None = None) -> list[Standing]:
    """How programmes stand: the open ones first, then by department and name."""
    query = select(Programme, Budget).join(Budget, Budget.id == Programme.id)
    query = query.order_by(Programme.is_open.desc(), Programme.department, Programme.name).limit(500)
    if programme_ids is not None:
        query = query.where(Programme.id.in_(programme_ids))
    found = session.execute(query).all()
    ids = [programme.id for programme, _ in found]
    waiting = _waiting_payouts(session, ids)
    month = _received_this_month(session, ids, now)
    asked = select(BudgetChange.programme_id, func.sum(BudgetChange.change_fen)).where(
        BudgetChange.programme_id.in_(ids), BudgetChange.status == "requested"
    )
    asked_fen = {
        programme_id: int(fen) for programme_id, fen in session.execute(asked.group_by(BudgetChange.programme_id))
    }
    return [
        Standing(
            programme,
            held.budget_fen,
            held.committed_fen,
            held.paid_fen,
            *waiting.get(programme.id, (0, 0)),
            month.get(programme.id, 0),
            asked_fen.get(programme.id, 0),
        )
        for programme, held in found
    ]


def _waiting_payouts(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    query = (
        select(Payout.budget_id, func.count(), func.sum(Payout.amount_fen))
        .where(Payout.status == "approved", Payout.budget_id.in_(ids))
        .group_by(Payout.budget_id)
    )
    return {programme_id: (int(n), int(fen)) for programme_id, n, fen in session.execute(query)}


def _received_this_month(session: Session, ids: Sequence[int], now: datetime) -> dict[int, int]:
    local = now.astimezone(SHANGHAI)
    first = listing.first_entry_since(session, local.replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    entry = ledger.Entry
    query = (
        select(entry.budget_id, func.sum(entry.amount_fen))
        .where(entry.budget_id.in_(ids), entry.id >= first, entry.kind == "received")
        .group_by(entry.budget_id)
    )
    return {int(budget_id or 0): int(fen) for budget_id, fen in session.execute(query)}


def changes_of(session: Session, programme_id: int, limit: int = 50) -> Sequence[BudgetChange]:
    """The latest budget changes of a programme, the open ones first."""
    query = select(BudgetChange).where(BudgetChange.programme_id == programme_id)
    return session.scalars(
        query.order_by(BudgetChange.status != "requested", BudgetChange.id.desc()).limit(limit)
    ).all()


def open_ones(session: Session) -> Sequence[Programme]:
    """Programmes that take payouts, for choosing one."""
    query = select(Programme).where(Programme.is_open).order_by(Programme.department, Programme.name)
    return session.scalars(query.limit(500)).all()


def named(session: Session, ids: Iterable[int]) -> Sequence[Programme]:
    """Programmes by their ids."""
    return session.scalars(select(Programme).where(Programme.id.in_(list(ids)))).all()
