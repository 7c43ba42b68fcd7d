"""Finding a person by what a colleague has in hand: an openid, a phone, a name, or the number of an order."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.orders.models import Order
from wxbot.payouts.models import Payout
from wxbot.people import phones
from wxbot.people.models import Binding, Follower, RosterEntry
from wxbot.vault import Vault

OPENID = re.compile(r"[A-Za-z0-9_-]{6,64}")
BILLNO = re.compile(r"[0-9]{20,28}")
FOUND_AT_MOST = 20


@dataclass(frozen=True)
class PersonMatch:
    """A person, as far as staff may see without unmasking."""

    openid: str
    name: str
    phone: str
    """Masked; empty when none was ever bound."""
    binding: str
    """active, held, ended, or empty."""
    is_following: bool


def search(session: Session, vault: Vault, text: str) -> list[PersonMatch]:
    """The people that a text may mean, the surest first; at most FOUND_AT_MOST."""
    wanted = typed.line(text)
    if not wanted:
        return []
    openids: dict[str, None] = {}
    for openid in (*_by_phone(session, vault, wanted), *_by_order(session, wanted), *_exact(session, wanted)):
        openids[openid] = None
    if not openids:
        openids = dict.fromkeys(_by_name(session, wanted))
    return describe(session, vault, list(openids)[:FOUND_AT_MOST])


def _by_phone(session: Session, vault: Vault, text: str) -> Iterable[str]:
    try:
        index = vault.index(phones.normalise(text))
    except phones.BadPhone:
        return ()
    query = select(Binding.openid).where(Binding.phone_index == index).order_by(Binding.status, Binding.id.desc())
    return session.scalars(query.limit(FOUND_AT_MOST))


def _by_order(session: Session, text: str) -> Iterable[str]:
    if not BILLNO.fullmatch(text):
        return ()
    openid = session.scalar(select(Order.openid).where(Order.mch_billno == text))
    return (openid,) if openid else ()


def _exact(session: Session, text: str) -> Iterable[str]:
    return (text,) if is_known(session, text) else ()


def is_known(session: Session, openid: str) -> bool:
    """Whether anything here ever had to do with this openid."""
    if not OPENID.fullmatch(openid):
        return False
    return any(
        session.scalar(select(column).where(column == openid).limit(1)) is not None
        for column in (Follower.openid, Binding.openid, Payout.openid)
    )


def _by_name(session: Session, text: str) -> Iterable[str]:
    """Names begin with the text: of the roster, then of bindings whose roster entry has gone."""
    listed = select(RosterEntry.phone_index).where(RosterEntry.name.startswith(text, autoescape=True)).limit(200)
    indexes = session.scalars(listed).all()
    bound = select(Binding.openid).order_by(Binding.status, Binding.id.desc()).limit(FOUND_AT_MOST)
    found = list(session.scalars(bound.where(Binding.phone_index.in_(indexes)))) if indexes else []
    return (*found, *session.scalars(bound.where(Binding.name.startswith(text, autoescape=True))))


def describe(session: Session, vault: Vault, openids: list[str]) -> list[PersonMatch]:
    """Name, masked phone and following of some people, in their order."""
    latest: dict[str, Binding] = {}
    order = ("active", "held", "ended")
    for binding in session.scalars(select(Binding).where(Binding.openid.in_(openids)).order_by(Binding.id)):
        known = latest.get(binding.openid)
        if known is None or order.index(binding.status) <= order.index(known.status):
            latest[binding.openid] = binding
    following = set(
        session.scalars(select(Follower.openid).where(Follower.openid.in_(openids), Follower.is_subscribed))
    )
    return [_found(vault, openid, latest.get(openid), openid in following) for openid in openids]


def _found(vault: Vault, openid: str, binding: Binding | None, is_following: bool) -> PersonMatch:
    if binding is None:
        return PersonMatch(openid, "", "", "", is_following)
    phone = phones.masked(vault.open(binding.phone_sealed)) if binding.phone_sealed else ""
    return PersonMatch(openid, binding.name, phone, binding.status, is_following)
