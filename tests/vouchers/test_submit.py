"""Handing vouchers in: amount rules, caps that hold in a race, photos that come twice, late or never."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.vouchers.stage import GUI, HONG, MING, SUN, Stage, photo
from wxbot.people import marks
from wxbot.people.models import Notice, Withdrawal
from wxbot.text import Refusal
from wxbot.vouchers import caps, erasure, fetch, kinds, review, storage, submit
from wxbot.vouchers.kinds import BadAmount
from wxbot.vouchers.models import VoucherKind
from wxbot.vouchers.photos import BadPhoto


def kind_of(**values: Any) -> VoucherKind:
    blank = {"fixed_fen": 0, "unit_fen": 0, "unit_name": "箱", "min_fen": 0, "max_fen": 0}
    return VoucherKind(**(blank | values))


money = st.integers(1, 200_000)


@given(fixed=money, units=st.integers(-5, 20_000), typed=st.integers(-5, 300_000))
def test_a_fixed_kind_knows_one_amount(fixed: int, units: int, typed: int) -> None:
    kind = kind_of(amount_rule="fixed", fixed_fen=fixed)
    assert kinds.amount_of(kind, units, typed) == fixed
    for wanted in (typed, fixed - 1, fixed + 1):
        if wanted != fixed:
            with pytest.raises(BadAmount):
                kinds.corrected(kind, fixed, wanted)


@given(
    unit=st.integers(1, 5_000), least=st.integers(0, 20_000), most=st.integers(0, 60_000), units=st.integers(-3, 12_000)
)
def test_a_kind_per_unit_never_leaves_its_bounds(unit: int, least: int, most: int, units: int) -> None:
    kind = kind_of(amount_rule="per_unit", unit_fen=unit, min_fen=least, max_fen=most)
    try:
        amount = kinds.amount_of(kind, units)
    except BadAmount as bad:
        assert "之间" in bad.text.zh
        return
    assert amount == units * unit and amount >= max(least, 1) and (most == 0 or amount <= most)


@given(least=money, span=st.integers(0, 50_000), typed=st.integers(-10, 300_000), wanted=st.integers(-10, 300_000))
def test_a_reviewer_only_ever_lowers_within_the_rule(least: int, span: int, typed: int, wanted: int) -> None:
    kind = kind_of(amount_rule="free", min_fen=least, max_fen=least + span)
    try:
        asked = kinds.amount_of(kind, 0, typed)
    except BadAmount:
        assert not least <= typed <= least + span
        return
    try:
        assert least <= kinds.corrected(kind, asked, wanted) <= asked
    except BadAmount:
        assert not least <= wanted <= asked


def test_the_kinds_form_names_every_fault() -> None:
    for field, text in (("wishing", "大卖🎉"), ("remark", "𠮷")):
        faulty = kinds.read_form({field: text}).faults[field]
        assert f"不能含“{text[-1]}”" in faulty.zh and text[-1] in faulty.en
    for field in ("name", "ask", "wishing", "remark"):
        assert "诱导分享" in kinds.read_form({field: "转发朋友圈截图，得红包"}).faults[field].zh
    faults = kinds.read_form({"amount_rule": "per_unit", "unit_fen": "1.234", "month_count_cap": "-1"}).faults
    assert faults.keys() == {"name", "unit_fen", "unit_name", "month_count_cap"}
    assert kinds.read_form(
        {"name": "A", "amount_rule": "fixed", "fixed_fen": "5", "month_fen_cap": "4"}
    ).faults.keys() == {"month_fen_cap"}


def test_a_repeat_finds_the_first_voucher_and_counts_once(stage: Stage) -> None:
    stage.change_kind("fixed", month_count_cap=1)
    first = stage.open(token="t1")
    assert stage.open(token="t1").id == first.id
    with pytest.raises(Refusal, match="month_count") as refused:
        stage.open(token="t2")
    assert "每月最多 1 次" in refused.value.text.zh
    assert stage.open(HONG, token="t1").id != first.id, "a token is one person's"
    with stage.runtime.database.reading() as session:
        used = caps.used_month(session, MING, stage.kinds["fixed"], caps.month_of(stage.now))
    assert used == (1, 500)


def test_a_month_is_shanghais_and_the_next_one_begins_anew(stage: Stage) -> None:
    stage.change_kind("free", month_fen_cap=5_000)
    stage.open(kind="free", amount_fen=4_000)
    with pytest.raises(Refusal, match="month_fen") as refused:
        stage.open(kind="free", amount_fen=1_001)
    assert "还可以申请 10.00 元" in refused.value.text.zh
    assert stage.open(kind="free", amount_fen=1_000).amount_fen == 1_000
    stage.move(timedelta(days=17))
    assert stage.open(kind="free", amount_fen=5_000).month == "202604"


def race(count: int, work: Any) -> list[Any]:
    """The outcome of `work(n)` in so many threads that start together."""
    gate = threading.Barrier(count)
    found: list[Any] = [None] * count

    def run(n: int) -> None:
        gate.wait()
        try:
            found[n] = work(n)
        except Refusal as refused:
            found[n] = refused.reason

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_months_cap_is_exact_in_a_race(both: Stage) -> None:
    both.change_kind("fixed", month_count_cap=3)
    found = race(8, lambda n: both.open(token=f"t{n % 4}").public_id)
    assert len({each for each in found if each != "month_count"}) == 3
    with both.runtime.database.reading() as session:
        used = caps.used_month(session, MING, both.kinds["fixed"], caps.month_of(both.now))
    assert used == (3, 1_500)


def test_the_blocked_and_the_unbound_are_told_kindly(stage: Stage) -> None:
    with pytest.raises(Refusal, match="unbound") as refused:
        stage.open(GUI)
    assert "请先绑定手机号" in refused.value.text.zh
    stage.change_kind("fixed", needs_binding=False)
    voucher = stage.open(GUI)
    with stage.runtime.database.transaction() as session:
        marks.put(session, stage.runtime.vault, "block", "openid", GUI, "冒领", 1, stage.now)
    with pytest.raises(Refusal, match="blocked"):
        stage.open(GUI)
    assert stage.voucher(voucher.id).status == "submitted"


def test_an_exact_copy_is_refused_across_people_until_the_first_is_refused_F78(both: Stage) -> None:
    first, second = both.open(), both.open(HONG)
    submit.add_photo(both.runtime, first.id, photo(1), both.now, "a")
    for voucher, token in ((first, "b"), (second, "a")):
        with pytest.raises(BadPhoto, match="duplicate") as refused:
            submit.add_photo(both.runtime, voucher.id, photo(1), both.now, token)
        assert "已经交过" in refused.value.text.zh
    with both.runtime.database.transaction() as session:
        submit.free_photos(session, first.id)
    assert submit.add_photo(both.runtime, second.id, photo(1), both.now, "a").status == "kept"
    assert both.voucher(second.id).look_alikes == 1


def test_a_photo_that_is_sent_again_is_one_photo(stage: Stage) -> None:
    voucher = stage.open()
    first = submit.add_photo(stage.runtime, voucher.id, photo(1), stage.now, "a")
    assert submit.add_photo(stage.runtime, voucher.id, photo(1), stage.now, "a").id == first.id
    with pytest.raises(Refusal, match="token"):
        submit.add_photo(stage.runtime, voucher.id, photo(2), stage.now, "a")
    assert len(stage.photos(voucher.id)) == 1
    kept = storage.storage_of(stage.runtime)
    assert kept.get(first.storage_key)[:3] == b"\xff\xd8\xff" and kept.get(storage.thumb_of(first.storage_key))
    (path,) = (stage.runtime.settings.data_dir / "vouchers").rglob(f"{first.storage_key}.jpg")
    assert os.stat(path).st_mode & 0o777 == 0o600


class Died(BaseException):
    """The process died here."""


@pytest.mark.parametrize("step", ["put", "move"])
def test_a_crash_while_a_photo_is_kept_leaves_no_stray_file_and_no_lost_photo(
    stage: Stage, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    voucher = stage.open()

    def die(*_args: Any, **_more: Any) -> None:
        raise Died

    with monkeypatch.context() as broken:
        broken.setattr(storage.FolderStorage if step == "put" else submit, step, die)
        with pytest.raises(Died):
            submit.add_photo(stage.runtime, voucher.id, photo(1), stage.now, "a")
    assert stage.voucher(voucher.id).ready_at is None
    other = stage.open(HONG)
    with pytest.raises(BadPhoto, match="duplicate"):
        submit.add_photo(stage.runtime, other.id, photo(1), stage.now, "a")
    stage.move(timedelta(minutes=11))
    assert fetch.fetch_due(stage.runtime) == 1 and fetch.fetch_due(stage.runtime) == 0
    assert [(each.status, each.fault) for each in stage.photos(voucher.id)] == [("failed", "interrupted")]
    assert not list((stage.runtime.settings.data_dir / "vouchers").rglob("*.jpg"))
    assert submit.add_photo(stage.runtime, other.id, photo(1), stage.now, "a").status == "kept"


def test_reviewers_see_a_voucher_when_its_owner_is_done_or_silent(stage: Stage) -> None:
    voucher = stage.open()
    with stage.runtime.database.transaction() as session, pytest.raises(Refusal, match="no_photo"):
        submit.finish(session, voucher.id, stage.now)
    submit.add_photo(stage.runtime, voucher.id, photo(1), stage.now, "a")
    assert stage.voucher(voucher.id).ready_at == stage.now + submit.GRACE["h5"]
    with stage.runtime.database.transaction() as session:
        submit.finish(session, voucher.id, stage.now)
    assert stage.voucher(voucher.id).ready_at == stage.now


def test_a_voucher_without_a_photo_ends_after_a_week_and_frees_its_share(stage: Stage) -> None:
    stage.change_kind("fixed", month_count_cap=1)
    voucher = stage.open()
    assert fetch.lapse(stage.runtime) == 0
    stage.move(timedelta(days=7, minutes=1))
    assert (fetch.lapse(stage.runtime), fetch.lapse(stage.runtime)) == (1, 0)
    assert stage.voucher(voucher.id).status == "rejected"
    with stage.runtime.database.reading() as session:
        (notice,) = session.scalars(select(Notice))
        used = caps.used_month(session, MING, stage.kinds["fixed"], "202603")
    assert notice.openid == MING and notice.url.endswith(voucher.public_id)
    assert used == (0, 0)


def test_nobody_fills_the_disk_in_a_day(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(caps.PER_DAY, "photos", 2)
    voucher = stage.open()
    for seed in (1, 2):
        submit.add_photo(stage.runtime, voucher.id, photo(seed), stage.now, str(seed))
    with pytest.raises(Refusal, match="day"):
        submit.add_photo(stage.runtime, voucher.id, photo(3), stage.now, "3")
    stage.move(timedelta(days=1))
    submit.add_photo(stage.runtime, voucher.id, photo(3), stage.now, "3")


def test_a_store_takes_only_our_own_names_S48(stage: Stage) -> None:
    kept = storage.storage_of(stage.runtime)
    for name in ("../../etc/passwd", "/etc/passwd", "..%2f" * 4, "a" * 31, "A" * 32, "a" * 32 + "/x", ""):
        for act in (kept.get, kept.delete, lambda key: kept.put(key, b"x")):
            with pytest.raises(ValueError, match="no name"):
                act(name)


def test_who_leaves_is_forgotten_but_not_the_money(stage: Stage) -> None:
    paid, waiting, other = stage.hand_in(1), stage.hand_in(2), stage.hand_in(3, HONG)
    noted = stage.open(note="静安店 张小姐")
    with stage.runtime.database.transaction() as session:
        version = stage.voucher(paid.id).version
        review.approve(session, stage.runtime.settings, paid.id, SUN, 500, version, stage.now)
        session.add(Withdrawal(openid=MING, event="user_authorization_revoke", asked_at=stage.now, erased_at=stage.now))
    assert erasure.erase_due(stage.runtime) == 4 and erasure.erase_due(stage.runtime) == 0
    files = list((stage.runtime.settings.data_dir / "vouchers").rglob("*.jpg"))
    assert len(files) == 2 and all(path.name.startswith(stage.photos(other.id)[0].storage_key) for path in files)
    (gone,) = stage.photos(paid.id)
    assert (gone.status, gone.fault, gone.phash, gone.sha256, gone.band_a) == ("failed", "erased", "", None, None)
    assert [stage.voucher(each.id).status for each in (paid, waiting, noted)] == ["approved", "rejected", "rejected"]
    assert stage.voucher(noted.id).note == "" and stage.voucher(paid.id).amount_fen == 500 and len(stage.payouts()) == 1
