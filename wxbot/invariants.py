"""The rules that must always hold, as queries: run every minute in production and after every test story (money §5.5).

Each returns how many rows break it; 0 everywhere is the only good answer. docs/invariants.md says what enforces each.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import case, func, or_, select, text
from sqlalchemy.orm import Session

from wxbot import ledger
from wxbot.budget import Budget
from wxbot.campaigns.models import Campaign, Packet, PacketCount
from wxbot.db import Database
from wxbot.draws.models import Draw
from wxbot.hall import books as hall
from wxbot.hall.models import Hall
from wxbot.instant.models import Award, InstantDraw, InstantTerms, NumberGap, Prize
from wxbot.orders.models import DEAD, Order
from wxbot.payouts.models import COLLECT, PAYOUT_REASON, BudgetChange, PayList, Payout, RuleChange
from wxbot.payouts.sources import OWED, VOUCHER
from wxbot.quotas import Quota
from wxbot.shake.models import Bind
from wxbot.vouchers.models import Voucher


def one_live_order(session: Session) -> int:
    """I1, I6: no reason has two orders that may still move money."""
    doubled = (
        select(Order.reason_kind, Order.reason_id)
        .where(Order.status.not_in(DEAD))
        .group_by(Order.reason_kind, Order.reason_id)
        .having(func.count() > 1)
    )
    return int(session.execute(select(func.count()).select_from(doubled.subquery())).scalar_one())


def intent_before_wire(session: Session) -> int:
    """I4: what WeChat knows has a number and parameters of ours."""
    return int(
        session.execute(
            select(func.count()).select_from(Order).where(Order.sends > 0, func.length(Order.params) < 2)
        ).scalar_one()
    )


def budget_kept(session: Session) -> int:
    """I7: committed + paid never passes the budget, and committed is what is owed and what live orders hold."""
    over = session.execute(
        select(func.count()).select_from(Budget).where(Budget.committed_fen + Budget.paid_fen > Budget.budget_fen)
    ).scalar_one()
    query = (
        select(Order.budget_id, func.sum(Order.amount_fen))
        .where(Order.holding.in_(("in_flight", "tickets", "unclaimed")))
        .group_by(Order.budget_id)
    )
    held = Counter[int]({budget_id: int(fen) for budget_id, fen in session.execute(query)})
    owed = select(ledger.Balance.budget_id, ledger.Balance.balance_fen).where(ledger.Balance.account == "owed")
    held.update({budget_id: int(fen) for budget_id, fen in session.execute(owed)})
    differing = sum(1 for budget in session.scalars(select(Budget)) if held[budget.id] != budget.committed_fen)
    return int(over) + differing


def budgets_are_balances(session: Session) -> int:
    """I7, I9: what a budget has committed and paid is what stands in its campaign's accounts."""
    account, fen = ledger.Balance.account, ledger.Balance.balance_fen
    held = func.sum(case((account.in_(("owed", "in_flight", "tickets", "unclaimed")), fen), else_=0))
    paid = func.sum(case((account == "paid", fen), else_=0))
    query = select(ledger.Balance.budget_id, held, paid).group_by(ledger.Balance.budget_id)
    standing = {budget_id: (int(held_fen), int(paid_fen)) for budget_id, held_fen, paid_fen in session.execute(query)}
    return sum(
        1
        for budget in session.scalars(select(Budget))
        if standing.get(budget.id, (0, 0)) != (budget.committed_fen, budget.paid_fen)
    )


def ledger_agrees(session: Session) -> int:
    """I9: the projection of every account is the sum of its entries, and all accounts together are zero."""
    return len(ledger.unbalanced_accounts(session)) + int(sum(ledger.balances(session).values()) != 0)


def accounts_cancel(session: Session) -> int:
    """I9: all accounts together are zero."""
    return int(sum(ledger.balances(session).values()) != 0)


def ledger_holds_orders(session: Session) -> int:
    """I9, I13: what stands in flight, in tickets, unclaimed and paid is what the orders say stands there."""
    query = select(Order.holding, func.sum(Order.amount_fen)).group_by(Order.holding)
    held = dict(session.execute(query).all())
    accounts = ledger.balances(session)
    return sum(
        1 for name in ("in_flight", "tickets", "unclaimed", "paid") if accounts[name] != int(held.get(name) or 0)
    )


def seals_hold(session: Session) -> int:
    """I9: no sealed entry was changed by hand."""
    return int(ledger.broken_link(session) is not None)


