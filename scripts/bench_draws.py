"""Requests to draw a second: admitted, and refused as already drawn, against bare Flask views that get the same POST."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from bench_callbacks import beside, checked
from bench_load import Volley, request
from bench_stage import HOST, BenchProblem, Figure, Ground, Web
from sqlalchemy import func, insert, select, update

from wxbot import budget, oauth
from wxbot.campaigns.models import Campaign, Packet, PacketCount
from wxbot.draws import admit
from wxbot.draws.admission_writer import BOUND_KEPT_S
from wxbot.draws.mechanic import ticket_hash
from wxbot.draws.models import Draw
from wxbot.draws.one_winner import drawn_key
from wxbot.runtime import Runtime
from wxbot.shake import shakes
from wxbot.shake.models import Lottery, ShakePage
from wxbot.wechat.limits import SHAKE_TICKET_LIFE_S

PAGE_ID = 28841
SLUG = "spring"
STOCK = 10_000_000
AIM = 0.5


@dataclass(frozen=True)
class Guest:
    """Somebody with a session; no place is proven."""

    openid: str
    session_id: str
    cookie: str


def signed_in(runtime: Runtime) -> Guest:
    """Somebody new: their session is signed, and WeChat is asked nothing."""
    openid, session_id = f"o{secrets.token_urlsafe(20)[:27]}", secrets.token_hex(8)
    text = f"{openid}.{int(runtime.clock.unix())}.{session_id}."
    return Guest(
        openid, session_id, f"{oauth.session_cookie(runtime)}={text}.{oauth.signature(runtime, 'session', text)}"
    )


def post(path: str, who: Guest, body: Mapping[str, str]) -> bytes:
    """The request that the button of this person's page sends."""
    return request(
        "POST",
        path,
        HOST,
        kind="application/json",
        body=json.dumps(body).encode(),
        headers=(
            ("Cookie", who.cookie),
            ("Accept", "application/json"),
            ("Origin", f"https://{HOST}"),
            ("Accept-Language", "zh-CN,zh;q=0.9"),
            ("Sec-Fetch-Site", "same-origin"),
        ),
    )


@dataclass(frozen=True)
class Person(Guest):
    """Someone with a session and a proven shake."""

    shake_ticket: str


def open_campaign(runtime: Runtime) -> int:
    """A campaign that is on, with more packets than anyone here can draw. Returns its id."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        campaign = Campaign(
            id=budget.create(session, "campaign", "新春摇红包"),
            slug=SLUG,
            name="新春摇红包",
            status="on",
            begin_at=now - timedelta(hours=1),
            end_at=now + timedelta(days=2),
            budget_fen=STOCK * 100,
            split="fixed",
            packet_count=STOCK,
            packet_fen=100,
            split_seed="s",
            send_name="示例小店",
            act_name="新春",
            wishing="恭喜发财",
            remark="到店有礼",
            terms={"title": "新春", "description": "到店有礼"},
            are_packets_planned=True,
            created_by=1,
            created_at=now,
            updated_at=now,
        )
        session.add(campaign)
        session.flush()
        session.add(ShakePage(campaign_id=campaign.id, page_id=PAGE_ID))
        session.add(
            Lottery(
                campaign_id=campaign.id,
                ordinal=1,
                lottery_id="9sQqUrmdFaY6v9z8TartXX",
                total=STOCK,
                loaded=STOCK,
                is_on=True,
                created_at=now,
                lottery_key=runtime.vault.seal("K" * 32),
            )
        )
        session.add(
            Packet(
                campaign_id=campaign.id,
                ordinal=1,
                amount_fen=100,
                tier="",
                status="loaded",
                attempts=1,
                failures=0,
                expires_at=now + timedelta(hours=70),
                updated_at=now,
            )
        )
        session.execute(
            insert(PacketCount).values(campaign_id=campaign.id, status="loaded", n=STOCK, amount_fen=STOCK * 100)
        )
        return int(campaign.id)


def gather(runtime: Runtime, wanted: int) -> list[Person]:
    """People who signed in and shook: their sessions are signed, and WeChat has vouched for their shakes."""
    now_unix, people = runtime.clock.unix(), []
    pipe = runtime.redis.pipeline(transaction=False)
    for _ in range(wanted):
        who, ticket = signed_in(runtime), secrets.token_hex(20)
        shake = shakes.Shake(who.openid, PAGE_ID, "10001:19007", int(now_unix))
        pipe.set(shakes.shake_key(ticket_hash(ticket)), shake.packed(), ex=SHAKE_TICKET_LIFE_S)
        people.append(Person(who.openid, who.session_id, who.cookie, ticket))
    pipe.execute()
    return people


def asked(runtime: Runtime, people: Sequence[Person], campaign_id: int, path: str) -> list[bytes]:
    """What each person's page sends; the page token is good for 60 s, so this is made just before it is used."""
    now_unix = runtime.clock.unix()

    def body(person: Person) -> dict[str, str]:
        token = admit.page_token(runtime, person.session_id, campaign_id, now_unix)
        return {"page_token": token, "ticket": person.shake_ticket}

    return [post(path, person, body(person)) for person in people]


