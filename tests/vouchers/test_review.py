"""The reviewer's decision: one claim at a time, one payout for one voucher, whatever two people and two clicks do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.vouchers.stage import HONG, MING, QIAN, SUN, Stage, encoded, photo, picture
from tests.vouchers.test_submit import race
from wxbot.people import marks
from wxbot.people.models import Notice
from wxbot.staff.models import AuditEvent
from wxbot.text import Refusal
from wxbot.vouchers import caps, decisions, fetch, photos, review, submit
from wxbot.vouchers.kinds import BadAmount
from wxbot.vouchers.models import Voucher


def decide(stage: Stage, verb: Any, voucher: Voucher, *args: Any, by: Any = SUN, version: int | None = None) -> Any:
    """One decision in one transaction, about the voucher as it is now."""
    seen = version if version is not None else stage.voucher(voucher.id).version
    with stage.runtime.database.transaction() as session:
        return verb(session, stage.runtime.settings, voucher.id, by, *args, seen, stage.now)


def take(stage: Stage, by: Any = SUN, **more: Any) -> int | None:
    with stage.runtime.database.transaction() as session:
        found = review.claim_next(session, by.id, stage.now, **more)
        return found.id if found else None


def test_approval_writes_payout_log_and_notice_together_F01(stage: Stage) -> None:
    stage.change_kind("boxes", wishing="大卖")
    voucher = stage.hand_in(1, kind="boxes", units=6)
    payout = decide(stage, review.approve, voucher, 800)
    assert (payout.source_kind, payout.source_id, payout.openid, payout.amount_fen) == (
        "voucher",
        voucher.id,
        MING,
        800,
    )
    assert (payout.texts["wishing"], payout.texts["remark"], payout.created_by) == ("大卖", "感谢支持", SUN.id)
    after = stage.voucher(voucher.id)
    assert (after.status, after.asked_fen, after.amount_fen, after.decided_by) == ("approved", 1_200, 800, SUN.id)
    with stage.runtime.database.reading() as session:
        (event,), (notice,) = session.scalars(select(AuditEvent)).all(), session.scalars(select(Notice)).all()
        used = caps.used_month(session, MING, stage.kinds["boxes"], caps.month_of(stage.now))
    assert event.action == "voucher_approve" and event.detail["payout"] == payout.id
    assert "8.00 元" in notice.text and "申请 12.00 元" in notice.text and notice.url.endswith(voucher.public_id)
    assert used == (1, 800)


def test_when_the_payout_cannot_be_made_nothing_is_approved_F01(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.change_kind("fixed", fixed_fen=50)
    voucher = stage.hand_in(1)
    with pytest.raises(Refusal, match="payout") as refused:
        decide(stage, review.approve, voucher, 50)
    assert "单笔金额" in refused.value.text.zh
    assert stage.voucher(voucher.id).status == "submitted" and stage.payouts() == []
    stage.change_kind("fixed", fixed_fen=500)

    def die(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("the process died here")

    voucher = stage.hand_in(2)
    with monkeypatch.context() as broken:
        broken.setattr(review.audit, "record", die)  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError):
            decide(stage, review.approve, voucher, 500)
    assert stage.voucher(voucher.id).status == "submitted" and stage.payouts() == []


def test_many_clicks_and_two_reviewers_make_one_payout_F24_F77(both: Stage) -> None:
    voucher = both.hand_in(1)
    found = race(8, lambda n: decide(both, review.approve, voucher, 500, by=(SUN, QIAN)[n % 2]).id)
    assert sorted(map(str, found)).count("gone") == 7 and len(both.payouts()) == 1
    with pytest.raises(Refusal, match="gone"):
        decide(both, review.reject, voucher, "重复")
    assert both.voucher(voucher.id).status == "approved"


def test_approve_and_reject_at_once_end_in_one_of_them_F24(both: Stage) -> None:
    for seed in range(2):
        voucher = both.hand_in(seed)
        race(
            4,
            lambda n, voucher=voucher: (
                decide(both, review.approve, voucher, 500, by=SUN)
                if n % 2
                else decide(both, review.reject, voucher, "不符", by=QIAN)
            ),
        )
        status = both.voucher(voucher.id).status
        paid = [payout for payout in both.payouts() if payout.source_id == voucher.id]
        assert (status, len(paid)) in {("approved", 1), ("rejected", 0)}


@pytest.mark.on_postgresql
def test_two_reviewers_never_hold_the_same_voucher(both: Stage) -> None:
    ids = [both.hand_in(seed).id for seed in range(4)]
    taken = race(8, lambda n: take(both, (SUN, QIAN)[n % 2]))
    assert sorted(each for each in taken if each) == ids


def test_a_claim_lasts_ten_minutes_and_work_is_not_lost_after_them(stage: Stage) -> None:
    voucher = stage.hand_in(1)
    assert take(stage, SUN) == voucher.id and take(stage, QIAN) is None
    with pytest.raises(Refusal, match="gone"):
        decide(stage, review.approve, voucher, 500, by=QIAN)
    stage.move(review.LEASE + timedelta(seconds=1))
    assert fetch.lapse(stage.runtime) == 1
    assert stage.voucher(voucher.id).status == "submitted"
    decide(stage, review.approve, voucher, 500, by=SUN)
    assert len(stage.payouts()) == 1


def test_the_queue_is_walked_forwards_and_backwards(stage: Stage) -> None:
    ids = []
    for seed in range(3):
        ids.append(stage.hand_in(seed).id)
        stage.move(timedelta(seconds=1))
    assert take(stage) == ids[0]
    assert take(stage, beside=stage.voucher(ids[0])) == ids[1]
    with stage.runtime.database.transaction() as session:
        assert SUN.id is not None
        assert review.release(session, ids[0], SUN.id) and not review.release(session, ids[0], SUN.id)
    assert take(stage, beside=stage.voucher(ids[1]), backwards=True) == ids[0]


def test_a_better_photo_brings_the_voucher_back(stage: Stage) -> None:
    voucher = stage.hand_in(1)
    before = stage.voucher(voucher.id).version
    decide(stage, review.want_photo, voucher, "照片模糊")
    assert stage.voucher(voucher.id).status == "photo_wanted" and take(stage) is None
    submit.add_photo(stage.runtime, voucher.id, photo(2), stage.now, "better")
    with stage.runtime.database.transaction() as session:
        submit.finish(session, voucher.id, stage.now)
    with pytest.raises(Refusal, match="changed"):
        decide(stage, review.approve, voucher, 500, version=before)
    assert take(stage) == voucher.id and len(stage.photos(voucher.id)) == 2
    decide(stage, review.approve, voucher, 500)


def test_a_refusal_needs_a_reason_and_frees_photo_and_cap(stage: Stage) -> None:
    stage.change_kind("fixed", month_count_cap=1)
    voucher = stage.hand_in(1)
    with pytest.raises(Refusal, match="reason"):
        decide(stage, review.reject, voucher, "  \n ")
    decide(stage, review.reject, voucher, "金额与凭证不一致。")
    again = stage.hand_in(1)
    assert again.id != voucher.id and stage.voucher(again.id).look_alikes == 1
    with stage.runtime.database.reading() as session:
        (notice,) = session.scalars(select(Notice))
    assert notice.text == "您的凭证没有通过：金额与凭证不一致。如有疑问，请联系我们。"


def test_the_blocked_are_not_paid(stage: Stage) -> None:
    voucher = stage.hand_in(1)
    with stage.runtime.database.transaction() as session:
        marks.put(session, stage.runtime.vault, "block", "openid", MING, "冒领", 1, stage.now)
    with pytest.raises(Refusal, match="blocked"):
        decide(stage, review.approve, voucher, 500)
    assert stage.payouts() == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amount=st.integers(-5, 6_000))
def test_no_reviewer_pays_more_than_was_asked(stage: Stage, amount: int) -> None:
    voucher = getattr(stage, "asked", None) or stage.hand_in(1, kind="free", amount_fen=3_000)
    stage.__dict__["asked"] = voucher
    with stage.runtime.database.transaction() as session, session.begin_nested() as trial:
        try:
            payout = review.approve(
                session, stage.runtime.settings, voucher.id, SUN, amount, stage.voucher(voucher.id).version, stage.now
            )
            assert 100 <= payout.amount_fen == amount <= 3_000
        except BadAmount:
            assert not 100 <= amount <= 3_000
        trial.rollback()


@pytest.mark.proof
def test_ten_reencodings_are_flagged_and_none_is_refused_by_itself_F78(stage: Stage) -> None:
    stage.hand_in(7)
    image = picture(7)
    for n in range(10):
        width = 300 + 30 * n
        copy = encoded(image.resize((width, width * 4 // 3)), ("JPEG", "WEBP", "PNG")[n % 3], quality=30 + 6 * n)
        voucher = stage.open(HONG, kind="free", amount_fen=100 + n)
        assert submit.add_photo(stage.runtime, voucher.id, copy, stage.now, "copy").status == "kept"
        with stage.runtime.database.transaction() as session:
            submit.finish(session, voucher.id, stage.now)
        assert stage.voucher(voucher.id).look_alikes >= 1
        with stage.runtime.database.reading() as session:
            found = photos.look_alikes(session, review.kept_photos(session, voucher.id))
            assert found and found[0].bits <= photos.NEAR_BITS
    other = stage.hand_in(8)
    assert stage.voucher(other.id).look_alikes == 0


def test_bulk_approval_keeps_to_small_vouchers_without_look_alikes(desk: Stage) -> None:
    stage = desk
    small, big, same = stage.hand_in(1), stage.hand_in(2, kind="free", amount_fen=5_000), stage.hand_in(3)
    stage.runtime.settings = stage.runtime.settings.model_copy(update={"bulk_approve_fen": 4_999})
    copy = stage.open(HONG)
    submit.add_photo(stage.runtime, copy.id, encoded(picture(3).resize((450, 600))), stage.now, "copy")
    with stage.runtime.database.transaction() as session:
        submit.finish(session, copy.id, stage.now)
    taken = stage.hand_in(4)
    with stage.runtime.database.transaction() as session:
        assert QIAN.id is not None and review.claim(session, taken.id, QIAN.id, stage.now)
    chosen = [(each.id, stage.voucher(each.id).version, None) for each in (small, big, same, copy, taken)]
    noted, left = decisions.decide_many(stage.runtime, SUN, chosen, stage.now)
    assert noted == [small.id]
    assert {voucher_id: refused.reason for voucher_id, refused in left} == {
        big.id: "too_much",
        same.id: "look_alike",
        copy.id: "look_alike",
        taken.id: "gone",
    }
    assert decisions.decide_many(stage.runtime, SUN, chosen, stage.now)[0] == [], (
        "the same form again pays nobody twice"
    )
    stage.move(decisions.UNDO)
    decisions.carry_out_due(stage.runtime)
    assert [payout.source_id for payout in stage.payouts()] == [small.id]
