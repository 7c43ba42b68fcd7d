"""The story of a restore, unattended until two cashiers come: nobody is paid twice, nobody is forgotten, the books are the bank's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.payouts.stories import fund, owe
from tests.restore.copies import Copies, machine
from tests.restore.offices import (
    approve_list,
    books_are_the_banks,
    found_in,
    hire,
    judge_all,
    list_of,
    open_database,
    pass_time,
    sent_numbers,
    statuses,
    take_everything,
    thaw_of,
    until_asked,
    until_bill,
    wallets,
    work,
)
from tests.servers import SimulatedWeChat
from wxbot import lineage
from wxbot.clock import SHANGHAI
from wxbot.orders import lost, newest
from wxbot.payouts.models import Payout
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.worker import run_until_quiet


def next_night_s(runtime: Runtime) -> float:
    """Seconds until half past midnight in Shanghai: another day, and no packet has gone back yet."""
    local = runtime.clock.now().astimezone(SHANGHAI)
    night = (local + timedelta(days=1)).replace(hour=0, minute=30, second=0)
    return (night - local).total_seconds()


def lose_everything(runtime: Runtime) -> None:
    """The machine is gone, its Redis too."""
    runtime.redis.flushall()
    runtime.close()


def pay_some(runtime: Runtime, paid: int) -> None:
    """The first of the queue leave; the day's rest comes later."""
    with runtime.database.transaction() as session:
        ids = session.scalars(select(Payout.id).order_by(Payout.id).offset(paid)).all()
        session.execute(
            update(Payout).where(Payout.id.in_(ids)).values(due_at=runtime.clock.now() + timedelta(hours=9))
        )
    run_until_quiet(runtime)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("queued", "paid", "listed"),
    [(6, 4, 3), pytest.param(450, 250, 80, marks=[pytest.mark.proof, pytest.mark.timeout(3000)])],
)
@pytest.mark.parametrize(
    ("database_url", "channel"),
    [
        ("sqlite", "sendredpack"),
        ("postgresql", "transfer_bills"),
        pytest.param("sqlite", "transfer_bills", marks=pytest.mark.proof),
        pytest.param("postgresql", "sendredpack", marks=pytest.mark.proof),
    ],
    indirect=["database_url"],
)
def test_a_night_queue_is_restored_from_a_copy_and_nobody_is_paid_twice(
    runtime: Runtime,
    simulator: SimulatedWeChat,
    copies: Copies,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    queued: int,
    paid: int,
    listed: int,
) -> None:
    if queued < 100:  # the short one asks about fewer gaps
        monkeypatch.setattr(lost, "UNKNOWN_IN_A_ROW", 40)
        monkeypatch.setattr(newest, "NEXT_SERIALS", 10)
    monkeypatch.setattr(lineage, "PATIENCE_S", 0.0)
    # One cashier asks for all of it in a day: here nobody else is wanted for that.
    runtime.settings = runtime.settings.model_copy(update={"second_person_fen": 1_000_000})
    # tests send and ask 40 times as fast as a deployment, which a quick machine would be refused for
    quick = {"cash_per_second": 1000, "transfer_per_second": 1000, "transfer_query_per_second": 1000}
    simulator.control("PUT", "bank/limits", quick | {"cash_per_minute": 60_000})
    lineage.look_at_start(runtime)
    people = simulator.control("POST", "people", {"count": queued + listed})["people"]
    waiting, on_list = people[:queued], people[queued:]
    amounts = {one["openid"]: 100 + n % 7 * 10 for n, one in enumerate(people)}
    programme_id = fund(runtime, sum(amounts.values()), channel=channel)
    hire(runtime)
    for n, one in enumerate(waiting):
        owe(runtime, programme_id, one["openid"], amounts[one["openid"]], source_id=n)
    list_id = list_of(runtime, programme_id, [(one["openid"], amounts[one["openid"]]) for one in on_list])
    copy = copies.take(runtime)

    pay_some(runtime, paid)  # the morning after: some are paid, the list is approved and paid
    approve_list(runtime, list_id, 2)
    run_until_quiet(runtime)
    sent = len(sent_numbers(simulator))
    assert sent == paid + listed
    take_everything(simulator, [*waiting[: paid // 2], *on_list[: listed // 2]])
    simulator.advance(next_night_s(runtime))  # a number that the copy gives out now carries another day
    lose_everything(runtime)

    with machine(runtime, copy, tmp_path / "bare") as restored:
        work(restored)
        assert len(sent_numbers(simulator)) == sent, "a copy has paid somebody before anybody looked"
        assert thaw_of(restored).step != "opened" and not lineage.may_send(restored)
        with pytest.raises(Refusal, match="frozen"):
            approve_list(restored, list_id, 2)
        until_asked(restored)
        assert {each.mch_billno for each in found_in(restored)} == sent_numbers(simulator)
        judge_all(restored)
        open_database(restored)
        approve_list(restored, list_id, 2)
        work(restored)
        assert len(sent_numbers(simulator)) == sent, "a list that was approved again was paid again"
        assert {hold for status, hold in statuses(restored) if status == "approved"} <= {"found", "bill"}
        take_everything(simulator, people)
        pass_time(restored, simulator, 10 * 60)
        judge_all(restored)
        until_bill(restored, simulator)
        judge_all(restored)
        for _ in range(3):
            pass_time(restored, simulator, 15 * 60)
        take_everything(simulator, people)
        for _ in range(12):  # a transfer that waits for its person is asked about more and more rarely
            pass_time(restored, simulator, 15 * 60)
            if set(statuses(restored)) == {("paid", None)}:
                break
        assert wallets(simulator, people) == amounts
        assert set(statuses(restored)) == {("paid", None)}
        until_bill(restored, simulator)
        until_bill(restored, simulator)
        books_are_the_banks(restored)
