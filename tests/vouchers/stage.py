"""Vouchers on a stage: pictures made of coloured boxes, kinds of voucher, people with phones, reviewers with browsers."""

from __future__ import annotations

import io
import random
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageDraw
from sqlalchemy import select

from tests.staff.consoles import move_clock
from wxbot import oauth, own_page
from wxbot.app import create_app
from wxbot.budget import change_budget, create
from wxbot.payouts.models import Payout, Programme
from wxbot.people.models import Binding
from wxbot.runtime import Runtime
from wxbot.staff.audit import Actor
from wxbot.vouchers import review, submit
from wxbot.vouchers.models import Photo, Voucher, VoucherKind

MING, HONG, GUI = "oTESTming00000000000000000001", "oTESThong00000000000000000002", "oTESTgui000000000000000000003"
STAFF = {
    "sun": ("孙审核", "reviewer"),
    "qian": ("钱审核", "reviewer"),
    "li": ("李运营", "marketer"),
    "wang": ("王财务", "cashier"),
}
SUN, QIAN = Actor(1, "sun.test"), Actor(2, "qian.test")


def picture(seed: int, width: int = 600, height: int = 800) -> Image.Image:
    """A picture unlike any other: boxes at places that only the seed decides."""
    dice = random.Random(seed)
    image = Image.new("RGB", (width, height), (240, 236, 228))
    pen = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, w, h = dice.random(), dice.random(), 0.05 + dice.random() / 2, 0.03 + dice.random() / 8
        ink = tuple(dice.randrange(256) for _ in range(3))
        pen.rectangle((x * width, y * height, (x + w) * width, (y + h) * height), fill=ink)
    return image


def encoded(image: Image.Image, kind: str = "JPEG", **more: Any) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


@lru_cache(maxsize=128)
def photo(seed: int, **more: Any) -> bytes:
    """A JPEG of its own."""
    return encoded(picture(seed), quality=80, **more)


@dataclass
class Stage:
    """The application with one programme and three kinds: fixed 5 yuan, 2 yuan a box, and 1 to 50 yuan free."""

    runtime: Runtime
    kinds: dict[str, int]
    programme_id: int

    @cached_property
    def app(self) -> Flask:
        return create_app(self.runtime)

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def move(self, by: Any) -> None:
        move_clock(self.runtime, by)

    def change_kind(self, which: str, **values: Any) -> None:
        with self.runtime.database.transaction() as session:
            kind = session.get_one(VoucherKind, self.kinds[which])
            for field, value in values.items():
                setattr(kind, field, value)

    def open(
        self, openid: str = MING, kind: str = "fixed", units: int = 0, amount_fen: int = 0, **more: Any
    ) -> Voucher:
        """A voucher without photos."""
        with self.runtime.database.transaction() as session:
            return submit.open_voucher(
                session, openid, self.kinds[kind], units, amount_fen, more.pop("via", "h5"), self.now, **more
            )

    def hand_in(
        self, seed: int, openid: str = MING, kind: str = "fixed", units: int = 0, amount_fen: int = 0
    ) -> Voucher:
        """A voucher with one photo, complete: a reviewer may take it."""
        voucher = self.open(openid, kind, units, amount_fen)
        submit.add_photo(self.runtime, voucher.id, photo(seed), self.now, secrets.token_hex(8))
        with self.runtime.database.transaction() as session:
            return submit.finish(session, voucher.id, self.now)

    def voucher(self, voucher_id: int) -> Voucher:
        with self.runtime.database.reading() as session:
            return session.get_one(Voucher, voucher_id)

    def seen(self, voucher_id: int) -> dict[str, Any]:
        """What the form of an approval says that its reviewer saw."""
        with self.runtime.database.reading() as session:
            voucher = session.get_one(Voucher, voucher_id)
            return {"version": voucher.version, "content_sha256": review.seen_sha256(session, voucher)}

    def pick(self, voucher_id: int) -> str:
        """The same as a tick among many."""
        return ":".join(map(str, (voucher_id, *self.seen(voucher_id).values())))

    def photos(self, voucher_id: int) -> list[Photo]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Photo).where(Photo.voucher_id == voucher_id).order_by(Photo.id)))

    def payouts(self) -> list[Payout]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Payout).order_by(Payout.id)))

    def phone(self, openid: str) -> Phone:
        return Phone(self, openid)


class Phone:
    """One person's WeChat browser, signed in."""

    def __init__(self, stage: Stage, openid: str) -> None:
        self.client: FlaskClient = stage.app.test_client()
        runtime = stage.runtime
        session_id = secrets.token_hex(8)
        text = f"{openid}.{int(runtime.clock.unix())}.{session_id}."
        self.mark = own_page.mark(partial(oauth.signature, runtime, "form"), session_id, runtime.clock.unix())
        cookie = f"{text}.{oauth.signature(runtime, 'session', text)}"
        self.client.set_cookie(oauth.session_cookie(runtime), cookie)


def lay_stage(runtime: Runtime) -> Stage:
    """Programme, kinds, and two people with bound phones (Gui has none)."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        programme_id = create(session, "programme", "市场部 · 陈列奖励")
        session.add(
            Programme(
                id=programme_id,
                department="市场部",
                name="陈列奖励",
                channel="",
                send_name="晨光咖啡",
                act_name="陈列奖励",
                wishing="恭喜发财",
                remark="感谢支持",
                person_fen_per_month=0,
                needs_binding=False,
                is_open=True,
                created_by=1,
                created_at=now,
                updated_at=now,
            )
        )
        session.flush()
        change_budget(session, programme_id, 1_000_000)
        common = {"programme_id": programme_id, "updated_by": 1, "updated_at": now}
        kinds = {
            "fixed": VoucherKind(
                name="陈列照片", ask="请拍下货架全景", amount_rule="fixed", fixed_fen=500, position=1, **common
            ),
            "boxes": VoucherKind(
                name="进货小票",
                ask="请拍清楚小票上的数量和日期",
                amount_rule="per_unit",
                unit_fen=200,
                unit_name="箱",
                max_fen=2_000,
                position=2,
                **common,
            ),
            "free": VoucherKind(
                name="活动费用", ask="请拍下发票", amount_rule="free", min_fen=100, max_fen=5_000, position=3, **common
            ),
        }
        session.add_all(kinds.values())
        for number, openid in enumerate((MING, HONG)):
            phone = f"+861380013800{number}"
            session.add(
                Binding(
                    openid=openid,
                    phone_sealed=runtime.vault.seal(phone),
                    phone_index=runtime.vault.index(phone),
                    name=("陈明", "林红")[number],
                    status="active",
                    via="h5",
                    proved_at=now,
                    bound_at=now,
                    end_reason="",
                )
            )
        session.flush()
        return Stage(runtime, {name: kind.id for name, kind in kinds.items()}, programme_id)