LATEST_SEALS = 2_000


def latest_seals_hold(session: Session) -> int:
    """I9: none of the latest sealed entries was changed by hand, and none was left without its link."""
    return int(ledger.broken_link(session, ledger.sealed_before(session, LATEST_SEALS)) is not None)


def one_win(session: Session) -> int:
    """I12: nobody has two bound packets in one lottery's campaign, and no packet two people."""
    doubled = (
        select(Draw.campaign_id, Draw.openid)
        .where(Draw.status == "bound")
        .group_by(Draw.campaign_id, Draw.openid)
        .having(func.count() > 1)
    )
    return int(session.execute(select(func.count()).select_from(doubled.subquery())).scalar_one())


def packets_counted(session: Session) -> int:
    """I13: the kept counts are the packets."""
    kept = {
        (row.campaign_id, row.status): (row.n, row.amount_fen)
        for row in session.scalars(select(PacketCount))
        if row.n or row.amount_fen
    }
    real = {
        (campaign_id, status): (int(n), int(amount_fen))
        for campaign_id, status, n, amount_fen in session.execute(
            select(Packet.campaign_id, Packet.status, func.count(), func.sum(Packet.amount_fen)).group_by(
                Packet.campaign_id, Packet.status
            )
        )
    }
    return sum(1 for key in kept.keys() | real.keys() if kept.get(key) != real.get(key))


def four_eyes(session: Session) -> int:
    """I16: nobody approved their own campaign."""
    return int(
        session.execute(
            select(func.count()).select_from(Campaign).where(Campaign.approved_by == Campaign.submitted_by)
        ).scalar_one()
    )


def binds_explained(session: Session) -> int:
    """F39: events that match nothing of ours wait for a person."""
    return int(session.execute(select(func.count()).select_from(Bind).where(Bind.status == "quarantined")).scalar_one())


def closed_at_rest(session: Session) -> int:
    """A closed campaign has nothing owed, in flight, loaded, unclaimed or reserved."""
    open_accounts = ("owed", "in_flight", "tickets", "unclaimed", "reserved")
    return int(
        session.execute(
            select(func.count())
            .select_from(ledger.Balance)
            .join(Campaign, Campaign.id == ledger.Balance.budget_id)
            .outerjoin(InstantTerms, InstantTerms.campaign_id == Campaign.id)
            .where(
                Campaign.status == "closed",
                ledger.Balance.account.in_(open_accounts),
                ledger.Balance.balance_fen != 0,
                # One that leaves its awards to their deadline holds them a while longer, and nothing else.
                ~func.coalesce(InstantTerms.carry, False) | (ledger.Balance.account == "reserved"),
            )
        ).scalar_one()
    )


def payouts_follow_orders(session: Session) -> int:
    """I1, I2, I3: a payout says paid or returned exactly when its order does, and one that is ordered has a live order.

    An order whose change nobody has looked at yet is on its way to its payout and no fault.
    """
    ended = {"received": "paid", "returned": "returned"}
    expected = case(ended, value=Order.status, else_="ordered")
    is_seen = Order.is_noticed & Order.status.not_in(("failed", "planned", "sending"))
    # What is owed outlives an order that paid nobody: it waits for its person, or was forfeited.
    is_owed_still = (Order.fund == OWED) & (Order.status == "returned") & Payout.status.in_(("approved", "cancelled"))
    differing = (
        select(func.count())
        .select_from(Order)
        .join(Payout, Payout.order_id == Order.id)
        .where(Order.reason_kind == PAYOUT_REASON, is_seen, Payout.status != expected, ~is_owed_still)
    )
    without = (
        select(func.count())
        .select_from(Payout)
        .outerjoin(Order, Order.id == Payout.order_id)
        .where(Payout.status.in_(("ordered", "paid", "returned")), Order.id.is_(None))
    )
    return int(session.execute(differing).scalar_one()) + int(session.execute(without).scalar_one())


def nobody_forgotten(session: Session) -> int:
    """I2: what is owed is looked at again, and so is every order for it whose end is open."""
    is_persons = func.coalesce(Payout.hold, "") == COLLECT  # its award has the deadline
    owed = select(func.count()).where(Payout.status == "approved", Payout.due_at.is_(None), ~is_persons)
    open_orders = select(func.count()).where(
        Order.reason_kind == PAYOUT_REASON,
        Order.status.in_(("unknown", "accepted")),
        or_(Order.next_check_at.is_(None), Order.next_step.is_(None)),
    )
    return int(session.execute(owed).scalar_one()) + int(session.execute(open_orders).scalar_one())


