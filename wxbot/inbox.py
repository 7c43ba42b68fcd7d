"""What waits for exactly this person: SOURCES is every kind of thing in the console that somebody must do something about.

A source says whose role it is and which rows wait for this one, never those that they asked for themselves: a second person
is needed for those. A further feature adds its row. Counting stops at COUNTED_AT_MOST.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from flask import g, url_for
from flask_login import current_user
from sqlalchemy import CompoundSelect, Select, and_, bindparam, exists, literal, or_, select, union_all
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.orders.found import HAS_MONEY, UNJUDGED, FoundOrder, Thaw
from wxbot.orders.models import BillNote, Mark, Order
from wxbot.payouts.models import BudgetChange, PayList, Payout, Release, RuleChange, RuledBy
from wxbot.payouts.sources import AWARD
from wxbot.people.models import Binding, Confirmation, PersonMark, RosterEntry
from wxbot.staff.console import me, now, runtime
from wxbot.text import Text
from wxbot.vouchers.models import Voucher, written

COUNTED_AT_MOST = 100


@dataclass(frozen=True)
class InboxSource:
    """Things of one kind that wait: for which role, in which words, which ids, under which entry of the side bar."""

    role: str
    said: Text
    waiting: Callable[[int, datetime], Select[Any]]
    """Ids of what waits for this member of staff at this moment."""
    entry: str
    """The endpoint in the side bar that carries the count."""
    place: str = ""
    """Where they are listed; the entry when nothing else is said."""
    arguments: dict[str, Any] = field(default_factory=dict)
    single: tuple[str, str] | None = None
    """Endpoint and parameter of the page of one of them: a single one is opened at once."""


@dataclass(frozen=True)
class InboxLine:
    """One line of a person's inbox."""

    said: Text
    count: int
    url: str
    entry: str


def _campaigns(staff_id: int, _now: datetime) -> Select[Any]:
    others = and_(
        Campaign.created_by != staff_id, or_(Campaign.submitted_by.is_(None), Campaign.submitted_by != staff_id)
    )
    return select(Campaign.id).where(Campaign.status == "submitted", others)


def _to_launch(staff_id: int, _now: datetime) -> Select[Any]:
    return select(Campaign.id).where(Campaign.status == "approved", Campaign.created_by == staff_id)


def _vouchers(_staff_id: int, now: datetime) -> Select[Any]:
    return select(Voucher.id).where(Voucher.status == written("submitted"), Voucher.ready_at <= now)


def _bindings(_staff_id: int, _now: datetime) -> Select[Any]:
    return select(Binding.id).where(Binding.status == "held")


def _payouts(staff_id: int, _now: datetime) -> Select[Any]:
    others = or_(Payout.created_by.is_(None), Payout.created_by != staff_id)
    return select(Payout.id).where(Payout.status == "requested", others)


def _lists(staff_id: int, _now: datetime) -> Select[Any]:
    return select(PayList.id).where(PayList.status == "submitted", PayList.created_by != staff_id)


def _drafts(staff_id: int, _now: datetime) -> Select[Any]:
    return select(PayList.id).where(PayList.status == "draft", PayList.created_by == staff_id)


def _budgets(staff_id: int, _now: datetime) -> Select[Any]:
    changes = select(BudgetChange.programme_id).where(BudgetChange.status == "requested")
    return changes.where(BudgetChange.requested_by != staff_id)


def _rules(subject_kind: RuledBy) -> Callable[[int, datetime], Select[Any]]:
    """Programmes or kinds of voucher whose other rules wait for a second cashier."""

    def waiting(staff_id: int, _now: datetime) -> Select[Any]:
        changes = select(RuleChange.subject_id).where(RuleChange.status == "requested")
        return changes.where(RuleChange.subject_kind == subject_kind, RuleChange.requested_by != staff_id)

    return waiting


def _campaign_changes(*, is_hall: bool) -> Callable[[int, datetime], Select[Any]]:
    """Campaigns that are running, and of which somebody wants to change something; halls have a page of their own for it."""

    def waiting(staff_id: int, now: datetime) -> Select[Any]:
        is_running = and_(Campaign.status.in_(("on", "off")), Campaign.end_at > now)
        is_one = (Campaign.mechanic == "hall") == is_hall
        changes = _rules("campaign")(staff_id, now).join(Campaign, Campaign.id == RuleChange.subject_id)
        return changes.where(is_running, is_one)

    return waiting


