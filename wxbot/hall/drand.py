"""Late entropy from drand: the round that a fixed selection takes is fetched from relays, checked, and written into the log.

A relay is not believed: the signature is the network's own. If the round is not had in a minute, the log says so, and from then on
numbers from the hall take its place; nothing is replaced in silence.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns import lease
from wxbot.campaigns.models import Campaign
from wxbot.hall import journal, quicknet, told
from wxbot.hall.allowed import FALLBACK_AFTER
from wxbot.hall.models import Selection
from wxbot.hall.quicknet import DrandRound
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.wechat.errors import WeChatError
from wxbot.wechat.http import Transport

log = get_logger(__name__)

REPLY_BYTES = 4096


def late_entropy(runtime: Runtime, campaign: Campaign) -> int:
    """A step of a hall that is on: complete the selection that waits for drand, or fall back; 0 when there is nothing to do.

    The relays are asked between two transactions.
    """
    with runtime.database.reading() as session:
        armed = _waiting(session, campaign.id)
        if armed is None:
            return 0
        d, armed_at = armed.d, journal.evening(session, campaign.id).selections[armed.d].armed_at
        now = runtime.database.now(session)
    due = quicknet.first_round(armed_at)
    is_late = now.timestamp() >= armed_at + FALLBACK_AFTER
    if now.timestamp() < quicknet.published_at(due):
        return 0
    beacon = ask(runtime.transport_to_relays, runtime.settings.drand_relays.split(), due)
    if beacon is None and not is_late:
        return 0
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        done = complete(session, campaign.id, d, beacon, due, now)
    if done:
        told.tell(runtime, campaign.id)
    return done


def _waiting(session: Session, campaign_id: int) -> Selection | None:
    mine = (Selection.campaign_id == campaign_id) & (Selection.status == "armed")
    lacks = (Selection.entropy_kind == "drand") & (Selection.entropy_text == "")
    return session.scalars(select(Selection).where(mine, lacks).execution_options(populate_existing=True)).one_or_none()


def complete(session: Session, campaign_id: int, d: int, beacon: DrandRound | None, due: int, now: datetime) -> int:
    """Write round `due` into the log of a hall, or without it the fallback; 0 when selection d waits no more.

    Raises Refusal when the fallback comes before its time.
    """
    hall = journal.lock(session, campaign_id)
    armed = _waiting(session, campaign_id)
    if armed is None or armed.d != d:
        return 0
    if beacon is None:
        why = f"{FALLBACK_AFTER} 秒内没有取到 drand 第 {due} 轮 / round {due} of drand was not had in {FALLBACK_AFTER} seconds"
        journal.require_and_append(session, hall, "entropy_fallback", {"d": d, "reason": why}, now)
        armed.entropy_kind = "hall"
        log.warning("drand_fallback", campaign_id=campaign_id, d=d, round=due)
    else:
        body = {"d": d, "kind": "drand", "text": beacon.text, "signature": beacon.signature}
        journal.require_and_append(session, hall, "entropy", body, now)
        armed.entropy_text = beacon.text.replace("\0", " ")
    session.flush()
    return 1


def ask(transport: Transport, relays: Sequence[str], round_: int) -> DrandRound | None:
    """The round from the first relay that has it, its signature checked; None when none has, or nothing here can check it."""
    for relay in relays if quicknet.can_check() else ():
        try:
            reply = transport.send("GET", f"{relay}/{quicknet.CHAIN}/public/{round_}", max_bytes=REPLY_BYTES)
        except WeChatError as error:
            log.info("drand_relay_away", relay=relay, round=round_, error=str(error))
            continue
        beacon = _read(reply.body)
        if beacon is not None and beacon.round == round_ and quicknet.is_signed(beacon):
            return beacon
        log.warning("drand_relay_false", relay=relay, round=round_)
    return None


def _read(body: bytes) -> DrandRound | None:
    """A round as a relay tells it; its randomness is made from the signature and not believed."""
    try:
        told = json.loads(body)
        return quicknet.of_signature(int(told["round"]), str(told["signature"]))
    except (ValueError, KeyError, TypeError):
        return None
