"""A hall that runs, the host who writes down what is to change of it, and the cashier who agrees."""

from __future__ import annotations

import json
import re
from copy import copy
from datetime import timedelta
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from tests.hall.hosting import Host
from tests.hall.stage import OpenHall, open_hall
from tests.staff.consoles import PASSWORD, Browser
from wxbot.clock import SHANGHAI
from wxbot.hall import told
from wxbot.payouts.models import RuleChange
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.models import Staff

MORE = {
    "prize_way": "selection",
    "prize_kind": "money",
    "prize_name": "加奖",
    "prize_amount": "2",
    "prize_stock": "2",
    "prize_each": "",
    "prize_scope": "prize",
    "prize_absence": "pool",
}


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(page)))


class Office:
    """The host of a hall with six guests, who writes, and a cashier, who agrees."""

    def __init__(self, app: Flask, runtime: Runtime, li: Browser, **changes: Any) -> None:
        accounts.hire(runtime.database, "wang.test", "wang", "cashier", PASSWORD, runtime.clock.now())
        with runtime.database.transaction() as session:
            session.execute(update(Staff).values(openid="o-" + Staff.login))
        self.runtime, self.li, self.wang = runtime, li, Browser(app, "wang")
        self.host = Host(open_hall(runtime, guests=6, budget_fen=300, **changes))
        self.path = f"/admin/halls/{self.host.id}/changes"

    def in_(self, app: Flask, runtime: Runtime) -> Office:
        """The same people and the same hall where another application has come up."""
        there = copy(self)
        there.runtime, there.li, there.wang = runtime, Browser(app, "li"), Browser(app, "wang")
        there.host = Host(OpenHall(runtime, self.host.id, self.host.stage.slug, list(self.host.stage.openids)))
        return there

    def later(self, hours: int) -> str:
        return f"{(self.host.stage.campaign().end_at + timedelta(hours=hours)).astimezone(SHANGHAI):%Y-%m-%dT%H:%M}"

    def page(self, browser: Browser) -> str:
        return words(browser.get(self.path).text)

    def ask(self, **form: str) -> str:
        answer = self.li.post(self.path, form)
        return words(answer.text) if answer.status_code == 422 else self.page(self.li)

    def agree(self) -> str:
        seen = re.search(r'name="content_sha256" value="(\w*)"', self.wang.get(self.path).text)
        assert seen
        with self.runtime.database.reading() as session:
            last = session.scalars(select(RuleChange.id).order_by(RuleChange.id.desc()).limit(1)).one()
        self.wang.post(f"/admin/halls/changes/{last}/approve", {"content_sha256": seen[1]})
        return self.page(self.wang)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(told.text_of(self.runtime, "gala") or "{}")
        return found
