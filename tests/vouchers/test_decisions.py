"""A reviewer's decision can be undone for five seconds; whatever happens meanwhile, it is carried out once, or not at all and said so."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.staff.consoles import Browser
from tests.vouchers.stage import MING, QIAN, SUN, Stage, photo
from tests.vouchers.test_submit import race
from wxbot.budget import create
from wxbot.people import marks
from wxbot.people.models import Notice
from wxbot.staff.models import AuditEvent, Staff
from wxbot.vouchers import decisions, fetch, review, submit
from wxbot.vouchers.decisions import UNDO, ReviewAction
from wxbot.vouchers.models import Voucher, VoucherDecision

HTMX = {"HX-Request": "true"}


def on_desk(reviewer: Browser) -> Any:
    return reviewer.post("/admin/vouchers/next", {}, **HTMX)


def approve(desk: Stage, reviewer: Browser, voucher: Voucher) -> Any:
    values = {"amount": "5.00", **desk.seen(voucher.id)}
    answer = reviewer.post(f"/admin/vouchers/{voucher.id}/approve", values, **HTMX)
    assert answer.status_code == 200, answer.text
    return answer


def carry_out(desk: Stage, after: timedelta = UNDO) -> int:
    desk.move(after)
    return decisions.carry_out_due(desk.runtime)


def decided(desk: Stage) -> list[VoucherDecision]:
    with desk.runtime.database.reading() as session:
        return list(session.scalars(select(VoucherDecision)))


def actions(desk: Stage) -> list[tuple[str, str]]:
    with desk.runtime.database.reading() as session:
        rows = session.execute(select(AuditEvent.action, AuditEvent.outcome).order_by(AuditEvent.id))
        return [(action, outcome) for action, outcome in rows if action.startswith("voucher")]


def test_a_decision_is_undone_within_five_seconds_and_nothing_of_it_is_left(desk: Stage) -> None:
    first, second = desk.hand_in(1), desk.hand_in(2)
    reviewer = Browser(desk.app, "sun")
    on_desk(reviewer)
    after = approve(desk, reviewer, first)
    assert f'data-voucher="{second.id}"' in after.text and 'id="undo"' in after.text
    assert carry_out(desk, UNDO - timedelta(seconds=1)) == 0 and desk.payouts() == []
    undone = reviewer.post("/admin/vouchers/undo", {"pick": str(first.id), "current": str(second.id)}, **HTMX)
    assert undone.status_code == 200 and f'data-voucher="{first.id}"' in undone.text, "it lies on the desk again"
    assert desk.voucher(second.id).status == "submitted", "and what came up meanwhile is back in the queue"
    assert carry_out(desk) == 0 and desk.payouts() == [] and decided(desk) == []
    with desk.runtime.database.reading() as session:
        assert session.scalars(select(Notice)).all() == []
    assert actions(desk) == [("voucher_undo", "done")]
    approve(desk, reviewer, first)
    assert carry_out(desk) == 1 and [payout.source_id for payout in desk.payouts()] == [first.id]


def test_a_closed_page_loses_nothing_and_a_late_undo_is_refused(desk: Stage) -> None:
    voucher = desk.hand_in(1)
    reviewer = Browser(desk.app, "sun")
    on_desk(reviewer)
    approve(desk, reviewer, voucher)
    assert carry_out(desk, timedelta(hours=3)) == 1, "a worker that was away carries it out when it is back"
    late = reviewer.post("/admin/vouchers/undo", {"pick": str(voucher.id)}, **HTMX)
    assert late.status_code == 409 and "不能撤销" in late.text
    assert desk.voucher(voucher.id).status == "approved" and len(desk.payouts()) == 1 and decided(desk) == []
    assert actions(desk) == [("voucher_approve", "done")]


def test_what_is_decided_is_nobodys_to_take_while_it_waits(desk: Stage) -> None:
    voucher = desk.hand_in(1)
    reviewer, other = Browser(desk.app, "sun"), Browser(desk.app, "qian")
    on_desk(reviewer)
    approve(desk, reviewer, voucher)
    desk.move(timedelta(hours=1))
    assert fetch.lapse(desk.runtime) == 0, "its claim does not run out"
    for browser in (reviewer, other):
        assert "data-voucher" not in on_desk(browser).text
        again = {"reason": "重复", "version": desk.voucher(voucher.id).version}
        assert browser.post(f"/admin/vouchers/{voucher.id}/reject", again, **HTMX).status_code == 409
        browser.post(f"/admin/vouchers/{voucher.id}/release", {}, **HTMX)
    assert other.post("/admin/vouchers/undo", {"pick": str(voucher.id)}, **HTMX).status_code == 409
    assert (desk.voucher(voucher.id).status, desk.voucher(voucher.id).claimed_by) == ("claimed", SUN.id)
    assert carry_out(desk) == 1 and desk.voucher(voucher.id).status == "approved"


@pytest.mark.parametrize("change", ["disabled", "role", "blocked", "photo"])
def test_what_changed_within_the_five_seconds_is_asked_again_and_the_reviewer_is_told(desk: Stage, change: str) -> None:
    voucher = desk.hand_in(1)
    reviewer = Browser(desk.app, "sun")
    on_desk(reviewer)
    approve(desk, reviewer, voucher)
    with desk.runtime.database.transaction() as session:
        if change in ("disabled", "role"):
            values = {"is_active": False} if change == "disabled" else {"role": "marketer"}
            session.execute(update(Staff).where(Staff.id == SUN.id).values(values))
        elif change == "blocked":
            marks.put(session, desk.runtime.vault, "block", "openid", MING, "冒领", None, desk.now)
        else:
            session.execute(update(Voucher).where(Voucher.id == voucher.id).values(version=Voucher.version + 1))
    assert carry_out(desk) == 1 and desk.payouts() == []
    assert (desk.voucher(voucher.id).status, desk.voucher(voucher.id).claimed_by) == ("submitted", None)
    assert actions(desk) == [("voucher_approve", "refused")]
    assert carry_out(desk) == 0, "and it is not tried again"
    with desk.runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.id == SUN.id).values(is_active=True, role="reviewer"))
    assert "没有执行" in Browser(desk.app, "sun").get("/admin/vouchers").text
    assert "没有执行" not in Browser(desk.app, "qian").get("/admin/vouchers").text
    carry_out(desk, decisions.TOLD_FOR * 2)
    assert decided(desk) == []


def test_reject_and_a_wish_for_a_photo_can_be_undone_and_are_carried_out_too(desk: Stage) -> None:
    refused, wanted = desk.hand_in(1), desk.hand_in(2)
    reviewer = Browser(desk.app, "sun")
    for voucher, verb in ((refused, "reject"), (wanted, "photo")):
        on_desk(reviewer)
        for is_meant in (False, True):
            values = {"reason": "看不清", "version": desk.voucher(voucher.id).version}
            assert reviewer.post(f"/admin/vouchers/{voucher.id}/{verb}", values).status_code == 303
            assert desk.voucher(voucher.id).status == "claimed"
            if not is_meant:
                assert reviewer.post("/admin/vouchers/undo", {"pick": str(voucher.id)}).status_code == 303
    assert carry_out(desk) == 2
    assert [desk.voucher(each.id).status for each in (refused, wanted)] == ["rejected", "photo_wanted"]


def test_many_at_once_are_undone_at_once_and_what_came_to_look_alike_is_left(desk: Stage) -> None:
    vouchers = [desk.hand_in(seed) for seed in range(3)]
    reviewer = Browser(desk.app, "sun")
    picks = [desk.pick(each.id) for each in vouchers]
    assert reviewer.post("/admin/vouchers/bulk", {"pick": picks}).status_code == 303
    page = reviewer.get("/admin/vouchers/bulk").text
    assert "已批准 3 份凭证" in page and 'id="undo"' in page
    assert reviewer.post("/admin/vouchers/undo", {"pick": [str(each.id) for each in vouchers]}).status_code == 303
    assert {desk.voucher(each.id).status for each in vouchers} == {"submitted"} and carry_out(desk) == 0
    assert reviewer.post("/admin/vouchers/bulk", {"pick": picks}).status_code == 303
    with desk.runtime.database.transaction() as session:
        session.execute(update(Voucher).where(Voucher.id == vouchers[2].id).values(look_alikes=1))
    assert carry_out(desk) == 3
    assert [payout.source_id for payout in desk.payouts()] == [vouchers[0].id, vouchers[1].id]
    assert desk.voucher(vouchers[2].id).status == "submitted"


@pytest.mark.on_postgresql
def test_two_workers_and_an_undo_at_the_last_moment_end_in_one_payout_or_none_F24(both_desks: Stage) -> None:
    for seed in range(3):
        voucher = both_desks.hand_in(seed)
        version = both_desks.voucher(voucher.id).version
        with both_desks.runtime.database.transaction() as session:
            action = ReviewAction(voucher.id, "approve", version, amount_fen=500)
            decisions.decide(session, both_desks.runtime.settings, action, SUN, both_desks.now)
        early = both_desks.now + UNDO - timedelta(milliseconds=1)
        both_desks.move(UNDO)

        def act(n: int, voucher_id: int = voucher.id, early: Any = early) -> Any:
            if n % 3:
                return decisions.carry_out_due(both_desks.runtime)
            with both_desks.runtime.database.transaction() as session:
                return decisions.undo(session, [voucher_id], SUN, early)

        race(6, act)
        paid = [payout for payout in both_desks.payouts() if payout.source_id == voucher.id]
        ended = both_desks.voucher(voucher.id)
        assert (ended.status, len(paid)) in {("approved", 1), ("claimed", 0)}
        assert (ended.claimed_until is None) == (ended.status == "approved")
        assert decided(both_desks) == []


def test_a_decision_of_somebody_else_or_about_another_version_is_refused_at_once(desk: Stage) -> None:
    voucher = desk.hand_in(1)
    with desk.runtime.database.transaction() as session:
        assert QIAN.id is not None and review.claim(session, voucher.id, QIAN.id, desk.now)
    reviewer = Browser(desk.app, "sun")
    seen = {"amount": "5.00", **desk.seen(voucher.id)}
    assert reviewer.post(f"/admin/vouchers/{voucher.id}/approve", seen, **HTMX).status_code == 409
    other = desk.open()
    submit.add_photo(desk.runtime, other.id, photo(7), desk.now, "a")
    with desk.runtime.database.transaction() as session:
        submit.finish(session, other.id, desk.now)
    on_desk(reviewer)
    stale = {"amount": "5.00", **desk.seen(other.id), "version": desk.voucher(other.id).version - 1}
    assert reviewer.post(f"/admin/vouchers/{other.id}/approve", stale, **HTMX).status_code == 409
    assert decided(desk) == [] and desk.voucher(other.id).claimed_until is not None


CHANGES: tuple[dict[str, Any], ...] = (
    {"programme_id": 0},
    {"ask": "随便拍"},
    {"amount_rule": "free", "min_fen": 100, "max_fen": 5_000},
    {"wishing": "别的祝福"},
    {"channel": "transfer_bills"},
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_kind_changed_between_view_and_approval_pays_from_no_other_programme_I16(
    desk: Stage, change: dict[str, Any]
) -> None:
    voucher, reviewer = desk.hand_in(1), Browser(desk.app, "sun")
    page = on_desk(reviewer).text
    seen = {name: re.findall(f'name="{name}" value="(\\w+)"', page)[0] for name in ("version", "content_sha256")}
    if "programme_id" in change:
        with desk.runtime.database.transaction() as session:
            change = {"programme_id": create(session, "programme", "别的部门")}
    desk.change_kind("fixed", **change)
    refused = reviewer.post(f"/admin/vouchers/{voucher.id}/approve", {"amount": "5.00", **seen}, **HTMX)
    assert refused.status_code == 409 and "内容与看到的不一致" in refused.text
    reviewer.post("/admin/vouchers/bulk", {"pick": [f"{voucher.id}:{':'.join(seen.values())}"]})
    assert decided(desk) == []
    again = reviewer.post(f"/admin/vouchers/{voucher.id}/approve", {"amount": "5.00", **desk.seen(voucher.id)}, **HTMX)
    assert again.status_code == (409 if "programme_id" in change else 200), "that budget has no programme"


def test_a_kind_changed_in_the_five_seconds_stops_the_approval_too_I16(desk: Stage) -> None:
    voucher, reviewer = desk.hand_in(1), Browser(desk.app, "sun")
    on_desk(reviewer)
    approve(desk, reviewer, voucher)
    desk.change_kind("fixed", remark="改过的")
    assert carry_out(desk) == 1 and desk.payouts() == []
    assert "内容与看到的不一致" in decided(desk)[0].fault and desk.voucher(voucher.id).status == "submitted"


def test_an_approval_without_a_word_of_what_was_seen_is_none_I16(desk: Stage) -> None:
    voucher, reviewer = desk.hand_in(1), Browser(desk.app, "sun")
    on_desk(reviewer)
    bare = {"amount": "5.00", "version": desk.voucher(voucher.id).version}
    assert reviewer.post(f"/admin/vouchers/{voucher.id}/approve", bare, **HTMX).status_code == 409
    reviewer.post("/admin/vouchers/bulk", {"pick": [f"{voucher.id}:{bare['version']}"]})
    assert decided(desk) == []
