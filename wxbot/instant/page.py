"""What a phone is told of an instant campaign: how to draw, what is left of the tries, what was won; replays of one draw."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.campaigns import entries
from wxbot.clock import shanghai_day
from wxbot.draws.admission import Booked
from wxbot.draws.mechanic import Entrant
from wxbot.draws.outcomes import Outcome
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.instant import answers, award_shown, card, nonces, pictures, words
from wxbot.instant.article import span_text
from wxbot.instant.conditions import is_word
from wxbot.instant.decide import PrizeRule
from wxbot.instant.limits import PersonLimits, PersonRules, has_tomorrow
from wxbot.instant.look import palette
from wxbot.instant.models import Award, AwardStatus, InstantDraw
from wxbot.instant.page_words import InstantPhrases, odds_text, worth_text
from wxbot.instant.stock import InstantStock
from wxbot.people.phone_pages import form_mark, wx_config
from wxbot.runtime import Runtime
from wxbot.text import Text

OUTSIDE = Text(
    "用手机微信扫一扫这个二维码，就可以参加。",
    "Scan this code with WeChat on your phone to take part.",
)
APIS = ("checkJsApi", "requestMerchantTransfer", "updateAppMessageShareData", "updateTimelineShareData")
MINE_SHOWN = 20
WAITING: tuple[AwardStatus, ...] = ("open", "collecting")


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody who came by any way in, with a nonce of ours; no place is proven or needed."""

    device_id: str = ""


ENTERED = Entered()


def proof_key(_hashed: str) -> str:
    """Nothing is proven by WeChat here; the key is one that nobody writes."""
    return "instant:nothing"


def drawn_key(campaign_id: int, openid: str, hashed: str) -> str:
    """The Redis key under which the answer to one nonce is remembered for its person."""
    return f"instant:{campaign_id}:{openid}:{hashed[:32]}"


def prove(
    _runtime: Runtime, stock: InstantStock, entrant: Entrant, _kept: str | None, _now_unix: float
) -> Entered | Outcome:
    """Whether this nonce was made for this person here, and the word is the campaign's where it has one."""
    if not nonces.is_own(stock.vault, stock.campaign_id, entrant.openid, entrant.ticket):
        return Outcome.STALE_NONCE
    if not is_word(stock.password, entrant.password):
        return Outcome.WRONG_PASSWORD
    return ENTERED


def welcome(_runtime: Runtime, _stock: InstantStock, _entrant: Entrant, _now_unix: float) -> Outcome | None:
    """Every way in is a good one."""
    return None


def hand_out(_stock: InstantStock, _openid: str) -> str | None:
    """Nothing is known before the commit."""
    return ""


_undrawn: OrderedDict[str, float] = OrderedDict()
"""Nonces that were looked up while the gates were shut and had not been drawn with, and when: whoever taps on costs nothing more
for a while."""

UNDRAWN_KEPT = 10_000
UNDRAWN_S = 5.0


def stored(runtime: Runtime, snapshot: CampaignSnapshot, entrant: Entrant) -> Booked | None:
    """The answer to a nonce that was drawn with, read from the rows: also after the close."""
    stock: Any = snapshot.stock
    nonce = entrant.ticket
    if time.monotonic() - _undrawn.get(nonce, -UNDRAWN_S) < UNDRAWN_S or not nonces.is_own(
        stock.vault, snapshot.campaign_id, entrant.openid, nonce
    ):
        return None
    with runtime.database.reading() as session:
        row = answers.stored(session, snapshot.campaign_id, [nonce]).get(nonce)
        mine = _limits(session, runtime, snapshot, entrant.openid) if row is not None else None
    if row is None or mine is None:
        _undrawn[nonce] = time.monotonic()
        while len(_undrawn) > UNDRAWN_KEPT:
            _undrawn.popitem(last=False)
        return None
    return answers.answer_of(row, nonces.after(stock.vault, snapshot.campaign_id, entrant.openid, nonce), mine.left)


def _limits(session: Session, runtime: Runtime, snapshot: CampaignSnapshot, openid: str) -> PersonLimits:
    """What this person has left here today, read from the rows."""
    stock: Any = snapshot.stock
    limits = (snapshot.tries_per_person, snapshot.tries_per_day, stock.wins_per_person, stock.wins_per_day)
    mine, day = PersonRules(*limits), f"{shanghai_day(runtime.clock.now()):%Y%m%d}"
    used = quotas.used_each(session, mine.names(snapshot.campaign_id, openid), day)
    return mine.of(snapshot.campaign_id, openid, used, day)