def awards_are_owed(session: Session) -> int:
    """I9, I2: what stands in `owed` is what was won and no order holds; no award says other than its payout.

    An order whose change nobody has looked at yet is on its way to its award and no fault.
    """
    open_fen = select(Award.campaign_id, func.sum(Award.amount_fen)).where(Award.status.in_(("open", "collecting")))
    held = select(Order.budget_id, func.sum(Order.amount_fen)).where(
        Order.fund == OWED,
        Order.holding.in_(("in_flight", "unclaimed")) | ((Order.holding == "paid") & ~Order.is_noticed),
    )
    standing = select(ledger.Balance.budget_id, ledger.Balance.balance_fen).where(ledger.Balance.account == OWED)
    wanted = Counter[int]({key: int(fen) for key, fen in session.execute(open_fen.group_by(Award.campaign_id))})
    wanted.subtract({key: int(fen) for key, fen in session.execute(held.group_by(Order.budget_id))})
    wanted.subtract({key: int(fen) for key, fen in session.execute(standing)})
    is_persons = func.coalesce(Payout.hold, "") == COLLECT
    fits = or_(
        # Ordered: a found order that cashiers said was this one's; its award follows with its next news.
        (Award.status == "open") & (Payout.id.is_(None) | is_persons | (Payout.status == "ordered")),
        (Award.status == "collecting") & Payout.status.in_(("approved", "ordered", "paid")),
        (Award.status == "paid") & (Payout.status == "paid"),
        (Award.status == "forfeited") & (Payout.id.is_(None) | (Payout.status == "cancelled")),
        (Award.status == "given") & Payout.id.is_(None),
    )
    query = select(func.count()).select_from(Award).outerjoin(Payout, Payout.id == Award.payout_id)
    differing = int(session.execute(query.where(~func.coalesce(fits, False))).scalar_one())
    return differing + sum(1 for fen in wanted.values() if fen)


def draws_counted(session: Session) -> int:
    """I13: each prize has given what its draws say and what is known of those that a restore lost, each win is one award, and no number of a draw is missing or doubled.

    What was won in a hall came from no draw of a phone: `hall.books` has it.
    """
    halls = select(Hall.campaign_id)
    won = select(InstantDraw.campaign_id, InstantDraw.prize_ordinal, func.count()).where(InstantDraw.outcome == "won")
    given = Counter[tuple[int, int]](
        {(row[0], row[1] or 0): int(row[2]) for row in session.execute(won.group_by(*won.selected_columns[:2]))}
    )
    awarded = select(Award.campaign_id, Prize.ordinal, func.count()).join(Prize, Prize.id == Award.prize_id)
    awarded = awarded.where(Award.campaign_id.not_in(halls))
    by_award = {
        (row[0], row[1]): int(row[2]) for row in session.execute(awarded.group_by(Award.campaign_id, Prize.ordinal))
    }
    left = {
        (row[0], row[1]): int(row[2])
        for row in session.execute(
            select(Prize.campaign_id, Prize.ordinal, Prize.stock - Prize.left).where(Prize.campaign_id.not_in(halls))
        )
    }
    lost = Counter[tuple[int, int]]()
    for campaign_id, pieces in session.execute(select(NumberGap.campaign_id, NumberGap.given)):
        lost.update({(campaign_id, int(ordinal)): n for ordinal, n in pieces.items()})
    places = set(given) | set(by_award) | set(left) | set(lost)
    differing = sum(given[place] != by_award.get(place, 0) for place in places)
    differing += sum(given[place] + lost[place] != left.get(place, 0) for place in places)
    skipped = select(NumberGap.campaign_id, func.sum(NumberGap.to_k - NumberGap.from_k + 1)).group_by(
        NumberGap.campaign_id
    )
    gaps = {campaign_id: int(n) for campaign_id, n in session.execute(skipped)}
    drawn = select(InstantDraw.campaign_id, func.count()).group_by(InstantDraw.campaign_id)
    draws = {campaign_id: int(n) for campaign_id, n in session.execute(drawn)}
    numbers = session.execute(
        select(InstantTerms.campaign_id, InstantTerms.next_k).where(InstantTerms.campaign_id.not_in(halls))
    )
    return differing + sum(next_k - 1 != draws.get(key, 0) + gaps.get(key, 0) for key, next_k in numbers)


