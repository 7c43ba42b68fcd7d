"""A campaign of instant draws that was approved, launched and is on; phones that draw from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from tests.draws.stage import BASE, Phone
from tests.instant.added import check_sums
from wxbot import budget, ledger
from wxbot.budget import Budget
from wxbot.campaigns import launch
from wxbot.campaigns.models import Campaign
from wxbot.draws.draw_state import draw_state_of
from wxbot.instant import archive, codes
from wxbot.instant.models import Award, InstantDraw, InstantTerms, Prize
from wxbot.runtime import Runtime

PRIZE = {
    "kind": "money",
    "name": "一元",
    "split": "fixed",
    "min_fen": 100,
    "max_fen": 100,
    "total_fen": 0,
    "value_fen": 100,
    "odds_ppm": 1_000_000,
    "stock": 5,
    "release": {"way": "once", "weights": []},
    "when_gone": "miss",
}


@dataclass
class InstantStage:
    """One campaign of instant draws."""

    runtime: Runtime
    campaign_id: int
    slug: str = "wheel"

    @property
    def path(self) -> str:
        return f"/h5/c/{self.slug}"

    def change(self, **values: Any) -> None:
        """Change the campaign or its terms, and let this process see it at once."""
        with self.runtime.database.transaction() as session:
            for row in (
                session.get_one(Campaign, self.campaign_id),
                session.get_one(InstantTerms, self.campaign_id),
            ):
                for name in set(values) & set(row.__table__.columns.keys()) - {"rules"}:
                    setattr(row, name, values[name])
        draw_state_of(self.runtime).snapshots.forget()

    def work(self) -> None:
        """What the worker does until there is nothing to do."""
        while launch.advance(self.runtime, self.campaign_id):
            pass
        draw_state_of(self.runtime).snapshots.forget()

    def import_codes(self, *serials: str) -> None:
        """Codes for the first prize, as staff import them."""
        with self.runtime.database.transaction() as session:
            codes.read_in(session, self.runtime.vault, self.campaign_id, 1, enumerate(serials, 1))

    def forget(self) -> None:
        """Let Redis forget everything."""
        self.runtime.redis.flushdb()

    def draws(self) -> list[InstantDraw]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(InstantDraw).order_by(InstantDraw.k)))

    def awards(self) -> list[Award]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Award).order_by(Award.k)))

    def prizes(self) -> list[Prize]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Prize).order_by(Prize.ordinal)))

    def books(self) -> tuple[Budget, dict[str, int]]:
        with self.runtime.database.reading() as session:
            return session.get_one(Budget, self.campaign_id), ledger.balances(session, self.campaign_id)

    def reveal(self) -> None:
        """What the close does with the seed."""
        with self.runtime.database.transaction() as session:
            terms = session.get_one(InstantTerms, self.campaign_id)
            terms.seed = self.runtime.vault.open(terms.seed_sealed)

    def check_books(self) -> None:
        """What was given, what is left, what is owed and what is committed are one number."""
        wins = [draw for draw in self.draws() if draw.outcome == "won"]
        won_fen = sum(draw.amount_fen or 0 for draw in wins)
        kept, accounts = self.books()
        with self.runtime.database.reading() as session:
            given = session.scalar(
                select(func.sum(Prize.stock - Prize.left)).where(Prize.campaign_id == self.campaign_id)
            )
        assert len(wins) == len(self.awards()) == given
        assert (kept.committed_fen, accounts["owed"]) == (won_fen, won_fen)
        assert kept.committed_fen <= kept.budget_fen
        assert all(prize.left >= 0 for prize in self.prizes())
        assert [draw.k for draw in self.draws()] == list(range(1, len(self.draws()) + 1))
        check_sums(self.runtime.database)


def approved(runtime: Runtime, *prizes: Mapping[str, Any], slug: str = "wheel", **changes: Any) -> InstantStage:
    """A campaign that a second person has approved; its budget is set aside."""
    now = runtime.clock.now()
    terms = {"prizes": [PRIZE | dict(prize) for prize in (prizes or ({},))]} | changes.pop("terms", {})
    values: dict[str, Any] = {
        "slug": slug,
        "name": "大转盘",
        "status": "launching",
        "launched_at": now,
        "mechanic": "instant",
        "begin_at": now - timedelta(hours=1),
        "end_at": now + timedelta(days=6),
        "budget_fen": 100_000,
        "split": "fixed",
        "packet_count": 0,
        "split_seed": "s",
        "send_name": "",
        "act_name": "转一转",
        "wishing": "",
        "remark": "",
        "organiser": "示例小店",
        "contact": "400-000-0000",
        "rules": "转一转。",
        "tries_per_person": 3,
        "tries_per_day": 3,
        "created_by": 1,
        "created_at": now,
        "updated_at": now,
        "terms": terms,
    } | changes
    with runtime.database.transaction() as session:
        campaign = Campaign(id=budget.create(session, "campaign", "大转盘"), **values)
        session.add(campaign)
        session.flush()
        budget.open_budget(session, campaign.id, campaign.budget_fen, campaign.name)
        posting = ledger.Posting(
            "reserved", f"{campaign.id}:1", "merchant", "reserved", campaign.budget_fen, campaign.id
        )
        ledger.post(session, [posting], now)
        return InstantStage(runtime, campaign.id, slug)


def set_wheel(runtime: Runtime, *prizes: Mapping[str, Any], **changes: Any) -> InstantStage:
    """A campaign that is on."""
    stage = approved(runtime, *prizes, **changes)
    stage.work()
    return stage


def look(phone: Phone, stage: InstantStage) -> dict[str, Any]:
    """What the page is told live."""
    state: dict[str, Any] = phone.get(f"{stage.path}/state").get_json()
    return state


def tap(phone: Phone, stage: InstantStage, nonce: str = "", **more: Any) -> Any:
    """Open the page, if need be, and draw with a nonce of it."""
    if nonce == "":
        state = phone.state_of(phone.open(stage.path))
    else:
        state = look(phone, stage)
    return ask(phone, stage, {"page_token": state["page_token"], "nonce": nonce or state["nonce"], **more})


def ask(phone: Phone, stage: InstantStage, body: Mapping[str, Any]) -> Any:
    """The request that the page's button sends."""
    headers = {"User-Agent": phone.agent, "Accept": "application/json", "Origin": BASE}
    return phone.client.post(f"{stage.path}/draw", base_url=BASE, headers=headers, json=dict(body))


def archive_of(stage: InstantStage) -> list[str]:
    """The lines of the archive of a campaign whose seed is revealed."""
    with stage.runtime.database.reading() as session:
        campaign = session.get_one(Campaign, stage.campaign_id)
        return list(archive.written(session, campaign, stage.runtime.clock.now()))
