"""What the crowd's door asks of a hall: nothing is drawn on /h5/c/<slug>, its page leads to the hall's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import DEFAULT_PICTURE, CampaignCard
from wxbot.campaigns.models import Campaign
from wxbot.draws import outcomes
from wxbot.draws.admission import Admission, Booked
from wxbot.draws.mechanic import Entrant, Proven
from wxbot.draws.outcomes import Outcome
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.hall.models import Guest, Hall
from wxbot.instant.models import Prize
from wxbot.runtime import Runtime
from wxbot.text import Text
from wxbot.vault import Vault

OUTSIDE = Text(
    "请用手机微信扫现场大屏上的二维码签到。", "Scan the code on the screen of the hall with WeChat on your phone."
)
CARD = Text("现场签到，大屏抽奖。", "Sign in on the spot; winners are selected on the screen.")
NOT_HERE = (
    Text("抽奖在现场大屏上进行", "Winners are selected on the screen"),
    Text("请扫大屏上的二维码签到。", "Sign in by the code on the screen."),
)


@dataclass(frozen=True, slots=True)
class HallStock:
    """What is left of all prizes together, and whether the hall was launched."""

    packets: int
    is_open: bool


def read_stock(session: Session, _vault: Vault, campaign: Campaign, _loaded: int, _now: datetime) -> HallStock:
    """What a hall has left, by its rows."""
    left = session.scalar(select(func.sum(Prize.left)).where(Prize.campaign_id == campaign.id))
    return HallStock(int(left or 0), session.get(Hall, campaign.id) is not None)


def prove(
    _runtime: Runtime, _stock: HallStock, _entrant: Entrant, _kept: str | None, _now_unix: float
) -> Proven | Outcome:
    """Nobody draws here, whatever they bring."""
    return Outcome.NOT_BY_SHAKING


def welcome(_runtime: Runtime, _stock: HallStock, _entrant: Entrant, _now_unix: float) -> Outcome | None:
    """Every way to the page is a good one: it only leads on."""
    return None


def hand_out(_stock: HallStock, _openid: str) -> str | None:
    """Nothing."""
    return None


def book(_session: Session, admissions: Sequence[Admission]) -> list[Booked]:
    """Refuse, should anybody come so far."""
    return [Booked(Outcome.NOT_BY_SHAKING) for _ in admissions]


def recall(_kept: str) -> tuple[Booked, bool]:
    """Nothing is remembered here."""
    return Booked(Outcome.NOT_BY_SHAKING), True


def stored(_runtime: Runtime, _snapshot: CampaignSnapshot, _entrant: Entrant) -> Booked | None:
    """No request here ended in anything."""
    return None


def answer(_handed_out: str, _openid: str, _language: str) -> Mapping[str, Any]:
    """Nothing was handed out."""
    return {}


def sentence(outcome: Outcome, language: str) -> tuple[str, str]:
    """An outcome in words: who asks to draw is sent to the screen."""
    if outcome is Outcome.NOT_BY_SHAKING:
        return NOT_HERE[0].within(language), NOT_HERE[1].within(language)
    return outcomes.sentence(outcome, language)


def page_state(_runtime: Runtime, snapshot: CampaignSnapshot, _language: str) -> Mapping[str, Any]:
    """Where the page leads."""
    return {"hall": f"/h5/hall/{snapshot.slug}"}


def person_state(_runtime: Runtime, _snapshot: CampaignSnapshot, _openid: str, _language: str) -> Mapping[str, Any]:
    """Nothing: the hall's own page says it."""
    return {}


def card(_campaign: Campaign) -> CampaignCard:
    """How the chat shows it."""
    return CampaignCard(CARD, DEFAULT_PICTURE)


def drew(session: Session, campaign_id: int) -> int:
    """How many people have signed in."""
    return session.scalar(select(func.count()).select_from(Guest).where(Guest.campaign_id == campaign_id)) or 0
