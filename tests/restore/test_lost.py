"""What the asking misses, WeChat's bill still says: a payment under a number of ours that the database lost waits for cashiers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.conftest import Cast
from tests.payouts.stories import at_bank, fund, owe
from tests.restore.copies import Copies, machine
from tests.restore.offices import found_in
from tests.servers import SimulatedWeChat
from wxbot import lineage
from wxbot.clock import shanghai_day
from wxbot.orders import lost
from wxbot.orders.bill import FundLine, book_bill
from wxbot.orders.found import Thaw
from wxbot.orders.models import LaneState
from wxbot.orders.plan import serial_of
from wxbot.runtime import Runtime
from wxbot.witness import Witness
from wxbot.worker import run_task, run_until_quiet


def told_by_bill(runtime: Runtime, *numbers: str) -> None:
    """The bill of today names these numbers, each with a packet of one yuan."""
    now = runtime.clock.now()
    lines = [
        FundLine(f"flow{n}", f"detail{n}", number, "现金红包发放", False, 100, f"{now:%Y-%m-%d %H:%M:%S}")
        for n, number in enumerate(numbers)
    ]
    with runtime.database.transaction() as session:
        book_bill(session, f"{shanghai_day(now):%Y%m%d}", lines, now)


def asked_in_vain(runtime: Runtime) -> None:
    """Frozen; the asking is over, and has found nothing."""
    lineage.freeze_now(runtime, "older", Witness(9, 9))
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        session.add(
            Thaw(
                step="judging",
                frozen_at=now,
                known_until=now - timedelta(days=1),
                first_serial=1,
                next_serial=1,
                unknown_in_a_row=1000,
                asked=6000,
                refusal="",
            )
        )


def test_a_lost_payment_that_only_the_bill_names_is_found_and_its_number_is_not_given_again(
    runtime: Runtime,
    simulator: SimulatedWeChat,
    cast: Cast,
    copies: Copies,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lost, "_asked_lines", {})  # of this process, which restores more than one database
    programme_id = fund(runtime)
    copy = copies.take(runtime)
    owe(runtime, programme_id, cast.ming.openid, 100)
    run_until_quiet(runtime)
    (paid,) = at_bank(simulator)
    mch_id = runtime.settings.mch_id
    with machine(runtime, copy, tmp_path / "restored") as restored:
        asked_in_vain(restored)
        told_by_bill(restored, paid, f"{mch_id}-refund-of-the-shop", "1" + paid[1:-1] + "7", paid[:-1] + "9")
        run_task(restored, "orders.thaw")
        (found,) = found_in(restored)
        assert (found.mch_billno, found.amount_fen, found.status) == (paid, 100, "open")
        with restored.database.reading() as session:
            assert session.scalars(select(LaneState.next_serial)).all() == [serial_of(mch_id, paid) + 1]
        run_task(restored, "orders.thaw")
        assert [each.id for each in found_in(restored)] == [found.id]