def person_state(runtime: Runtime, snapshot: CampaignSnapshot, openid: str, language: str) -> Mapping[str, Any]:
    """A nonce to draw with, how many tries are left or why none is, and what this person has won here, the newest first."""
    stock: Any = snapshot.stock
    now, campaign_id = runtime.clock.now(), snapshot.campaign_id
    with runtime.database.reading() as session:
        limits = _limits(session, runtime, snapshot, openid)
        next_at = _next_at(session, campaign_id, openid, stock.gap_s)
        won = award_shown.of_person(session, runtime, openid, language, now, campaign_id, limit=MINE_SHOWN)
    used_up = limits.refusal(has_tomorrow=has_tomorrow(now, snapshot.end_unix))
    no_more = words.told(used_up, language) if used_up else ""
    if not used_up and next_at >= snapshot.end_unix:
        no_more = _of_gap("gap_past_end", stock.gap_s, language)
    return {
        "nonce": nonces.fresh(stock.vault, campaign_id, openid),
        "tries_left": 0 if no_more else limits.left,
        "no_more": no_more,
        "next_at": next_at,
        "mine": won,
        "needs_password": bool(stock.password),
    }


def _next_at(session: Session, campaign_id: int, openid: str, gap_s: int | None) -> float:
    """When this person may draw here again, in seconds since 1970: the gap after their last draw; 0 when there is none."""
    if not gap_s:
        return 0
    query = select(InstantDraw.drawn_at).where(InstantDraw.campaign_id == campaign_id, InstantDraw.openid == openid)
    drawn_at = session.scalar(query.order_by(InstantDraw.k.desc()).limit(1))
    return drawn_at.timestamp() + gap_s if drawn_at is not None else 0


def page_state(runtime: Runtime, snapshot: CampaignSnapshot, language: str) -> Mapping[str, Any]:
    """What the page is drawn from: its skin and colours, its words, and the prizes in the order of their ordinals."""
    stock: Any = snapshot.stock
    prizes = stock.published.rules.prizes if stock.published else ()
    values_fen = stock.published.values_fen if stock.published else {}
    name, lang = str(stock.look.get("picture") or ""), "en" if language == "en" else None
    picture = pictures.path_of(snapshot.slug, name) if name else ""
    return {
        **dressed(prizes, values_fen, stock.skin, stock.look, stock.claim_s, language, stock.gap_s or 0),
        "gap_s": stock.gap_s or 0,
        "picture": picture,
        "mark": form_mark(),
        "config": wx_config(*APIS),
        "share": {
            "title": snapshot.act_name,
            "desc": card.TEXT.within(language),
            "link": entries.address(runtime.settings.public_url, snapshot.slug, entries.SHARED),
            "imgUrl": runtime.settings.public_url + (picture or card.SQUARE),
        },
        "rules": url_for("h5.rules", slug=snapshot.slug, lang=lang),
        "all_mine": url_for("awards_h5.page", lang=lang),
        "bind": url_for("bind.page", lang=lang),
    }


def dressed(
    prizes: Sequence[PrizeRule],
    values_fen: Mapping[str, int],
    skin: str,
    look: Mapping[str, Any],
    claim_s: int,
    language: str,
    gap_s: int,
) -> dict[str, Any]:
    """What the page looks like whoever sees it: skin, colours, words, and the prizes in the order of their ordinals; `values_fen`:
    ordinal → what one piece is worth."""
    return {
        "skin": skin,
        "palette": palette(str(look.get("colour") or "")),
        "words": InstantPhrases(language).all(),
        "claim": claim_text(claim_s).within(language),
        "gap": _of_gap("gap_least", gap_s, language),
        "resting": _of_gap("resting", gap_s, language),
        "prizes": [
            {
                "ordinal": prize.ordinal,
                "name": prize.name,
                "kind": prize.kind,
                "worth": worth_text(prize, values_fen.get(str(prize.ordinal), 0)).within(language),
                "odds": odds_text(prize.odds_ppm, prize.stock).within(language),
            }
            for prize in prizes
        ],
    }


def _of_gap(name: str, gap_s: int, language: str) -> str:
    """A sentence about the gap between two draws; empty where there is none."""
    return InstantPhrases(language)(name, gap=span_text(gap_s).within(language)) if gap_s else ""


def claim_text(claim_s: int) -> Text:
    """How long a win can be collected, in days where it is whole ones, else in hours."""
    span = span_text(claim_s)
    return Text(f"中奖后 {span.zh}内", f"{span.en} after the win")


def mine(runtime: Runtime, campaign_id: int, openid: str) -> str:
    """Whether something waits to be collected (`open`), something was won (`won`), or nothing (`none`)."""
    query = select(Award.status).where(Award.openid == openid, Award.campaign_id == campaign_id).distinct()
    with runtime.database.reading() as session:
        statuses = set(session.scalars(query))
    return "open" if statuses & set(WAITING) else "won" if statuses else "none"
