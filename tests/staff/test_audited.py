"""What somebody did and its line in the audit log stand together or not at all: the log cannot be written, and nothing was done."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sqlalchemy import select, text, update

from tests.deployments import environment
from tests.payouts.desk import Desk, csv_file, desk_on, openid, phone
from tests.payouts.stories import owe
from tests.rows import fill, in_one
from tests.staff.consoles import form_at
from wxbot.campaigns import draft
from wxbot.cli import cli
from wxbot.orders.models import Order
from wxbot.payouts.models import Payout
from wxbot.payouts.place_orders import order_due
from wxbot.staff.models import AuditEvent
from wxbot.vouchers.models import Photo, PhotoFolder, Voucher, VoucherKind
from wxbot.vouchers.storage import stores_of

FULL = "BEFORE INSERT ON audit_events WHEN NEW.action = '%s' BEGIN SELECT RAISE(ABORT, 'full'); END"

Press = Callable[[], bool]
"""One press of a button, or one command: whether it was done."""


def posted(desk: Desk, path: str, login: str = "wang", **values: Any) -> Press:
    browser = desk.as_(login)
    sent = {"csrf_token": browser.token()} | values

    def press() -> bool:
        files = {"file": (io.BytesIO(sent["file"]), "三月.csv")} if "file" in sent else {}
        answer = browser.client.post(path, data=sent | files, content_type="multipart/form-data")
        return answer.status_code == 303

    return press


def typed(desk: Desk, *words: str) -> Press:
    return lambda: CliRunner(env=environment(desk.runtime.settings)).invoke(cli, words).exit_code == 0


def a_file(n: int) -> bytes:
    return csv_file((phone(1), "", str(n), ""))


def list_upload(desk: Desk) -> Press:
    return posted(desk, "/admin/lists/new", programme="1", file=a_file(1))


def list_submit(desk: Desk) -> Press:
    return posted(desk, f"/admin/lists/{desk.uploaded(a_file(2), 1)}/submit")


def payout_ask(desk: Desk) -> Press:
    asked = {"programme": "1", "openid": openid(1), "amount": "1", "reason": "补上个月的"}
    return posted(desk, "/admin/payouts/new", form_token="a" * 30, **asked)


def payout_reissue(desk: Desk) -> Press:
    payout_id = owe(desk.runtime, 1, openid(1), source_id=70)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Payout).where(Payout.id == payout_id).values(status="failed"))
    return posted(desk, f"/admin/payouts/{payout_id}/reissue")


def order_ask(desk: Desk) -> Press:
    payout_id = owe(desk.runtime, 1, openid(1), source_id=71)
    order_due(desk.runtime)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Order).values(status="unknown"))
    return posted(desk, f"/admin/payouts/{payout_id}/ask")


def order_ask_typed(desk: Desk) -> Press:
    return typed(desk, "order", "ask", "1")


def campaign_look(desk: Desk) -> Press:
    written = draft.read(form_at(desk.now), desk.now)
    campaign_id = in_one(desk.runtime.database, draft.save, written, 1, desk.now)
    return posted(desk, f"/admin/campaigns/{campaign_id}/look", "li", colour="#123456")


def photo_folder_forget(desk: Desk) -> Press:
    with desk.runtime.database.transaction() as session:
        fill(session, PhotoFolder, mark="0" * 32)
    return typed(desk, "photos", "forget", "0" * 32)


def photos_move(desk: Desk) -> Press:
    key = "0" * 32
    with desk.runtime.database.transaction() as session:
        fill(session, VoucherKind, amount_rule="free"), fill(session, Voucher, via="h5")
        fill(session, Photo, storage_key=key, status="kept")
    stores_of(desk.runtime)["folder"].put(key, b"a photo")
    desk.runtime.settings = desk.runtime.settings.model_copy(update={"voucher_storage": "database"})
    return typed(desk, "photos", "move")


def sign_out(desk: Desk) -> Press:
    return posted(desk, "/admin/sign-out")


VERBS = [
    list_upload,
    list_submit,
    payout_ask,
    payout_reissue,
    order_ask,
    order_ask_typed,
    campaign_look,
    photo_folder_forget,
    photos_move,
    sign_out,
]


def test_what_is_done_stands_with_its_line_in_the_audit_log_or_not_at_all_S56(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    seen = {}
    with desk_on(sqlite_url, redis_url, tmp_path) as desk:
        desk.know(1), desk.fund()
        for verb in VERBS:
            press, action = verb(desk), verb.__name__.removesuffix("_typed")
            before = desk.dump()
            with desk.runtime.database.transaction() as session:
                session.execute(text(f"CREATE TRIGGER audit_is_full {FULL % action}"))
            is_done, after = press(), desk.dump()
            with desk.runtime.database.transaction() as session:
                session.execute(text("DROP TRIGGER audit_is_full"))
            left = [name for name in before if before[name] != after[name]]
            is_done_then = press()
            with desk.runtime.database.reading() as session:
                last = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id.desc())).first()
            seen[verb.__name__] = (is_done, left, is_done_then, last == action)
    assert seen == {verb.__name__: (False, [], True, True) for verb in VERBS}