def _manual_orders(_staff_id: int, _now: datetime) -> Select[Any]:
    is_marked = exists().where(Mark.order_id == Order.id, Mark.status == "open")
    return select(Order.id).where(Order.status == "manual", ~is_marked)


def _marks(staff_id: int, _now: datetime) -> Select[Any]:
    return select(Mark.order_id).where(Mark.status == "open", Mark.marked_by != staff_id)


def _notes(staff_id: int, _now: datetime) -> Select[Any]:
    return select(BillNote.id).where(BillNote.status == "open", BillNote.stated_by != staff_id)


def _found(staff_id: int, _now: datetime) -> Select[Any]:
    is_mine = and_(FoundOrder.status == "proposed", FoundOrder.proposed_by == staff_id)
    return select(FoundOrder.id).where(UNJUDGED, HAS_MONEY, ~is_mine)


def _releases(staff_id: int, _now: datetime) -> Select[Any]:
    return select(Release.id).where(Release.decided_by.is_(None), Release.asked_by != staff_id)


def _held_awards(_staff_id: int, _now: datetime) -> Select[Any]:
    owed = and_(Payout.source_kind == AWARD, Payout.status == "approved")
    return select(Payout.id).where(owed, Payout.hold.in_(("blocked", "texts")))


def _openings(staff_id: int, _now: datetime) -> Select[Any]:
    is_asked = and_(Thaw.opened_at.is_(None), Thaw.open_asked_by.is_not(None))
    return select(Thaw.id).where(is_asked, Thaw.open_asked_by != staff_id)


def _confirmations(roles: tuple[str, ...]) -> Callable[[int, datetime], Select[Any]]:
    """Added people that a role must confirm: those whom one of `roles` added."""

    def waiting(staff_id: int, _now: datetime) -> Select[Any]:
        listed = exists().where(RosterEntry.waits_for == Confirmation.id, RosterEntry.is_active)
        marked = exists().where(PersonMark.waits_for == Confirmation.id)
        others = or_(Confirmation.asked_by.is_(None), Confirmation.asked_by != staff_id)
        open_ones = select(Confirmation.id).where(Confirmation.decided_at.is_(None), or_(listed, marked), others)
        return open_ones.where(Confirmation.asked_role.in_(roles))

    return waiting


ADDED = Text("收款人待确认", "added people to confirm")
ORDER, CAMPAIGN, PAYOUT = (
    ("orders.order", "order_id"),
    ("campaigns.page", "campaign_id"),
    ("payouts.payout", "payout_id"),
)
CONFIRMATION = ("confirmations.page", "confirmation_id")
KIND = ("vouchers.kind", "kind_id")
LIST, PROGRAMME = ("lists.page", "list_id"), ("programmes.page", "programme_id")

