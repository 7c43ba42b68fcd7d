"""A database knows whether it is a copy: by witnesses in Redis and in the data folder, and by asking WeChat."""

from __future__ import annotations

import resource
import stat
from pathlib import Path

import pytest

from tests.conftest import Cast
from tests.payouts.stories import at_bank, fund, orders_of, owe, pass_time, payout_of, sound
from tests.restore.copies import Copies, machine
from tests.servers import SimulatedWeChat
from wxbot import lineage, witness
from wxbot.lineage import Lineage
from wxbot.orders.channels import Sighting
from wxbot.orders.found import Thaw
from wxbot.orders.lost import keep
from wxbot.orders.newest import prove_due
from wxbot.orders.numbers import Unknown
from wxbot.payouts import create
from wxbot.payouts.place_orders import order_due
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.witness import Witness
from wxbot.worker import run_task, run_until_quiet


def line_of(runtime: Runtime) -> Lineage:
    with runtime.database.reading() as session:
        return lineage.found(session)


def pay(runtime: Runtime, programme_id: int, openid: str, n: int, amount_fen: int = 100) -> int:
    payout_id = owe(runtime, programme_id, openid, amount_fen, source_id=n)
    run_until_quiet(runtime)
    assert payout_of(runtime, payout_id).status == "ordered"
    return payout_id


