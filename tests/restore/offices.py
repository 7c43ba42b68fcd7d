"""Two cashiers, people, and what both of them do after a restore: the judge's view is the bank's book and the wallets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from tests.payouts.stories import sound
from tests.servers import SimulatedWeChat
from tests.staff.consoles import PASSWORD
from wxbot import ledger, lineage
from wxbot.clock import SHANGHAI
from wxbot.demo import expected
from wxbot.demo.actors import World
from wxbot.orders import found
from wxbot.orders.channels import DIRECT
from wxbot.orders.found import FoundOrder, Thaw
from wxbot.payouts import lists
from wxbot.payouts.models import ListRow, PayList, Payout
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.audit import Actor
from wxbot.thaw import judge, opening
from wxbot.worker import run_task, run_until_quiet


def hire(runtime: Runtime) -> None:
    """Two cashiers, as in the copy."""
    for login, name in (("zhao.test", "赵财务"), ("qian.test", "钱财务")):
        accounts.hire(runtime.database, login, name, "cashier", PASSWORD, runtime.clock.now())


def cashiers(runtime: Runtime) -> tuple[Actor, Actor]:
    """Both of them."""
    with runtime.database.reading() as session:
        ids = {one.login: one.id for one in accounts.everyone(session)}
    return Actor(ids["zhao.test"], "zhao.test"), Actor(ids["qian.test"], "qian.test")


def list_of(runtime: Runtime, programme_id: int, rows: Sequence[tuple[str, int]], status: str = "submitted") -> int:
    """A list as it stands in a copy: its rows are read, nobody is owed yet."""
    with runtime.database.transaction() as session:
        made = PayList(
            name="名单",
            file_sha256=f"{programme_id:064d}",
            programme_id=programme_id,
            status=status,
            rows=len(rows),
            good_rows=len(rows),
            total_fen=sum(fen for _, fen in rows),
            created_by=77,
            created_at=runtime.clock.now(),
        )
        session.add(made)
        session.flush()
        for n, (openid, fen) in enumerate(rows, 2):
            session.add(ListRow(list_id=made.id, row_number=n, openid=openid, amount_fen=fen))
        return made.id


def approve_list(runtime: Runtime, list_id: int, staff_id: int) -> None:
    """The second person's word, as the page's button gives it."""
    with runtime.database.transaction() as session:
        pay_list = session.get_one(PayList, list_id)
        pay_list.content_sha256 = lists.content_sha256(session, pay_list)
    with runtime.database.transaction() as session:
        seen = session.get_one(PayList, list_id).content_sha256 or ""
        lists.approve(session, list_id, staff_id, seen, runtime.clock.now())


def work(runtime: Runtime, rounds: int = 3) -> None:
    """What a worker does of itself."""
    for _ in range(rounds):
        for name in ("orders.prove", "orders.thaw", "orders.bill"):
            run_task(runtime, name)
        run_until_quiet(runtime)


def thaw_of(runtime: Runtime) -> Thaw:
    with runtime.database.reading() as session:
        thaw = found.current(session)
    assert thaw is not None
    return thaw


def found_in(runtime: Runtime) -> list[FoundOrder]:
    with runtime.database.reading() as session:
        return list(session.scalars(select(FoundOrder).order_by(FoundOrder.id)))


def judge_all(runtime: Runtime) -> int:
    """One cashier proposes all that is clear, the other agrees to what the page shows; returns how many were adopted."""
    first, second = cashiers(runtime)
    now = runtime.clock.now()
    judge.propose_clear(runtime, first, now)
    with runtime.database.reading() as session:
        seen = judge.seal_of(judge.proposals_for(session, second.id or 0))
    confirmed, left = judge.confirm_all(runtime, seen, second, now)
    assert left == []
    return confirmed


def until_asked(runtime: Runtime) -> None:
    """Let the worker go on asking until it has asked about every number."""
    for _ in range(200):
        if thaw_of(runtime).step == "judging":
            return
        assert run_task(runtime, "orders.thaw") > 0
    raise AssertionError("the asking does not end")


def open_database(runtime: Runtime) -> None:
    first, second = cashiers(runtime)
    opening.ask(runtime, first, runtime.clock.now())
    opening.confirm(runtime, second, runtime.clock.now())
    assert lineage.may_send(runtime)


def pass_time(runtime: Runtime, simulator: SimulatedWeChat, seconds: float) -> None:
    simulator.advance(seconds)
    runtime.clock.refresh()
    work(runtime)


def until_bill(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """The next day, 11:00 in Shanghai: the bill of this day is there."""
    local = runtime.clock.now().astimezone(SHANGHAI)
    morning = (local + timedelta(days=1)).replace(hour=11, minute=0, second=0)
    pass_time(runtime, simulator, (morning - local).total_seconds())


def take_everything(simulator: SimulatedWeChat, people: Sequence[dict[str, Any]]) -> None:
    """Everybody takes what waits for them."""
    for person in people:
        for packet in simulator.control("GET", f"people/{person['id']}/packets")["packets"]:
            if packet["status"] == "pending":
                simulator.control("POST", f"people/{person['id']}/packets/{packet['detail_id']}/open")
        for bill in simulator.control("GET", f"people/{person['id']}/transfers")["transfers"]:
            if bill["state"] == "WAIT_USER_CONFIRM":
                simulator.control("POST", f"people/{person['id']}/transfers/{bill['transfer_bill_no']}/confirm")


def sent_numbers(simulator: SimulatedWeChat, channels: Sequence[str] = DIRECT) -> set[str]:
    """Every number that the bank carried out or holds, packets and transfers alike."""
    numbers: set[str] = set()
    for channel in channels:
        numbers |= {row["mch_billno"] for row in expected.orders_of(World(simulator.base), channel)}
    return numbers


def wallets(simulator: SimulatedWeChat, people: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {
        person["openid"]: simulator.control("GET", f"people/{person['id']}/wallet")["wallet_fen"] for person in people
    }


def books_are_the_banks(runtime: Runtime) -> None:
    """No rule is broken, nothing is left unexplained."""
    sound(runtime)
    with runtime.database.reading() as session:
        balances = ledger.balances(session)
    assert (balances["suspense"], balances["in_flight"]) == (0, 0)


def statuses(runtime: Runtime) -> Counter[tuple[str, str | None]]:
    with runtime.database.reading() as session:
        return Counter((each.status, each.hold) for each in session.scalars(select(Payout)))
