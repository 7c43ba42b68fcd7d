"""A console where lists are paid: two cashiers, two marketers, people bound to phones, files to upload."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask
from openpyxl import Workbook
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.payouts.stories import fund
from tests.staff.consoles import NOON, PASSWORD, Browser, console
from wxbot.db import Base
from wxbot.payouts.models import ListRow, PayList, Payout
from wxbot.people.models import Binding, Follower, PersonMark
from wxbot.runtime import Runtime
from wxbot.staff import accounts

HEADER = ("手机号", "姓名", "金额", "备注")


def openid(n: int) -> str:
    return f"oTESTperson{n:017d}"


def phone(n: int) -> str:
    return f"138{n:08d}"


def csv_file(*rows: Sequence[object], header: Sequence[str] = HEADER) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([header, *rows])
    return file.getvalue().encode("utf-8-sig")


def xlsx_file(*rows: Sequence[Any], header: Sequence[str] = HEADER) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in (header, *rows):
        book.active.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


class Desk:
    """The console with everybody signed in who is asked for."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.runtime: Runtime = app.extensions["wxbot"]
        self._browsers: dict[str, Browser] = {}

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def as_(self, login: str) -> Browser:
        if login not in self._browsers:
            self._browsers[login] = Browser(self.app, login)
        return self._browsers[login]

    def know(self, n: int, name: str = "", status: str = "active") -> str:
        """Person n follows and is bound to phone n; returns the openid."""
        vault, number = self.runtime.vault, f"+86{phone(n)}"
        with self.runtime.database.transaction() as session:
            session.add(Follower(openid=openid(n), is_subscribed=True, scene="", event_unix=0))
            session.add(
                Binding(
                    openid=openid(n),
                    phone_sealed=vault.seal(number),
                    phone_index=vault.index(number),
                    name=name,
                    status=status,
                    via="chat",
                    proved_at=self.now,
                    bound_at=self.now if status == "active" else None,
                    end_reason="",
                )
            )
        return openid(n)

    def know_many(self, count: int) -> None:
        for n in range(1, count + 1):
            self.know(n)

    def block(self, n: int) -> None:
        with self.runtime.database.transaction() as session:
            session.add(
                PersonMark(
                    mark="block", kind="openid", subject=openid(n), phone_sealed="", reason="x", created_at=self.now
                )
            )

    def upload(self, raw: bytes, programme_id: int, login: str = "wang", name: str = "三月.csv") -> TestResponse:
        browser = self.as_(login)
        values = {"csrf_token": browser.token(), "programme": str(programme_id), "file": (io.BytesIO(raw), name)}
        return browser.client.post("/admin/lists/new", data=values, content_type="multipart/form-data")

    def uploaded(self, raw: bytes, programme_id: int, login: str = "wang") -> int:
        """Upload a good file; returns the list's id."""
        answer = self.upload(raw, programme_id, login)
        assert answer.status_code == 303, answer.text
        return int(answer.headers["Location"].rsplit("/", 1)[1])

    def do(self, login: str, list_id: int, verb: str, **values: str) -> str:
        """One button of a list's page; returns what the next page tells."""
        browser = self.as_(login)
        answer = browser.post(f"/admin/lists/{list_id}/{verb}", values)
        assert answer.status_code == 303, answer.text
        return self.told(browser, answer)

    def told(self, browser: Browser, answer: TestResponse) -> str:
        page = browser.get(answer.headers["Location"]).text
        return " ".join(re.findall(r'<div class="notice notice-\w+" role="status">.*?<span>(.*?)</span>', page))

    def approve(self, login: str, list_id: int) -> str:
        page = self.as_(login).get(f"/admin/lists/{list_id}").text
        seen = re.search(r'name="content_sha256" value="(\w*)"', page)
        assert seen
        return self.do(login, list_id, "approve", content_sha256=seen[1])

    def ready(self, raw: bytes, programme_id: int) -> int:
        """A list that wang uploaded and zhou approved."""
        list_id = self.uploaded(raw, programme_id)
        self.do("wang", list_id, "submit", skip_faulty="1")
        assert "已批准" in self.approve("zhou", list_id)
        return list_id

    def list(self, list_id: int) -> PayList:
        with self.runtime.database.reading() as session:
            return session.get_one(PayList, list_id)

    def rows(self, list_id: int) -> Sequence[ListRow]:
        with self.runtime.database.reading() as session:
            query = select(ListRow).where(ListRow.list_id == list_id).order_by(ListRow.row_number)
            return list(session.scalars(query))

    def payouts(self) -> Sequence[Payout]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Payout).order_by(Payout.id)))

    def dump(self) -> dict[str, Sequence[str]]:
        """Every row of every table."""
        with self.runtime.database.reading() as session:
            return {
                name: sorted(map(repr, session.execute(table.select()).all()))
                for name, table in Base.metadata.tables.items()
            }

    def fund(self, budget_fen: int = 1_000_000, **changes: Any) -> int:
        return fund(self.runtime, budget_fen, **changes)


@contextmanager
def desk_on(database_url: str, redis_url: str, folder: Path, **changes: Any) -> Iterator[Desk]:
    """A desk over a fresh database."""
    with console(database_url, redis_url, folder, NOON, **changes) as app:
        accounts.hire(app.extensions["wxbot"].database, "zhou.test", "周财务", "cashier", PASSWORD, NOON)
        yield Desk(app)
