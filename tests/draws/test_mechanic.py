"""A further way to give is one row of the table: its campaign is written, approved, launched, drawn from and closed like any."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from jinja2 import ChoiceLoader, DictLoader
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.draws.stage import Phone, Stage
from tests.staff.consoles import PASSWORD, Browser, token_in
from wxbot import ledger
from wxbot.campaigns import close, launch
from wxbot.campaigns.draft_form import read_whole, take_all
from wxbot.campaigns.mechanic import DaysPart, DraftPart, ForecastPart, Form, Typed, Values
from wxbot.campaigns.models import CAMPAIGN_NEXT, Campaign
from wxbot.clock import SHANGHAI
from wxbot.draws.admission import Admission, Booked
from wxbot.draws.draw_state import draw_state_of
from wxbot.draws.mechanic import Entrant
from wxbot.draws.models import Draw
from wxbot.draws.outcomes import Outcome, sentence
from wxbot.mechanics import MECHANICS, Mechanic
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.staff import accounts
from wxbot.text import Refusal, Text, fault
from wxbot.transitions import move
from wxbot.vault import Vault

SHAKE_ONLY = (
    "send_name",
    "wishing",
    "remark",
    "title",
    "description",
    "jump_url",
    "device_ids",
    "packet_count",
    "odds",
)
TEMPLATES = {
    "coins/draft.html": "{% extends 'console/draft.html' %}{% from 'console/_draft_fields.html' import field with context %}"
    "{% block prizes %}{{ field('coins', 'Coins') }}{% endblock %}",
    "coins/forecast.html": "{% if forecast %}{{ forecast.coins }} coins to give{% endif %}",
    "coins/campaign.html": "{% extends 'console/campaign.html' %}{% block prizes %}<dt>Coins</dt><dd>{{ coins }} in all</dd>{% endblock %}",
    "coins/figures.html": "<p>figures of coins</p>",
    "coins/page.html": '<script type="application/json" id="state">{{ state|tojson }}</script>',
    "coins/rules.html": "{{ snapshot.rules }} {{ coins }} coins",
}


def _read(form: Form) -> tuple[dict[str, Any], list[Refusal]]:
    values, faults = take_all(form, {"coins": ("coins", read_whole, "")})
    return ({"terms": values} if values else {}), faults


def _typed(campaign: Campaign) -> Typed:
    return {"coins": str(campaign.terms["coins"])}


def _faults(values: Values, _now: datetime) -> Iterator[Refusal]:
    if values.get("terms", {}).get("coins") == 0:
        yield fault("coins", "至少一枚", "At least one")


def _entrance(_values: Values, _now: datetime) -> Iterator[Refusal]:
    yield from ()


def _open(runtime: Runtime, campaign: Campaign) -> int:
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        return int(move(session, Campaign, campaign.id, CAMPAIGN_NEXT, "launching", "on", updated_at=now))


OWED: set[int] = set()
"""Campaigns that still owe somebody a coin."""


def _finish(runtime: Runtime, campaign: Campaign) -> int:
    return close.finish(runtime, campaign, lambda _session, campaign, _now: campaign.id not in OWED)


@dataclass(frozen=True)
class Coins:
    """What is left in the chest, as far as anybody looked."""

    packets: int
    in_all: int
    is_open: bool = True


@dataclass(frozen=True)
class Came:
    """Whoever comes has come."""

    device_id: str = ""


def _given(session: Session, campaign_id: int) -> int:
    query = select(func.count()).select_from(Draw)
    return session.scalar(query.where(Draw.campaign_id == campaign_id, Draw.handed_out.is_not(None))) or 0


def _stock(session: Session, _vault: Vault, campaign: Campaign, _loaded: int, _now: datetime) -> Coins:
    return Coins(1, int(campaign.terms["coins"]))  # the page stays open: that the chest is empty is decided by the draw


def _prove(_runtime: Runtime, _stock: Any, entrant: Entrant, _kept: str | None, _now: float) -> Came | Outcome:
    return Came() if entrant.ticket else Outcome.TICKET_TOO_OLD


def _book(session: Session, admissions: Sequence[Admission]) -> list[Booked]:
    booked = []
    for one in admissions:
        earlier = session.scalar(
            select(Draw).where(Draw.campaign_id == one.campaign_id, Draw.ticket_hash == one.ticket_hash)
        )
        line = earlier.handed_out if earlier else None
        if earlier is None:
            given = _given(session, one.campaign_id)
            line = f"coin {given + 1}" if given < one.stock.in_all else None
            values = {"campaign_id": one.campaign_id, "openid": one.openid, "ticket_hash": one.ticket_hash}
            session.add(Draw(**values, status="lapsed", handed_out=line, admitted_at=one.now))
            session.flush()
        outcome = Outcome.ADMITTED if line else Outcome.MISSED
        booked.append(Booked(outcome, line, earlier is None, kept=f"{outcome}|{line or ''}"))
    return booked


def _recall(kept: str) -> tuple[Booked, bool]:
    word, _, line = kept.partition("|")
    return Booked(Outcome(word), line or None), True


def _nothing(*_of: Any) -> Mapping[str, Any]:
    return {}


def _blank(_settings: Settings) -> Typed:
    return {"coins": "2", "tries_per_person": "9", "tries_per_day": "9"}


COINS = Mechanic(
    word=Text("宝箱", "A chest of coins"),
    draft=DraftPart(
        fields=("coins",),
        read=_read,
        typed=_typed,
        blank=_blank,
        page="coins/draft.html",
        shown=_nothing,
        words=lambda: {"coins": "有多少枚"},
    ),
    forecast=ForecastPart(
        fields=frozenset({"coins"}),
        typed_in={},
        make=lambda values, _settings: values["terms"],
        part="coins/forecast.html",
    ),
    faults=(_faults,),
    entrance=_entrance,
    cautions=(),
    steps={
        "launching": (launch.end, _open),
        "on": (launch.end,),
        "off": (launch.end,),
        "closing": (_finish,),
    },
    lead=timedelta(),
    console_page="coins/campaign.html",
    console=lambda _session, campaign: {"coins": campaign.terms.get("coins")},
    given=lambda session, campaigns: {each.id: (_given(session, each.id), 0) for each in campaigns},
    days=DaysPart(
        figures=lambda session, campaign_id, *_span: {"draws": _given(session, campaign_id)},
        prizes=lambda *_of: [],
        owes=lambda *_of: False,
        settled_at=lambda *_of: None,
    ),
    figures="coins/figures.html",
    read_stock=_stock,
    proof_key=lambda hashed: f"coins:{hashed}",
    drawn_key=lambda campaign_id, _openid, hashed: f"coins:{campaign_id}:{hashed}",
    recall=_recall,
    prove=_prove,
    welcome=lambda *_of: None,
    hand_out=lambda _stock, _openid: "",
    book=_book,
    answer=lambda line, _openid, _language: {"coin": line},
    sentence=sentence,
    page="coins/page.html",
    page_state=_nothing,
    stored=lambda *_of: None,
    person_state=_nothing,
    mine=lambda *_of: "none",
    rules="coins/rules.html",
    rules_facts=lambda snapshot: {"coins": snapshot.stock.in_all},
    outside=Text("用微信打开。", "Open it in WeChat."),
    drew=lambda session, campaign_id: 0,
    reached=lambda session, campaign_id: {"won": _given(session, campaign_id), "paid": 0},
)


@pytest.fixture
def desks(app: Flask, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> tuple[Browser, Browser]:
    """A marketer's and a cashier's browser, where campaigns can give coins."""
    monkeypatch.setitem(MECHANICS, "coins", COINS)
    own = app.jinja_loader
    assert own is not None
    app.jinja_loader = ChoiceLoader([DictLoader(TEMPLATES), own])
    for login, role in (("li", "marketer"), ("wang", "cashier")):
        accounts.hire(runtime.database, f"{login}.test", login, role, PASSWORD, runtime.clock.now())
    return Browser(app, "li"), Browser(app, "wang")


def form(runtime: Runtime, **changes: str) -> dict[str, str]:
    """A draft that is open now, without one field of a shake campaign."""
    now = runtime.clock.now().astimezone(SHANGHAI)
    values = {
        "mechanic": "coins",
        "name": "开箱",
        "begin_at": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "end_at": f"{now + timedelta(days=2):%Y-%m-%dT%H:%M}",
        "budget": "10",
        "act_name": "开箱",
        "rules": "点一下。",
        "organiser": "示例小店",
        "contact": "400-000-0000",
        "coins": "1",
    }
    return values | changes


def work(runtime: Runtime) -> None:
    while sum(launch.advance(runtime, each) for each in launch.active_campaigns(runtime.database)):
        pass
    draw_state_of(runtime).snapshots.forget()


def campaign_of(runtime: Runtime) -> Campaign:
    with runtime.database.reading() as session:
        return session.scalars(select(Campaign)).one()


def test_a_further_way_to_give_is_one_row_of_the_table(
    desks: tuple[Browser, Browser], runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    marketer, cashier = desks
    new = marketer.get("/admin/campaigns/new?mechanic=coins").text
    assert "宝箱" in new and "微信摇一摇" in new and 'name="coins"' in new
    assert not [name for name in SHAKE_ONLY if f'name="{name}"' in new]

    edit = marketer.post("/admin/campaigns/new", form(runtime, coins="很多")).headers["Location"]
    page = edit.removesuffix("/edit")
    told = unescape(marketer.get(page).text)
    assert "<b>有多少枚</b>" in told and "请填写整数" in told and "红包数量" not in told
    assert "很多" in marketer.get(edit).text
    marketer.post(edit, form(runtime, coins="0", mechanic="shake"))
    assert "至少一枚" in marketer.get(edit).text
    marketer.post(edit, form(runtime))
    assert campaign_of(runtime).terms == {"coins": 1} and campaign_of(runtime).half_written is None
    assert "1 coins to give" in marketer.get(edit).text and "1 in all" in marketer.get(page).text

    marketer.post(f"{page}/submit")
    content = re.findall(r'name="content_sha256" value="(\w+)"', cashier.get(page).text)[0]
    with runtime.database.transaction() as session:
        session.get_one(Campaign, campaign_of(runtime).id).terms = {"coins": 1_000}
    cashier.post(f"{page}/approve", {"content_sha256": content})
    assert campaign_of(runtime).status == "submitted", "what is approved holds the mechanic's terms"
    with runtime.database.transaction() as session:
        session.get_one(Campaign, campaign_of(runtime).id).terms = {"coins": 1}
    cashier.post(f"{page}/approve", {"content_sha256": content})
    marketer.post(f"{page}/launch")
    work(runtime)
    campaign = campaign_of(runtime)
    assert campaign.status == "on" and "figures of coins" in marketer.get(page).text
    assert [getattr(campaign, name) for name in SHAKE_ONLY[:3]] == [""] * 3 and set(campaign.terms) == {"coins"}

    stage = Stage(runtime, campaign.id, campaign.slug)
    first = ming.draw(stage, "a-1").get_json()
    assert (first["outcome"], first["coin"], "jump" in first) == ("admitted", "coin 1", False)
    assert hong.draw(stage, "b-1").get_json()["outcome"] == "missed"
    assert "1 coins" in ming.open(f"{stage.path}/rules").text

    OWED.add(campaign.id)
    marketer.post(f"{page}/close")
    work(runtime)
    again = ming.draw(stage, "a-1").get_json()
    assert (again["outcome"], again["coin"]) == ("admitted", "coin 1"), "what was decided is said again after the end"
    assert ming.draw(stage, "a-2").get_json()["outcome"] == "over"
    assert campaign_of(runtime).status == "closing"
    OWED.discard(campaign.id)
    work(runtime)
    assert campaign_of(runtime).status == "closed"
    with runtime.database.reading() as session:
        assert ledger.balances(session, campaign.id)["reserved"] == 0
    funnel = marketer.get(f"{page}/funnel").text
    assert "抽中的人" in funnel and token_in(marketer.get("/admin/password").text)


def test_a_form_cannot_name_a_way_that_there_is_not(desks: tuple[Browser, Browser], runtime: Runtime) -> None:
    answer = desks[0].post("/admin/campaigns/new", form(runtime, mechanic="roulette"))
    assert answer.status_code == 422 and "请选择活动怎么发" in answer.text
