"""What is kept long enough is let go of, a batch at a time; money rows are not, and evidence only with a line that says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.rows import fill
from wxbot import retention
from wxbot.db import Base
from wxbot.draws.models import Draw
from wxbot.ledger import Posting, post
from wxbot.orders.models import Evidence, Order
from wxbot.people.models import Notice, SmsOut
from wxbot.replies.models import Dialogue
from wxbot.retention import Cut
from wxbot.runtime import Runtime
from wxbot.settings import Settings, SettingsError, load_settings
from wxbot.shake.models import Bind
from wxbot.staff.models import AuditEvent
from wxbot.vouchers.models import Photo, Voucher, VoucherKind
from wxbot.vouchers.storage import Missing, random_key, storage_of, thumb_of
from wxbot.worker import run_task

DAYS = timedelta(days=1)


def furnish(session: Session, n: int, at: datetime, status: str = "received") -> Order:
    """One of each kind, of one moment."""
    order: Order = fill(
        session, Order, reason_id=n, mch_billno=f"n{n}", status=status, created_at=at, channel="sendredpack"
    )
    fill(session, Evidence, order_id=order.id, kind="reply", body=f"raw answer {n}", at=at)
    fill(session, AuditEvent, at=at, actor="a", action="sign_in", detail={})
    fill(session, Bind, sp_ticket_hash=f"h{n}", status="matched", created_at=at)
    fill(session, Bind, sp_ticket_hash=f"p{n}", status="pending", created_at=at)
    fill(
        session,
        Draw,
        campaign_id=n,
        openid=f"o{n}",
        status="missed",
        ip="1.2.3.4",
        ticket_hash=f"s{n}",
        admitted_at=at,
    )
    fill(
        session,
        Notice,
        openid=f"o{n}",
        kind="paid",
        ref=f"r{n}",
        text="您好",
        url="/h5/me",
        status="sent",
        created_at=at,
        due_at=at,
    )
    fill(session, Dialogue, openid=f"o{n}", name="bind", step="", touched_at=at, opened_at=at, expires_at=at)
    fill(session, SmsOut, serial=f"s{n}", openid=f"o{n}", status="sent", created_at=at, phone_sealed="x")
    post(session, (Posting("ordered", f"n{n}", "reserved", "in_flight", 100, 1),), at)
    return order


def photo_of(session: Session, runtime: Runtime, status: str, decided_at: datetime | None) -> str:
    kind_id = session.scalar(select(VoucherKind.id)) or fill(session, VoucherKind, amount_rule="fixed").id
    voucher = fill(
        session,
        Voucher,
        status=status,
        via="h5",
        month="202601",
        token=random_key(),
        decided_at=decided_at,
        decided_by=1,
        asked_fen=100,
        amount_fen=100,
        public_id=random_key()[:20],
        kind_id=kind_id,
    )
    key = random_key()
    fill(session, Photo, voucher_id=voucher.id, status="kept", token="t", storage_key=key, sha256=key * 2)
    return key


def count(session: Session, model: type[Base]) -> int:
    return int(session.scalar(select(func.count()).select_from(model)) or 0)


def test_each_kind_goes_after_its_term_and_money_stays(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        furnish(session, 1, now - 1200 * DAYS)
        furnish(session, 2, now - 1200 * DAYS, status="unknown")
        furnish(session, 3, now - DAYS)
    assert run_task(runtime, "retention.sweep") == 1 + 2 + 2 + 2 + 2 + 2
    assert run_task(runtime, "retention.sweep") == 0
    run_task(runtime, "people.erase")
    with runtime.database.reading() as session:
        assert session.scalars(select(Evidence.body).order_by(Evidence.id)).all() == ["raw answer 2", "raw answer 3"]
        assert count(session, AuditEvent) == 1
        assert sorted(session.scalars(select(Bind.sp_ticket_hash))) == ["h3", "p1", "p2", "p3"]
        assert session.scalars(select(Draw.ip).order_by(Draw.id)).all() == [None, None, "1.2.3.4"]
        assert session.scalars(select(Notice.text).order_by(Notice.id)).all() == ["", "", "您好"]
        assert session.scalars(select(Dialogue.openid)).all() == ["o3"]
        assert session.scalars(select(SmsOut.openid)).all() == ["o3"]
        assert count(session, Order) == 3
        assert session.scalar(text("SELECT count(*) FROM ledger_entries")) == 3
        cuts = {cut.table_name: cut for cut in session.scalars(select(Cut))}
        assert {name: cut.rows for name, cut in cuts.items()} == {
            "order_evidence": 1,
            "binds": 2,
            "draws": 2,
            "audit_events": 2,
            "notices": 2,
        }
        assert len(cuts["order_evidence"].sha256) == 64


def test_zero_keeps_for_ever(runtime: Runtime) -> None:
    forever = {f"keep_{name}_days": 0 for name in (*retention.KINDS, "texts")}
    keeping = Runtime(runtime.settings.model_copy(update=forever))
    with keeping.database.transaction() as session:
        furnish(session, 1, keeping.clock.now() - 9000 * DAYS)
    assert run_task(keeping, "retention.sweep") == 0
    run_task(keeping, "people.erase")
    with keeping.database.reading() as session:
        for model in (Evidence, AuditEvent, Dialogue, SmsOut):
            assert count(session, model) == 1
        assert count(session, Bind) == 2
    keeping.close()


def test_more_than_a_batch_goes_in_batches(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    old = runtime.clock.now() - 1200 * DAYS
    with runtime.database.transaction() as session:
        for n in range(1, 11):
            furnish(session, n, old, status="unknown" if n in (2, 3, 4, 5) else "received")
    run_task(runtime, "retention.sweep")
    with runtime.database.reading() as session:
        assert session.scalars(select(Evidence.body).order_by(Evidence.id)).all() == [
            f"raw answer {n}" for n in (2, 3, 4, 5)
        ]
        assert count(session, AuditEvent) == 0
        assert set(session.scalars(select(Notice.text))) == {""}


def test_pictures_of_decided_vouchers_leave_the_store_and_are_not_taken_again(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        old = photo_of(session, runtime, "approved", now - 1200 * DAYS)
        open_one = photo_of(session, runtime, "submitted", None)
        new = photo_of(session, runtime, "rejected", now - DAYS)
    store = storage_of(runtime)
    for key in (old, open_one, new):
        store.put(key, b"picture")
        store.put(thumb_of(key), b"small")
    assert run_task(runtime, "retention.sweep") == 1
    for key in (old, thumb_of(old)):
        with pytest.raises(Missing):
            store.get(key)
    assert store.get(open_one) == store.get(new) == b"picture"
    with runtime.database.reading() as session:
        gone = session.scalars(select(Photo).where(Photo.storage_key == old)).one()
        assert (gone.status, gone.fault, gone.sha256, gone.is_live) == ("failed", "expired", old * 2, True)


CUT = (
    "INSERT INTO retention_cuts (table_name, before, first_id, last_id, rows, sha256, at) "
    "VALUES ('{table}', '{before}', {first}, {last}, 1, '', '2026-03-15 04:00:00')"
)


@pytest.mark.parametrize("table", ["order_evidence", "audit_events"])
def test_evidence_goes_only_with_a_cut_that_names_it_and_never_when_it_is_young_I9(
    runtime: Runtime, table: str
) -> None:
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        furnish(session, 1, now - 1200 * DAYS)
        furnish(session, 2, now - 100 * DAYS)
    soon, past = str(now + 100 * DAYS)[:19], str(now - 1300 * DAYS)[:19]
    attempts: list[tuple[int, dict[str, Any] | None]] = [
        (1, None),
        (1, {"before": past, "first": 1, "last": 9}),
        (1, {"before": soon, "first": 2, "last": 9}),
        (2, {"before": soon, "first": 1, "last": 9}),
    ]
    for row, cut in attempts:
        with pytest.raises(DBAPIError, match="append-only"), runtime.database.transaction() as session:
            if cut:
                session.execute(text(CUT.format(table=table, **cut)))
            session.execute(text(f"DELETE FROM {table} WHERE id = {row}"))
    with pytest.raises(DBAPIError, match="append-only"), runtime.database.transaction() as session:
        session.execute(text(CUT.format(table="ledger_entries", before=soon, first=1, last=9)))
        session.execute(text("DELETE FROM ledger_entries WHERE id = 1"))
    with runtime.database.transaction() as session:
        session.execute(text(CUT.format(table=table, before=soon, first=1, last=1)))
        session.execute(text(f"DELETE FROM {table} WHERE id = 1"))


def test_logs_are_kept_for_half_a_year_at_least(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    values = settings.model_dump() | {"keep_audit_days": 179, "keep_evidence_days": 1}
    with pytest.raises(
        SettingsError, match=r"WXBOT_KEEP_EVIDENCE_DAYS: [^\n]*is 180 or more[^\n]*\n  WXBOT_KEEP_AUDIT_DAYS"
    ):
        load_settings(_env_file=None, **values)


def test_every_kind_has_its_setting(settings: Settings) -> None:
    named = {name for name in type(settings).model_fields if name.startswith("keep_")}
    assert named == {f"keep_{name}_days" for name in (*retention.KINDS, "texts")}