def test_the_witness_is_written_before_the_first_byte_and_never_lowered(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    programme_id = fund(runtime)
    pay(runtime, programme_id, cast.ming.openid, 1)
    line = line_of(runtime)
    path = witness.file_path(runtime, line.database_id)
    seen = witness.look(runtime, line.database_id)
    assert seen.redis == seen.file == Witness(line.generation, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert witness.record(runtime, line.database_id, Witness(1, 0)) == seen.file
    assert witness.look(runtime, line.database_id) == seen
    pay(runtime, programme_id, cast.hong.openid, 2)
    later = witness.look(runtime, line.database_id).highest
    assert later == Witness(line.generation + 1, 2)


def test_a_full_disk_leaves_the_witness_as_it_was_and_no_litter(runtime: Runtime) -> None:
    """The limit of a file's size stands for the disk's; what a kill left behind looks the same and is written over."""
    path = witness.file_path(runtime, "a")
    kept = witness._raise_file(path, Witness(1, 7))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        written = [witness._raise_file(path, Witness(1, n)) for n in (8, 9)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert written == [None, None]
    assert witness._from_file(path) == kept == Witness(1, 7)
    assert witness._raise_file(path, Witness(1, 9)) == Witness(1, 9)
    assert {file.suffix for file in path.parent.glob("*witness-*")} <= {".json", ".lock", ".new"}


def test_nothing_is_sent_while_no_witness_can_be_written(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, tmp_path: Path
) -> None:
    programme_id = fund(runtime)
    pay(runtime, programme_id, cast.ming.openid, 1)
    blocked = tmp_path / "no-folder"
    blocked.write_text("a file, where a folder should be")
    with machine(runtime, runtime.settings.database_url, tmp_path / "box") as box:
        settings = box.settings.model_copy(update={"data_dir": blocked, "redis_url": "redis://127.0.0.1:1/0"})
        box.settings = settings
        payout_id = owe(box, programme_id, cast.hong.openid, 100, source_id=2)
        run_until_quiet(box)
        assert len(at_bank(simulator)) == 1 and payout_of(box, payout_id).status == "approved"
    run_until_quiet(runtime)  # the first box still has its own: it goes on
    assert len(at_bank(simulator)) == 2
    sound(runtime)


def test_a_copy_under_its_witness_freezes_and_sends_nothing(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, copies: Copies, tmp_path: Path
) -> None:
    programme_id = fund(runtime)
    pay(runtime, programme_id, cast.ming.openid, 1)
    payout_id = owe(runtime, programme_id, cast.hong.openid, 250, source_id=2)
    copy = copies.take(runtime)
    run_until_quiet(runtime)
    assert len(at_bank(simulator)) == 2
    with machine(runtime, copy, tmp_path / "empty") as restored:  # Redis has the witness, the folder has not
        run_until_quiet(restored)
        assert line_of(restored).frozen_why == "older" and len(at_bank(simulator)) == 2
        assert payout_of(restored, payout_id).status == "approved"
        with pytest.raises(Refusal, match="frozen"):
            owe(restored, programme_id, cast.gui.openid, 100, source_id=3)
        restored.redis.flushall()  # what was written down holds without any witness
        run_until_quiet(restored)
        assert len(at_bank(simulator)) == 2


def test_a_copy_beside_the_folder_of_its_machine_freezes_without_redis(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, copies: Copies, tmp_path: Path
) -> None:
    programme_id = fund(runtime)
    owe(runtime, programme_id, cast.hong.openid, 250, source_id=2)
    copy = copies.take(runtime)  # before the first number of this database left
    run_until_quiet(runtime)
    runtime.redis.flushall()
    with machine(runtime, copy, Path(runtime.settings.data_dir)) as restored:
        run_until_quiet(restored)
        assert line_of(restored).frozen_why == "older" and len(at_bank(simulator)) == 1


def test_flushall_and_an_eleventh_box_freeze_nothing(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, tmp_path: Path
) -> None:
    programme_id = fund(runtime)
    pay(runtime, programme_id, cast.ming.openid, 1)
    runtime.redis.flushall()
    with machine(runtime, runtime.settings.database_url, tmp_path / "eleventh") as box:
        assert not lineage.may_send(box) and line_of(box).frozen_why is None  # it waits for a living one
        assert lineage.may_send(runtime)  # which repeats its own
        assert lineage.may_send(box)
        pay(box, programme_id, cast.hong.openid, 2)
    runtime.redis.flushall()
    pay(runtime, programme_id, cast.gui.openid, 3)
    assert len(at_bank(simulator)) == 3


@pytest.mark.usefixtures("impatient")
def test_a_bare_machine_asks_wechat_and_freezes_with_an_old_copy_alone(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, copies: Copies, tmp_path: Path
) -> None:
    programme_id = fund(runtime)
    pay(runtime, programme_id, cast.ming.openid, 1)
    owe(runtime, programme_id, cast.hong.openid, 250, source_id=2)
    old = copies.take(runtime)
    run_until_quiet(runtime)
    newest = copies.take(runtime)
    runtime.redis.flushall()
    with machine(runtime, old, tmp_path / "bare") as restored:
        run_until_quiet(restored)
        assert line_of(restored).frozen_why == "unwitnessed" and len(at_bank(simulator)) == 2
        simulator.control("PUT", "faults/mmpaymkttransfers/gethbinfo", {"kind": "drop_reply", "times": 2})
        prove_due(restored)
        prove_due(restored)
        assert line_of(restored).frozen_why == "older"
    runtime.redis.flushall()
    with machine(runtime, newest, tmp_path / "bare as well") as restored:
        run_until_quiet(restored)
        assert line_of(restored).frozen_why == "unwitnessed"
        simulator.control("PUT", "faults/mmpaymkttransfers/gethbinfo", {"kind": "refuse", "code": "SYSTEMERROR"})
        assert run_task(restored, "orders.prove") == 0 and line_of(restored).refusal != ""
        simulator.control("DELETE", "faults")
        assert run_task(restored, "orders.prove") == 1
        assert line_of(restored).frozen_why is None
        pay(restored, programme_id, cast.gui.openid, 3)
        assert len(at_bank(simulator)) == 3


@pytest.mark.usefixtures("impatient")
def test_a_witness_far_behind_proves_nothing(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, copies: Copies, tmp_path: Path
) -> None:
    programme_id = fund(runtime)
    for n in range(1, 8):
        pay(runtime, programme_id, cast.ming.openid, n)
        if n == 1:
            spare = witness.look(runtime, line_of(runtime).database_id).highest
    owe(runtime, programme_id, cast.hong.openid, 250, source_id=9)
    copy = copies.take(runtime)
    run_until_quiet(runtime)
    assert spare is not None
    runtime.redis.flushall()
    with machine(runtime, copy, tmp_path / "spare") as restored:  # a box that was switched off long ago
        witness.record(restored, line_of(restored).database_id, spare)
        run_until_quiet(restored)
        assert line_of(restored).frozen_why == "unwitnessed" and len(at_bank(simulator)) == 8


def test_a_machine_set_back_as_a_whole_is_found_by_asking_at_the_start(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, copies: Copies, tmp_path: Path
) -> None:
    programme_id = fund(runtime)
    pay(runtime, programme_id, cast.ming.openid, 1)
    owe(runtime, programme_id, cast.hong.openid, 250, source_id=2)
    copy = copies.take(runtime)
    line = line_of(runtime)
    then = witness.look(runtime, line.database_id).highest
    assert then is not None
    run_until_quiet(runtime)
    runtime.redis.flushall()
    with machine(runtime, copy, tmp_path / "snapshot") as restored:
        witness.record(restored, line.database_id, then)
        lineage.doubt()  # what the worker does at its start
        try:
            run_until_quiet(restored)  # asks before it sends: a doubted database waits for the answer
        finally:
            lineage.trust()
        run_until_quiet(restored)
        assert line_of(restored).frozen_why == "older" and len(at_bank(simulator)) == 2


def test_what_is_approved_while_it_is_frozen_is_refused_with_a_sentence(runtime: Runtime, cast: Cast) -> None:
    programme_id = fund(runtime)
    payout_id = owe(runtime, programme_id, cast.ming.openid, 20_000)
    assert lineage.may_send(runtime)
    lineage.freeze_now(runtime, "older", Witness(9, 9))
    seen = payout_of(runtime, payout_id).content_sha256
    with pytest.raises(Refusal, match="frozen"), runtime.database.transaction() as session:
        create.approve(session, payout_id, 2, seen, runtime.clock.now())
    assert lineage.reopen(runtime, line_of(runtime).database_id)
    assert line_of(runtime).generation > 9 and lineage.may_send(runtime)


def test_a_number_planned_before_the_copy_is_not_sent_when_a_later_one_may_have_paid(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """The copy has an order that was called off since, and its payout was paid by a second number, which the copy lost."""
    assert lineage.may_send(runtime)
    programme_id = fund(runtime)
    payout_id = owe(runtime, programme_id, cast.ming.openid, 880)
    assert order_due(runtime) == 1
    (planned,) = orders_of(runtime, payout_id)
    seen = Sighting("received", 880, cast.ming.openid)
    with runtime.database.transaction() as session:
        now = runtime.clock.now()
        thaw = Thaw(
            step="judging",
            frozen_at=now,
            known_until=now,
            first_serial=2,
            next_serial=1002,
            unknown_in_a_row=1000,
            asked=1,
            refusal="",
            bills_read_at=now,
        )
        session.add(thaw)
        session.flush()
        number = f"{planned.mch_billno[:-2]}22"
        keep(session, thaw.id, [Unknown(2, number, "v2", seen)], now)
    run_until_quiet(runtime)
    pass_time(runtime, simulator, 120)
    assert at_bank(simulator) == {}
    payout = payout_of(runtime, payout_id)
    assert (payout.status, payout.hold) == ("approved", "found")
    sound(runtime)
