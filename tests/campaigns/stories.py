"""Campaigns for tests, made through the same verbs as in the console."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import requests
from sqlalchemy import select

from tests.rows import in_one
from wxbot.campaigns import draft, launch
from wxbot.campaigns.draft import Draft
from wxbot.campaigns.models import Campaign
from wxbot.orders.reconcile import reconcile_due
from wxbot.orders.send import recover_sending, send_due
from wxbot.runtime import Runtime
from wxbot.shake import terms
from wxbot.shake.models import Lottery, ShakePage
from wxbot.staff.models import Staff

MARKETER, CASHIER = 1, 2


def hire(runtime: Runtime) -> None:
    """A marketer and a cashier, so that four eyes exist."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        for staff_id, login, role in ((MARKETER, "mei", "marketer"), (CASHIER, "chen", "cashier")):
            if session.get(Staff, staff_id) is None:
                session.add(Staff(id=staff_id, login=login, name=login, role=role, password_hash="!", created_at=now))


def plan(now: datetime, **changes: Any) -> Draft:
    """A draft of 20 packets of ¥1.00, open now for a day."""
    values: dict[str, Any] = {
        "name": "开业有礼",
        "begin_at": now + timedelta(seconds=2),
        "end_at": now + timedelta(hours=24),
        "budget_fen": 2000,
        "split": "fixed",
        "packet_count": 20,
        "packet_fen": 100,
        "send_name": "示例小店",
        "act_name": "开业有礼",
        "wishing": "恭喜发财",
        "remark": "到店有礼",
        "terms": {"title": "开业有礼", "description": "摇一摇领红包", "odds_ppm": 1_000_000, "device_ids": []},
        "rules": "到店摇一摇即可参加。",
        "organiser": "示例小店",
        "contact": "400-000-0000",
        "expected_people": 20,
    }
    own = {name: changes.pop(name) for name in terms.NAMES if name in changes}
    values["terms"] |= own
    return Draft(**(values | changes))


def beacon(runtime: Runtime) -> int:
    """A beacon where people can shake: the simulator's newest, or a number that nobody asks about where none runs."""
    try:
        made = requests.post(f"{runtime.settings.api_base}/_sim/beacons", json={"comment": "门口"}, timeout=20)
    except requests.ConnectionError:
        return 10_011
    return int(made.json()["beacon"]["device_id"])


def approved(runtime: Runtime, **changes: Any) -> int:
    """An approved campaign; returns its id."""
    hire(runtime)
    if "device_ids" not in changes:
        changes["device_ids"] = [beacon(runtime)]
    now = runtime.clock.now()
    campaign_id = in_one(runtime.database, draft.save, plan(now, **changes), MARKETER, now)
    in_one(runtime.database, draft.submit, campaign_id, MARKETER, now)
    in_one(runtime.database, draft.approve, campaign_id, CASHIER, now)
    return campaign_id


def launched(runtime: Runtime, **changes: Any) -> int:
    """A campaign that was launched a moment ago; no step of it has run yet."""
    campaign_id = approved(runtime, **changes)
    in_one(runtime.database, launch.launch, campaign_id, MARKETER, runtime.clock.now())
    return campaign_id


def page_of(runtime: Runtime, campaign_id: int) -> int | None:
    """The campaign's shake page at WeChat."""
    with runtime.database.reading() as session:
        return session.scalar(select(ShakePage.page_id).where(ShakePage.campaign_id == campaign_id))


def is_lottery_on(runtime: Runtime, campaign_id: int) -> bool:
    """Whether WeChat hands out the campaign's tickets."""
    with runtime.database.reading() as session:
        return any(session.scalars(select(Lottery.is_on).where(Lottery.campaign_id == campaign_id)))


def work(runtime: Runtime, rounds: int = 100) -> int:
    """Do what the worker's clock would do, until nothing is left to do now; returns the rounds used."""
    for used in range(rounds):
        done = sum(launch.advance(runtime, campaign_id) for campaign_id in launch.active_campaigns(runtime.database))
        with runtime.database.transaction() as session:
            done += recover_sending(session, runtime.database.now(session))
        done += send_due(runtime, seconds=60).sent + reconcile_due(runtime)
        if done == 0:
            return used
    return rounds


def campaign_of(runtime: Runtime, campaign_id: int) -> Campaign:
    """The campaign as it stands."""
    with runtime.database.reading() as session:
        found = session.get(Campaign, campaign_id)
    assert found is not None
    return found
