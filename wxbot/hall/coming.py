"""From the form on the phone to a guest: the pass or the word of the day, a name or a line of the list, then a number."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import redis as redis_client
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from wxbot import oauth
from wxbot.campaigns.models import Campaign
from wxbot.hall import faces, invited, names, passes, rates, reception, sign_in, telling, wire
from wxbot.hall.models import Guest, Hall, HallPrize
from wxbot.hall.phone_words import WORDS
from wxbot.instant.models import Prize
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.text import Refusal

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignInForm:
    """What the form holds, as it was typed."""

    way: str
    given: str
    word: str
    name: str
    key: str
    group: str
    shared: str = ""
    """"1": with the name and picture that WeChat asked them for."""

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "SignInForm":
        """From the fields of the page."""
        fields = ("way", "pass", "word", "name", "key", "group", "shared")
        return cls(*(str(form.get(field, ""))[:1000] for field in fields))


_HALL = select(Hall, Campaign).join(Campaign, Campaign.id == Hall.campaign_id).where(Campaign.id == bindparam("its_id"))


def come(runtime: Runtime, slug: str, campaign_id: int, mine: oauth.PhoneSession, asked: SignInForm) -> Guest:
    """Sign this person in; a guest who comes again keeps their number. Raises Refusal with what to do."""
    with runtime.database.reading() as session:
        known = sign_in.of(session, campaign_id, mine.openid)
        if known is not None:
            return known
        found = session.execute(_HALL, {"its_id": campaign_id}).one_or_none()
        if found is None:
            raise Refusal("not_open", sign_in.NOT_OPEN)
        hall, campaign = found
        sign_in.require_open(campaign, runtime.database.now(session))
        sign_in.require_guest(session, mine.openid)
    _require_here(runtime, hall, mine, asked)
    shared = _shared(runtime, mine.openid) if asked.shared == "1" else {}
    entry = replace(_entry(runtime, hall, campaign, asked), **shared)
    guest = reception.come(runtime, campaign_id, sign_in.Comer(mine.openid, entry))
    remember(runtime, slug, guest)
    telling.soon(runtime, campaign_id)
    return guest


def _require_here(runtime: Runtime, hall: Hall, mine: oauth.PhoneSession, asked: SignInForm) -> None:
    """Raise Refusal for who is not in the hall, as far as a code or a word can tell."""
    if asked.given and passes.is_pass(runtime, hall.campaign_id, mine.openid, asked.given):
        return
    if asked.way != "door" or not hall.day_word:
        raise Refusal("stale", WORDS["stale"])
    if rates.is_too_often(runtime, "word", hall.campaign_id, mine.openid):
        raise Refusal("too_often", WORDS["too_often"])
    if not passes.is_day_word(hall, asked.word):
        raise Refusal("wrong_word", WORDS["wrong_word"], "word")


def _entry(runtime: Runtime, hall: Hall, campaign: Campaign, asked: SignInForm) -> sign_in.GuestDetails:
    """The name, group and weight of a guest: of the list where there is one, else what they say."""
    if hall.is_invited_only:
        with runtime.database.reading() as session:
            return invited.entry_of(session, campaign.id, asked.key, asked.name)
    name, groups = names.read_name(asked.name), campaign.terms.get("groups") or []
    if groups and asked.group not in groups:
        raise Refusal("bad_group", WORDS["bad_group"], "group")
    return sign_in.GuestDetails(name, asked.group if groups else "")


def _shared(runtime: Runtime, openid: str) -> dict[str, Any]:
    """What somebody agreed to show: nothing when WeChat has told us nothing of them just now."""
    profile = oauth.profile_of(runtime, openid)
    return {} if profile is None else {"has_shared": True, "face_from": faces.address_of(runtime, profile[1])}


def remember(runtime: Runtime, slug: str, guest: Guest) -> None:
    """Let `wxbot live` know who this phone is; without Redis it learns it at the phone's next look."""
    known = wire.KnownGuest(guest.no, guest.group, "" if guest.is_hidden else guest.name)
    try:
        runtime.redis.set(wire.guest_key(slug, guest.openid), wire.guest_value(known), ex=wire.KEEP_S)
    except redis_client.RedisError as error:
        log.warning("hall_without_redis", error=type(error).__name__)


def campaign_of(session: Session, slug: str) -> int | None:
    """The hall with this slug, launched or over."""
    if not wire.SLUG.fullmatch(slug):
        return None
    return session.scalar(select(Hall.campaign_id).join(Campaign).where(Campaign.slug == slug))


def groups_of(campaign: Campaign) -> list[str]:
    """Among which groups a guest chooses; none where a list says it."""
    groups: list[str] = campaign.terms.get("groups") or []
    return [] if campaign.terms.get("is_invited_only") else groups


def prizes_of(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """What a hall gives, by the ordinals that its state names; of what is selected on the screen, whom a win keeps out and for whom it is."""
    columns = (Prize.ordinal, Prize.name, HallPrize.scope, HallPrize.groups)
    query = select(*columns).outerjoin(HallPrize, HallPrize.prize_id == Prize.id)
    query = query.where(Prize.campaign_id == campaign_id).order_by(Prize.ordinal)
    return [
        {"ordinal": ordinal, "name": name, "scope": scope, "groups": groups or []}
        for ordinal, name, scope, groups in session.execute(query)
    ]