def paid_once(session: Session) -> int:
    """I1: no payout has two orders whose money a person received."""
    doubled = (
        select(Order.reason_id)
        .where(Order.reason_kind == PAYOUT_REASON, Order.status == "received")
        .group_by(Order.reason_id)
        .having(func.count() > 1)
    )
    return int(session.execute(select(func.count()).select_from(doubled.subquery())).scalar_one())


def payouts_have_two_people(session: Session) -> int:
    """I16: nobody approved a payout, a list a programme's budget or rules that they had asked for themselves."""
    found = 0
    for model, maker, checker in (
        (Payout, Payout.created_by, Payout.approved_by),
        (PayList, PayList.created_by, PayList.approved_by),
        (BudgetChange, BudgetChange.requested_by, BudgetChange.decided_by),
        (RuleChange, RuleChange.requested_by, RuleChange.decided_by),
    ):
        is_approved = checker.is_not(None) if model in (Payout, PayList) else model.status == "approved"
        query = select(func.count()).select_from(model).where(maker == checker, is_approved)
        found += int(session.execute(query).scalar_one())
    return found


def vouchers_are_owed(session: Session) -> int:
    """F01: a voucher is approved exactly when somebody is owed for it."""
    owed = (Payout.source_kind == VOUCHER) & (Payout.source_id == Voucher.id)
    unpaid = (
        select(func.count())
        .select_from(Voucher)
        .outerjoin(Payout, owed)
        .where(Voucher.status == "approved", Payout.id.is_(None))
    )
    early = select(func.count()).select_from(Voucher).join(Payout, owed).where(Voucher.status != "approved")
    return int(session.execute(unpaid).scalar_one()) + int(session.execute(early).scalar_one())


def days_counted(session: Session) -> int:
    """I8, F25b: what is counted against a person's day is what was sent to them and did not definitely fail."""
    query = (
        select(Order.openid, Order.charged_day, func.count(), func.sum(Order.amount_fen))
        .where(Order.charged_day.is_not(None), Order.status != "failed")
        .group_by(Order.openid, Order.charged_day)
    )
    real: dict[Any, tuple[int, int]] = {
        (f"person:{openid}", day): (int(n), int(fen)) for openid, day, n, fen in session.execute(query)
    }
    query_kept = select(Quota).where(Quota.name.startswith("person:"))
    kept: dict[Any, tuple[int, int]] = {
        (row.name, row.period): (row.n, row.fen) for row in session.scalars(query_kept) if row.n or row.fen
    }
    return sum(1 for key in kept.keys() | real.keys() if kept.get(key) != real.get(key))


INVARIANTS: dict[str, Callable[[Session], int]] = {
    "I1": one_live_order,
    "I4": intent_before_wire,
    "I7": budget_kept,
    "I7_balances": budgets_are_balances,
    "I9_sums": ledger_agrees,
    "I9_orders": ledger_holds_orders,
    "I9_seals": seals_hold,
    "I12": one_win,
    "I13": packets_counted,
    "I13_draws": draws_counted,
    "I13_halls": hall.counted,
    "I13_hall_logs": hall.logs_are_rows,
    "I9_hall_logs": hall.logs_hold,
    "I16": four_eyes,
    "I1_paid": paid_once,
    "I2": nobody_forgotten,
    "I3_payouts": payouts_follow_orders,
    "I9_awards": awards_are_owed,
    "I8": days_counted,
    "I16_payouts": payouts_have_two_people,
    "F01": vouchers_are_owed,
    "F39": binds_explained,
    "at_rest": closed_at_rest,
}
"""Invariant → the query that counts what breaks it."""


QUICK: dict[str, Callable[[Session], int]] = {
    "I7_balances": budgets_are_balances,
    "I9_zero": accounts_cancel,
    "I9_seals": latest_seals_hold,
    "I16": four_eyes,
    "F39": binds_explained,
    "at_rest": closed_at_rest,
}
"""Those that cost little at a million rows: every minute; the others every hour and by hand (T15)."""


def check(database: Database, queries: dict[str, Callable[[Session], int]] | None = None) -> dict[str, int]:
    """Run every invariant, or those given; name → rows that break it.

    Each sees one moment: what is compared by two questions must not change between them, or busy books look broken.
    """
    found = {}
    for name, query in (INVARIANTS if queries is None else queries).items():
        with database.reading() as session:
            if not database.is_sqlite:
                session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
                session.execute(text("SET LOCAL statement_timeout = '300s'"))
            found[name] = query(session)
    return found