def bind_all(runtime: Runtime, campaign_id: int, people: Sequence[Person]) -> None:
    """What WeChat's bind events leave behind: these people have drawn."""
    with runtime.database.transaction() as session:
        session.execute(
            update(Draw)
            .where(Draw.campaign_id == campaign_id, Draw.status == "admitted")
            .values(status="bound", bound_at=runtime.clock.now())
        )
    pipe = runtime.redis.pipeline(transaction=False)
    for person in people:
        pipe.set(drawn_key(campaign_id, person.openid), "bound", ex=BOUND_KEPT_S)
        pipe.delete(f"rate:draw:{person.openid}:{int(runtime.clock.unix()) // 60}")
    pipe.execute()


class Draws:
    """The case: one campaign, ours and the bare views, and the same people in both parts."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        settings = ground.settings()
        self.runtime = Runtime(settings)
        self.campaign_id = open_campaign(self.runtime)
        self.web = ground.gunicorn("draws", "wsgi:app", settings)
        self.bare = ground.gunicorn("bare-draws", "bench_bare:app")

    def close(self) -> None:
        """Close the connections of this process."""
        self.runtime.close()

    def volley(self, web: Web, people: Sequence[Person], path: str, status: bytes, contains: bytes) -> Volley:
        """One volley; raises BenchProblem when an answer was wrong."""
        requests = asked(self.runtime, people, self.campaign_id, path)
        return checked(self.ground, web, requests, status, contains)

    def admitted(self, people: Sequence[Person]) -> Volley:
        """Each of them draws for the first time."""
        return self.volley(self.web, people, f"/h5/c/{SLUG}/draw", b"200", b'"admitted"')

    def refused(self, people: Sequence[Person]) -> Volley:
        """Each of them has drawn already."""
        return self.volley(self.web, people, f"/h5/c/{SLUG}/draw", b"409", b'"already_drawn"')

    def plain_view(self, people: Sequence[Person]) -> Volley:
        """The bare view that looks at nothing."""
        return self.volley(self.bare, people, f"/h5/c/{SLUG}/draw", b"200", b"success")

    def json_view(self, people: Sequence[Person]) -> Volley:
        """The bare view that reads and writes JSON."""
        return self.volley(self.bare, people, f"/h5/c/{SLUG}/draw-json", b"200", b"admitted")

    def check(self, wanted: int) -> None:
        """Every admitted answer stands in the database as one draw."""
        with self.runtime.database.reading() as session:
            found = session.execute(select(func.count()).select_from(Draw)).scalar_one()
        if found != wanted:
            raise BenchProblem(f"{wanted} people were admitted, the database holds {found} draws")


def run(ground: Ground) -> Iterator[Figure]:
    """Admitted and refused, each beside the bare views, A B C A B C …."""
    with closing(Draws(ground)) as case:
        n, rounds = ground.size.requests, ground.size.rounds
        crowds = [gather(case.runtime, n // 4)] + [gather(case.runtime, n) for _ in range(rounds)]
        case.plain_view(crowds[0])
        case.json_view(crowds[0])
        case.admitted(crowds[0])
        plain, reading, ours = [], [], []
        for crowd in crowds[1:]:
            plain.append(case.plain_view(crowd))
            ours.append(case.admitted(crowd))
            reading.append(case.json_view(crowd))
        case.check(n // 4 + n * rounds)
        yield beside("draws", "admitted", ours, plain, "bare Flask view", AIM)
        yield beside("draws", "admitted", ours, reading, "bare Flask view with JSON", None)
        plain, reading, ours = [], [], []
        for crowd in crowds[1:]:
            bind_all(case.runtime, case.campaign_id, crowd)
            plain.append(case.plain_view(crowd))
            ours.append(case.refused(crowd))
            reading.append(case.json_view(crowd))
        yield beside("draws", "refused as already drawn", ours, plain, "bare Flask view", AIM)
        yield beside("draws", "refused as already drawn", ours, reading, "bare Flask view with JSON", None)
