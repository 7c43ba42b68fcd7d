"""One person who writes to an account over its real callback, and what stands in the tables afterwards."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from tests.deployments import app_for, sender_of, settings_for
from wxbot.people.models import Binding, Notice, SmsOut
from wxbot.replies.models import Dialogue
from wxbot.runtime import Runtime
from wxbot.vouchers.models import VoucherKind

PHONE = "13800138000"
NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)


def chat_app(database_url: str, redis_url: str, folder: Path, **changes: Any) -> Flask:
    """An application whose callback anybody can be let into, with binding open to every phone."""
    values = {"sms_provider": "console", "binding_policy": "open"} | changes
    return app_for(settings_for("plain", database_url, redis_url, folder, **values))


class Person:
    """Somebody in the chat. `at` is the CreateTime of the next message; it grows with every message."""

    def __init__(self, app: Flask, openid: str = "") -> None:
        self.app = app
        self.openid = openid or f"o{secrets.token_hex(13)}"
        self.at = int(time.time()) - 100
        self.client = app.test_client()
        self.sent: list[tuple[dict[str, Any], str]] = []

    def fields(self, msg_type: str = "text", **extra: Any) -> dict[str, Any]:
        """A message of this person, one second after the last."""
        self.at += 1
        made = sender_of(self.app).message(msg_type, FromUserName=self.openid, CreateTime=self.at, **extra)
        if msg_type == "event":
            made.pop("MsgId", None)
        return made

    def post(self, fields: dict[str, Any], app: Flask | None = None) -> str:
        """Deliver it (again), to this or another process; the text of the answer, empty for silence."""
        door = app or self.app
        sender = sender_of(door)
        response = sender.push(door.test_client(), fields)
        reply = sender.reply(response)
        return "" if reply is None else str(reply.get("Content", reply["MsgType"]))

    def deliver(self, fields: dict[str, Any]) -> str:
        """Deliver a message for the first time."""
        said = self.post(fields)
        self.sent.append((fields, said))
        return said

    def say(self, text: str) -> str:
        """Write a text."""
        return self.deliver(self.fields(Content=text))

    def show(self, media_id: str) -> str:
        """Send a photo."""
        return self.deliver(self.fields("image", PicUrl="https://p.example.com/1", MediaId=media_id))

    def tap(self, key: str) -> str:
        """Tap an entry of the menu."""
        return self.deliver(self.fields("event", Event="CLICK", EventKey=key))

    def code(self) -> str:
        """The digits of the newest text message that was made for this person."""
        runtime: Runtime = self.app.extensions["wxbot"]
        with runtime.database.reading() as session:
            query = select(SmsOut).where(SmsOut.openid == self.openid).order_by(SmsOut.id.desc()).limit(1)
            sealed = session.scalars(query).one().code_sealed
        return runtime.vault.open(sealed)

    def dialogue(self) -> Dialogue | None:
        """This person's row."""
        with self.app.extensions["wxbot"].database.reading() as session:
            row: Dialogue | None = session.get(Dialogue, self.openid)
            return row

    @property
    def step(self) -> str:
        """Where they are: `bind.code`, or empty."""
        row = self.dialogue()
        return f"{row.name}.{row.step}" if row and row.step else ""

    def bindings(self) -> list[str]:
        """The statuses of their bindings."""
        with self.app.extensions["wxbot"].database.reading() as session:
            return list(session.scalars(select(Binding.status).where(Binding.openid == self.openid)))

    def notices(self) -> list[str]:
        """What the worker is to tell them."""
        with self.app.extensions["wxbot"].database.reading() as session:
            return list(session.scalars(select(Notice.text).where(Notice.openid == self.openid).order_by(Notice.id)))


def rows(app: Flask, model: Any) -> list[Any]:
    """All rows of a table."""
    with app.extensions["wxbot"].database.reading() as session:
        return list(session.scalars(select(model)))


def count(app: Flask, model: Any) -> int:
    """How many rows a table has."""
    with app.extensions["wxbot"].database.reading() as session:
        return int(session.scalar(select(func.count()).select_from(model)) or 0)


def add_kind(app: Flask, name: str = "停车票", rule: str = "fixed", **changes: Any) -> None:
    """A kind of voucher that needs no binding."""
    values: dict[str, Any] = {
        "name": name,
        "ask": "拍下票面",
        "amount_rule": rule,
        "fixed_fen": 500,
        "unit_fen": 200,
        "unit_name": "箱",
        "min_fen": 100,
        "max_fen": 5_000,
        "programme_id": 1,
        "needs_binding": False,
        "updated_by": 1,
        "updated_at": NOW,
    }
    with app.extensions["wxbot"].database.transaction() as session:
        session.add(VoucherKind(**(values | changes)))
