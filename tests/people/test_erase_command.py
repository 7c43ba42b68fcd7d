"""wxbot people erase: one person is forgotten by hand; what names them goes, what is money stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from tests.deployments import environment
from tests.rows import fill
from wxbot.budget import Budget
from wxbot.cli import cli
from wxbot.orders.models import Order
from wxbot.payouts.models import ListRow, PayList, Programme
from wxbot.people.models import Binding, Follower, Notice, PersonMark, RosterEntry, Withdrawal
from wxbot.replies.models import Dialogue
from wxbot.runtime import Runtime
from wxbot.staff.models import AuditEvent
from wxbot.vouchers.models import Photo, Voucher, VoucherKind
from wxbot.vouchers.storage import Missing, random_key, storage_of

PHONE = "+8613800000001"


def erase(runtime: Runtime, *arguments: str, said: str | None = None) -> Result:
    return CliRunner(env=environment(runtime.settings)).invoke(cli, ["people", "erase", *arguments], input=said)


@pytest.fixture
def picture(runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A person with everything; the name of their photo."""
    monkeypatch.chdir(tmp_path)
    now, vault = runtime.clock.now(), runtime.vault
    sealed = {"phone_sealed": vault.seal(PHONE), "phone_index": vault.index(PHONE)}
    key = random_key()
    with runtime.database.transaction() as session:
        fill(session, Follower, openid="oMing", is_subscribed=True, scene="store42")
        fill(session, Binding, openid="oMing", status="active", via="chat", name="阿明", **sealed)
        fill(
            session,
            Binding,
            openid="oHong",
            status="active",
            via="chat",
            name="小红",
            phone_sealed="x",
            phone_index="x",
        )
        fill(session, RosterEntry, name="阿明", **sealed)
        fill(
            session,
            Notice,
            openid="oMing",
            kind="paid",
            ref="1",
            text="您好阿明",
            status="sent",
            created_at=now,
            due_at=now,
        )
        fill(
            session, Dialogue, openid="oMing", name="bind", step="phone", touched_at=now, opened_at=now, expires_at=now
        )
        fill(session, PersonMark, mark="block", kind="openid", subject="oMing")
        fill(session, Order, openid="oMing", mch_billno="n1", amount_fen=1234, channel="sendredpack", status="received")
        kind_id = fill(session, VoucherKind, amount_rule="fixed").id
        voucher = fill(
            session,
            Voucher,
            openid="oMing",
            status="approved",
            via="h5",
            month="202601",
            decided_by=1,
            note="我是阿明",
            asked_fen=100,
            amount_fen=100,
            public_id=random_key()[:20],
            kind_id=kind_id,
        )
        fill(session, Photo, voucher_id=voucher.id, status="kept", token="t", storage_key=key)
        budget = fill(session, Budget, kind="programme", name="x")
        fill(session, Programme, id=budget.id, channel="sendredpack")
        for status, number in (("done", 1), ("approved", 2)):
            pay_list = fill(session, PayList, programme_id=budget.id, status=status, file_sha256=status)
            fill(
                session,
                ListRow,
                list_id=pay_list.id,
                row_number=number,
                openid="oMing",
                name="阿明",
                phone_sealed="x",
                phone_masked="138",
            )
    storage_of(runtime).put(key, b"picture")
    return key


@pytest.mark.parametrize("subject", ["oMing", "13800000001"])
def test_a_person_is_forgotten_and_the_money_stays(runtime: Runtime, picture: str, subject: str) -> None:
    done = erase(runtime, subject, "--reason", "来信要求", said="y\n")
    assert done.exit_code == 0, done.output
    assert "1 order (12.34 yuan)" in done.output
    assert "accounting records must be kept" in done.output
    assert ("the company's own list" in done.output) == (subject != "oMing")
    with runtime.database.reading() as session:
        ming = session.scalars(select(Binding).where(Binding.openid == "oMing")).one()
        assert (ming.status, ming.end_reason, ming.name, ming.phone_sealed, ming.phone_index) == (
            "ended",
            "erased",
            "",
            "",
            "",
        )
        assert session.scalars(select(Binding.status).where(Binding.openid == "oHong")).all() == ["active"]
        assert session.scalars(select(Notice.text)).all() == [""]
        assert session.scalars(select(Follower.scene)).all() == [""]
        assert session.scalars(select(Dialogue)).all() == []
        assert session.scalars(select(Voucher.note)).all() == [""]
        assert session.scalars(select(Photo.fault)).all() == ["erased"]
        rows = session.execute(
            select(ListRow.name, ListRow.phone_sealed, ListRow.phone_masked).order_by(ListRow.id)
        ).all()
        assert [tuple(row) for row in rows] == [
            ("", None, ""),
            ("阿明", "x", "138"),
        ]  # the second list is still being read
        assert session.scalars(select(Order.amount_fen)).all() == [1234]
        assert session.scalars(select(PersonMark.subject)).all() == ["oMing"]
        assert session.scalars(select(Withdrawal.event).where(Withdrawal.erased_at.is_not(None))).all() == ["staff"]
        told = session.scalars(select(AuditEvent)).one()
        assert (told.action, told.target, told.detail) == ("people_erase", "openid:oMing", {"reason": "来信要求"})
    with pytest.raises(Missing):
        storage_of(runtime).get(picture)
    again = erase(runtime, "oMing", "--reason", "x", "--yes")
    assert again.exit_code == 0


def test_nothing_is_erased_before_a_yes_or_for_nobody(runtime: Runtime, picture: str) -> None:
    assert erase(runtime, "oMing", "--reason", "x", said="n\n").exit_code == 1
    nobody = erase(runtime, "oNobody", "--reason", "x", "--yes")
    assert nobody.exit_code == 1
    assert "Nothing is known of this person" in nobody.output
    assert "Traceback" not in nobody.output
    with runtime.database.reading() as session:
        assert session.scalars(select(Notice.text)).all() == ["您好阿明"]
        assert session.scalars(select(AuditEvent)).all() == []
    assert storage_of(runtime).get(picture) == b"picture"
