"""What the stories of awards need: a campaign with money, and people who have won, in rows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.draws.stage import BASE, WECHAT, Phone
from wxbot import budget, ledger
from wxbot.budget import Budget
from wxbot.campaigns.models import Campaign
from wxbot.instant import sums
from wxbot.instant.models import Award, InstantDraw, InstantTerms, Prize, PrizeCode
from wxbot.ledger import Posting
from wxbot.runtime import Runtime


@dataclass
class Instant:
    """One campaign; `prize_id` is its money prize, `codes_id` its prize of codes."""

    runtime: Runtime
    campaign_id: int
    prize_id: int
    codes_id: int

    def win(self, openid: str, amount_fen: int = 100, life_s: float = 7 * 86400, code: str = "") -> str:
        """What the draw leaves when somebody wins; returns the award's name."""
        with self.runtime.database.transaction() as session:
            now = self.runtime.database.now(session)
            k = self._draw(session, openid, self.codes_id if code else self.prize_id, None if code else amount_fen, now)
            award = Award(
                public_id=secrets.token_urlsafe(12),
                campaign_id=self.campaign_id,
                k=k,
                openid=openid,
                prize_id=self.codes_id if code else self.prize_id,
                kind="code" if code else "money",
                amount_fen=0 if code else amount_fen,
                status="given" if code else "open",
                won_at=now,
                deadline_at=now + timedelta(seconds=life_s),
            )
            session.add(award)
            session.flush()
            sums.add(session, self.campaign_id, now, "", award.status, 1, award.amount_fen)
            sums.reach(session, sums.Participant(self.campaign_id, openid), award.status, sums.Came(now, ""))
            if code:
                sealed, index = self.runtime.vault.seal(code), self.runtime.vault.index(code)
                session.add(
                    PrizeCode(
                        campaign_id=self.campaign_id,
                        prize_id=self.codes_id,
                        ordinal=k,
                        code_sealed=sealed,
                        code_index=index,
                        award_id=award.id,
                    )
                )
            else:
                assert budget.reserve(session, self.campaign_id, amount_fen)
                ref = f"{self.campaign_id}:{k}"
                ledger.post(session, [Posting("won", ref, "reserved", "owed", amount_fen, self.campaign_id)], now)
            return award.public_id

    def _draw(self, session: Session, openid: str, prize_id: int, amount_fen: int | None, now: datetime) -> int:
        """A draw that gave this prize; returns its number."""
        terms, prize = session.get_one(InstantTerms, self.campaign_id), session.get_one(Prize, prize_id)
        k, left = terms.next_k, prize.left
        terms.next_k, prize.left = k + 1, left - 1
        mine = (InstantDraw.campaign_id == self.campaign_id) & (InstantDraw.openid == openid)
        is_first = session.scalar(select(InstantDraw.k).where(mine).limit(1)) is None
        sums.add(session, self.campaign_id, now, "", "draws")
        if is_first:
            sums.add(session, self.campaign_id, now, "", "people")
        session.add(
            InstantDraw(
                campaign_id=self.campaign_id,
                k=k,
                openid=openid,
                nonce=secrets.token_hex(16),
                dice=0,
                prize_ordinal=prize.ordinal,
                amount_fen=amount_fen,
                outcome="won",
                rule_version=1,
                released=prize.stock,
                left=left,
                drawn_at=now,
            )
        )
        return k

    def award(self, public_id: str) -> Award:
        """The award as it stands."""
        with self.runtime.database.reading() as session:
            return session.scalars(select(Award).where(Award.public_id == public_id)).one()

    def status(self) -> str:
        """The campaign's status."""
        with self.runtime.database.reading() as session:
            return session.get_one(Campaign, self.campaign_id).status

    def money(self) -> dict[str, int]:
        """Where the campaign's money stands: the accounts, and what its budget says."""
        with self.runtime.database.reading() as session:
            accounts = ledger.balances(session, self.campaign_id)
            kept = session.get_one(Budget, self.campaign_id)
            names = ("reserved", "owed", "in_flight", "unclaimed", "paid")
            return {name: accounts[name] for name in names} | {"committed": kept.committed_fen, "spent": kept.paid_fen}


def set_instant(runtime: Runtime, budget_fen: int = 10_000, channel: str = "transfer_bills", **terms: Any) -> Instant:
    """A campaign of this mechanic, paused, that pays over `channel`."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        campaign_id = budget.create(session, "campaign", "周年庆大转盘")
        assert budget.change_budget(session, campaign_id, budget_fen)
        ledger.post(session, [Posting("reserved", "c1", "merchant", "reserved", budget_fen, campaign_id)], now)
        session.add(
            Campaign(
                id=campaign_id,
                slug=f"wheel{campaign_id}",
                name="周年庆大转盘",
                status="off",
                mechanic="instant",
                begin_at=now - timedelta(hours=1),
                end_at=now + timedelta(days=7),
                budget_fen=budget_fen,
                split="fixed",
                packet_count=0,
                split_seed="",
                send_name="示例小店",
                act_name="周年庆大转盘",
                wishing="恭喜中奖",
                remark="周年庆大转盘奖品",
                created_by=1,
                created_at=now,
                updated_at=now,
            )
        )
        session.flush()
        session.add(InstantTerms(campaign_id=campaign_id, channel=channel, **terms))
        prizes = [
            Prize(campaign_id=campaign_id, ordinal=n, kind=kind, name=name, odds_ppm=1000, stock=100, left=100, **more)
            for n, kind, name, more in (
                (1, "money", "一元红包", {"min_fen": 100, "max_fen": 100, "value_fen": 100}),
                (2, "code", "封面序列号", {}),
            )
        ]
        session.add_all(prizes)
        session.flush()
        return Instant(runtime, campaign_id, *(prize.id for prize in prizes))


def mine(phone: Phone) -> dict[str, Any]:
    """What the person's page of awards has, as a script reads it."""
    phone.open("/h5/awards")
    found: dict[str, Any] = phone.get("/h5/awards", Accept="application/json").get_json()
    return found


def tap(phone: Phone, public_id: str, mark: str) -> Any:
    """The tap on 领取."""
    return phone.client.post(
        f"/h5/awards/{public_id}/collect",
        base_url=BASE,
        headers={"User-Agent": WECHAT, "Accept": "application/json", "X-Form-Mark": mark, "Origin": BASE},
    )


def state(phone: Phone, public_id: str) -> dict[str, Any]:
    """How the award stands, as its page asks; a session that has ended is begun anew, as the page does."""
    if phone.get(f"/h5/awards/{public_id}/state", Accept="application/json").status_code == 401:
        phone.open("/h5/awards")
    found: dict[str, Any] = phone.get(f"/h5/awards/{public_id}/state", Accept="application/json").get_json()
    return found