SOURCES: tuple[InboxSource, ...] = (
    InboxSource("reviewer", Text("凭证待审核", "vouchers to review"), _vouchers, "vouchers.index"),
    InboxSource(
        "reviewer",
        Text("绑定待审核", "bindings to review"),
        _bindings,
        "roster.index",
        "roster.bound",
        {"view": "held"},
    ),
    InboxSource(
        "cashier",
        Text("订单待人工判断", "orders to be judged"),
        _manual_orders,
        "orders.index",
        arguments={"status": "manual"},
        single=ORDER,
    ),
    InboxSource(
        "cashier", Text("订单处理意见待确认", "marks on orders to confirm"), _marks, "orders.index", single=ORDER
    ),
    InboxSource(
        "cashier",
        Text("活动待审批", "campaigns to approve"),
        _campaigns,
        "campaigns.index",
        arguments={"group": "waiting"},
        single=CAMPAIGN,
    ),
    InboxSource(
        "cashier",
        Text("进行中的活动要改", "changes of running campaigns to approve"),
        _campaign_changes(is_hall=False),
        "campaigns.index",
        arguments={"group": "live"},
        single=("campaign_changes.page", "campaign_id"),
    ),
    InboxSource(
        "cashier",
        Text("现场抽奖要延期或加奖", "changes of running halls to approve"),
        _campaign_changes(is_hall=True),
        "campaigns.index",
        arguments={"group": "live"},
        single=("hall_desk.changes", "campaign_id"),
    ),
    InboxSource(
        "cashier",
        Text("付款待审批", "payouts to approve"),
        _payouts,
        "payouts.index",
        arguments={"tab": "requested"},
        single=PAYOUT,
    ),
    InboxSource(
        "cashier",
        Text("奖品付不出", "prizes that cannot be paid"),
        _held_awards,
        "payouts.index",
        arguments={"tab": "held", "source": AWARD},
        single=PAYOUT,
    ),
    InboxSource("cashier", Text("付款名单待审批", "lists to approve"), _lists, "lists.index", single=LIST),
    InboxSource(
        "cashier", Text("预算调整待审批", "budgets to approve"), _budgets, "programmes.index", single=PROGRAMME
    ),
    InboxSource(
        "cashier",
        Text("项目规则待审批", "limits to approve"),
        _rules("programme"),
        "programmes.index",
        single=PROGRAMME,
    ),
    InboxSource(
        "cashier",
        Text("凭证类型待审批", "kinds of voucher to approve"),
        _rules("kind"),
        "vouchers.kind_list",
        single=KIND,
    ),
    InboxSource(
        "cashier", ADDED, _confirmations(("reviewer", "admin", "")), "confirmations.index", single=CONFIRMATION
    ),
    InboxSource("reviewer", ADDED, _confirmations(("cashier",)), "confirmations.index", single=CONFIRMATION),
    InboxSource("admin", ADDED, _confirmations(("cashier",)), "confirmations.index", single=CONFIRMATION),
    InboxSource("cashier", Text("账单说明待确认", "notes on the bill to agree to"), _notes, "orders.ledger_page"),
    InboxSource("cashier", Text("丢失的订单待判断", "found orders to judge"), _found, "thaw.index"),
    InboxSource("cashier", Text("提前付款待同意", "payouts to release"), _releases, "thaw.index"),
    InboxSource("cashier", Text("解冻待同意", "an opening to agree to"), _openings, "thaw.index"),
    InboxSource(
        "marketer",
        Text("活动待启动", "campaigns to launch"),
        _to_launch,
        "campaigns.index",
        arguments={"group": "waiting"},
        single=CAMPAIGN,
    ),
    InboxSource("marketer", Text("付款名单待提交", "lists to submit"), _drafts, "lists.index", single=LIST),
    InboxSource("cashier", Text("付款名单待提交", "lists to submit"), _drafts, "lists.index", single=LIST),
)
"""Everything that may wait for somebody, the most urgent first."""


def lines(session: Session, role: str, staff_id: int, moment: datetime) -> list[InboxLine]:
    """What waits for one member of staff, by SOURCES; nothing that is not there. Addresses are those of a request."""
    found = []
    for source, ids in _ids_by_source(session, role, staff_id, moment):
        url = url_for(source.place or source.entry, **source.arguments)
        if len(set(ids)) == 1 and source.single is not None:
            endpoint, parameter = source.single
            single: dict[str, Any] = {parameter: ids[0]}
            url = url_for(endpoint, **single)
        found.append(InboxLine(source.said, len(ids), url, source.entry))
    return found


def _ids_by_source(
    session: Session, role: str, staff_id: int, moment: datetime
) -> Iterator[tuple[InboxSource, list[int]]]:
    """Every source of a role of which something waits, with its ids: one question for all, since every page asks it."""
    sources = [source for source in SOURCES if source.role == role]
    if not sources:
        return
    waiting: list[list[int]] = [[] for _ in sources]
    for n, row_id in session.execute(_question(role), {"staff_id": staff_id, "moment": moment}):
        waiting[n].append(row_id)
    yield from ((source, ids) for source, ids in zip(sources, waiting, strict=True) if ids)


@cache
def _question(role: str) -> CompoundSelect[Any]:
    """What is asked for a role, its person and moment still open: to put it together takes longer than to answer it."""
    person: Any = bindparam("staff_id")
    moment: Any = bindparam("moment")
    asked = (source.waiting(person, moment) for source in SOURCES if source.role == role)
    each = [ids.limit(COUNTED_AT_MOST).subquery() for ids in asked]
    return union_all(*(select(literal(n), ids.c[0]) for n, ids in enumerate(each)))


def mine() -> list[InboxLine]:
    """What waits for whoever is signed in, read once in a request."""
    if not current_user.is_authenticated:
        return []
    if "inbox" not in g:
        with runtime().database.reading() as session:
            g.inbox = lines(session, me().role, me().id, now())
    return list(g.inbox)


def counts() -> dict[str, int]:
    """Entry of the side bar → how much waits there for whoever is signed in."""
    found: dict[str, int] = {}
    for line in mine():
        found[line.entry] = found.get(line.entry, 0) + line.count
    return found
