"""What the stories about drawing need: a campaign that is on, phones that sign in, proven shakes, bind events."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign, Packet
from wxbot.campaigns.packets import move_packets, plan_packets
from wxbot.draws import admit
from wxbot.draws.draw_state import DrawState, draw_state_of
from wxbot.draws.models import Draw
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.shake import shakes, terms
from wxbot.shake.models import Bind, Lottery, ShakePage
from wxbot.wechat.message_kinds import Envelope
from wxbot.wechat.messages import LotteryBind

BASE = "http://127.0.0.1:8000"
WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"
LOTTERY_ID = "9sQqUrmdFaY6v9z8TartXX"
LOTTERY_KEY = "K" * 32
PAGE_ID = 28841


def admitted(
    runtime: Runtime, draw_state: DrawState, snapshot: CampaignSnapshot, asked: admit.DrawRequest
) -> admit.GateDecision:
    """What becomes of a request to draw behind the door, as the door has it decided."""
    asking = admit.at_gates(snapshot, asked, runtime.clock.unix())
    (seen,) = admit.look(draw_state, [asking])
    return admit.finish(draw_state, asking, admit.judge(runtime, asking, seen))


@dataclass
class Stage:
    """One campaign that is on, with packets loaded into its lottery."""

    runtime: Runtime
    campaign_id: int
    slug: str
    tickets: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/h5/c/{self.slug}"

    def change(self, **values: Any) -> None:
        """Change the campaign, its page or its lottery, and let this process see it at once."""
        with self.runtime.database.transaction() as session:
            campaign = session.get_one(Campaign, self.campaign_id)
            if "page_id" in values:
                session.get_one(ShakePage, self.campaign_id).page_id = values.pop("page_id")
            if "is_lottery_on" in values:
                is_on = values.pop("is_lottery_on")
                session.execute(update(Lottery).where(Lottery.campaign_id == self.campaign_id).values(is_on=is_on))
            own = {name: values.pop(name) for name in terms.NAMES if name in values}
            campaign.terms = campaign.terms | own
            for name, value in values.items():
                setattr(campaign, name, value)
        draw_state_of(self.runtime).snapshots.forget()

    def forget(self, *patterns: str) -> None:
        """Remove what Redis holds under these patterns."""
        for pattern in patterns:
            for key in self.runtime.redis.keys(pattern):
                self.runtime.redis.delete(key)

    def draws(self) -> list[Draw]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Draw).order_by(Draw.id)))

    def packets(self) -> list[Packet]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Packet).order_by(Packet.ordinal)))

    def binds(self) -> list[Bind]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Bind).order_by(Bind.id)))

    def orders(self) -> list[Order]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Order).order_by(Order.id)))

    def shake(self, openid: str, shake_ticket: str = "", page_id: int = PAGE_ID, age_s: float = 0) -> str:
        """A shake that WeChat has vouched for; returns its ticket."""
        shake_ticket = shake_ticket or f"shake-of-{openid}"
        seen = shakes.Shake(openid, page_id, "10001:19007", int(self.runtime.clock.unix() - age_s))
        shakes.keep(self.runtime, shake_ticket, seen)
        return shake_ticket

    def bind_event(self, openid: str, ticket: int = 0, **changes: Any) -> LotteryBind:
        """The event with which WeChat says that a ticket was tied to a person."""
        now = self.runtime.clock.now().replace(microsecond=0)
        values: dict[str, Any] = {
            "kind": "ShakearoundLotteryBind",
            "msg_type": "event",
            "event": "ShakearoundLotteryBind",
            "openid": openid,
            "account_id": "gh_0123456789ab",
            "created_at": now,
            "msg_id": "",
            "fields": {},
            "envelope": Envelope("1", "n", True, ""),
            "lottery_id": f"{LOTTERY_ID}",
            "sp_ticket": self.tickets[ticket],
            "amount_fen": 100,
            "bound_at": now,
        }
        return LotteryBind(**(values | changes))


def set_stage(runtime: Runtime, packets: int = 2, loaded: bool = True, **changes: Any) -> Stage:
    """A campaign of `packets` packets of 1 yuan that is on now."""
    now = runtime.clock.now()
    values: dict[str, Any] = {
        "slug": "spring",
        "name": "新春摇红包",
        "status": "on",
        "begin_at": now - timedelta(hours=1),
        "end_at": now + timedelta(days=6),
        "budget_fen": packets * 100,
        "split": "fixed",
        "packet_count": packets,
        "packet_fen": 100,
        "split_seed": "s",
        "send_name": "示例小店",
        "act_name": "新春",
        "wishing": "恭喜发财",
        "remark": "到店有礼",
        "terms": {"title": "新春", "description": "到店有礼"},
        "organiser": "示例小店",
        "contact": "400-000-0000",
        "rules": "1. 到店摇一摇。\n2. 每人一个。",
        "created_by": 1,
        "created_at": now,
        "updated_at": now,
    }
    with runtime.database.transaction() as session:
        campaign = Campaign(**(values | changes))
        session.add(campaign)
        session.flush()
        session.add(ShakePage(campaign_id=campaign.id, page_id=PAGE_ID))
        session.add(
            Lottery(
                campaign_id=campaign.id,
                ordinal=1,
                lottery_id=LOTTERY_ID,
                total=100,
                is_on=True,
                created_at=now,
                lottery_key=runtime.vault.seal(LOTTERY_KEY),
            )
        )
        stage = Stage(runtime, campaign.id, campaign.slug)
        if packets:
            plan_packets(session, campaign.id, 1, [(100, "")] * packets, now)
            _order(session, stage, now, loaded)
    return stage


def _order(session: Session, stage: Stage, now: datetime, loaded: bool) -> None:
    packets = session.scalars(select(Packet).where(Packet.campaign_id == stage.campaign_id).order_by(Packet.id)).all()
    for packet in packets:
        sp_ticket = f"v1|ticket-{packet.id:06d}"
        stage.tickets.append(sp_ticket)
        order_id = session.execute(
            insert(Order)
            .values(
                channel="hbpreorder",
                reason_kind="packet",
                reason_id=packet.id,
                attempt=1,
                budget_id=stage.campaign_id,
                mch_billno=f"1900000001{packet.id:018d}",
                params="{}",
                params_sha256="",
                amount_fen=100,
                status="accepted",
                holding="tickets",
                sp_ticket=stage.runtime.vault.seal(sp_ticket),
                sp_ticket_hash=stage.runtime.vault.index(sp_ticket),
                detail_id=f"d{packet.id}",
                created_at=now,
                accepted_at=now,
                expires_at=now + timedelta(hours=72),
            )
            .returning(Order.id)
        ).scalar_one()
        move_packets(session, [packet.id], "planned", "ordered", now, order_id=order_id)
    ids = [packet.id for packet in packets]
    move_packets(session, ids, "ordered", "ticketed", now, expires_at=now + timedelta(hours=72))
    if loaded:
        move_packets(session, ids, "ticketed", "loaded", now)


class Phone:
    """A phone with cookies; WeChat's authorize page is the simulator's."""

    def __init__(self, app: Flask, runtime: Runtime, person_id: Any = None, agent: str = WECHAT) -> None:
        self.client = app.test_client()
        self.runtime = runtime
        self.person_id = person_id
        self.agent = agent
        self.trail: list[str] = []

    def get(self, path: str, **headers: str) -> Any:
        """One GET, nothing followed."""
        return self.client.get(path, base_url=BASE, headers={"User-Agent": self.agent, **headers})

    def authorize(self, url: str) -> str:
        """What WeChat's page answers to an authorize link: the way back, as a path of ours."""
        reply = requests.get(url, cookies={"sim_person": str(self.person_id)}, allow_redirects=False, timeout=10)
        assert reply.status_code == 302, reply.text
        parts = urlsplit(reply.headers["Location"])
        assert f"{parts.scheme}://{parts.netloc}" == BASE
        return f"{parts.path}?{parts.query}"

    def open(self, path: str) -> Any:
        """Open a page as a browser does: follow every redirect, through WeChat and back."""
        self.trail = [path]
        reply = self.get(path)
        for _ in range(12):
            if reply.status_code not in (301, 302, 303):
                return reply
            where = reply.headers["Location"]
            if where.startswith(self.runtime.settings.open_base):
                where = self.authorize(where)
            self.trail.append(where)
            reply = self.get(where)
        raise AssertionError(f"redirected without end: {self.trail}")

    def state_of(self, reply: Any) -> dict[str, Any]:
        """The state that a draw page carries."""
        found = re.search(r'id="state">(.*?)</script>', reply.get_data(as_text=True), re.DOTALL)
        assert found, reply.get_data(as_text=True)[:2000]
        state: dict[str, Any] = json.loads(found[1])
        return state

    def draw(self, stage: Stage, shake_ticket: str, **more: Any) -> Any:
        """Open the page and ask to draw."""
        page = self.open(f"{stage.path}?ticket={shake_ticket}")
        return self.ask(stage, self.state_of(page)["page_token"], shake_ticket, **more)

    def ask(self, stage: Stage, page_token: str, shake_ticket: str, **more: Any) -> Any:
        """The request that the page's button sends."""
        return self.client.post(
            f"{stage.path}/draw",
            base_url=BASE,
            headers={"User-Agent": self.agent, "Accept": "application/json", "Origin": BASE},
            json={"page_token": page_token, "ticket": shake_ticket, **more},
        )
