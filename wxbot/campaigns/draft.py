"""Drafts: write, put aside, submit, approve by a second person, send back, copy, delete.

A campaign can be edited only as a draft. Approval binds the hash of everything people and WeChat will see, opens the
budget and sets the money aside in the ledger, all in one transaction (I7, I16).
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wxbot import approval, budget, ledger, lineage
from wxbot.campaigns import mechanic, split
from wxbot.campaigns.draft_faults import faults_of
from wxbot.campaigns.draft_form import as_typed, read_form
from wxbot.campaigns.models import CAMPAIGN_NEXT, FIRST_MECHANIC, Campaign
from wxbot.campaigns.split import PlannedAmount, Tier
from wxbot.db import changed
from wxbot.staff import accounts
from wxbot.text import Faulty, Refusal, Text, fault
from wxbot.transitions import move, moved_on

RESERVED = "reserved"
UNRESERVED = "unreserved"
"""Kinds of the ledger entries that set a campaign's budget aside and give it back before a launch."""

ONE_DAY = timedelta(days=1)

OWN = Text("不能审批自己创建或提交的活动", "You wrote or submitted this campaign")


@dataclass(frozen=True)
class Draft:
    """What a marketer decides. Money in fen, times aware UTC, daily hours in minutes of the Shanghai day."""

    name: str
    begin_at: datetime
    end_at: datetime
    budget_fen: int
    act_name: str
    rules: str
    organiser: str
    contact: str
    daily_from: int = 0
    daily_until: int = 1440
    tries_per_person: int = 1
    tries_per_day: int = 1
    expected_people: int = 0
    keyword: str = ""
    mechanic: str = FIRST_MECHANIC
    terms: Mapping[str, Any] = field(default_factory=dict)
    """What the mechanic's part of the form decides beyond the columns, as JSON."""

    # Packets and their words; a mechanic without packets leaves them as they are here.
    split: str = "fixed"
    packet_count: int = 0
    packet_fen: int = 0
    min_fen: int = 0
    max_fen: int = 0
    tiers: tuple[Tier, ...] = ()
    send_name: str = ""
    wishing: str = ""
    remark: str = ""


def read(form: Mapping[str, Any], now: datetime) -> Draft:
    """The draft in a console form. Raises Faulty with every fault at once."""
    values, faults = read_form(form)
    faults += faults_of(values, now)
    if faults:
        raise Faulty(faults)
    return Draft(**values)


def _columns(draft: Draft) -> dict[str, Any]:
    columns = {each.name: getattr(draft, each.name) for each in fields(draft)} | {"terms": dict(draft.terms)}
    return columns | {"tiers": [asdict(tier) for tier in draft.tiers]}


def tiers_of(campaign: Campaign) -> tuple[Tier, ...]:
    """The tiers of a stored campaign."""
    return tuple(Tier(row["label"], row["amount_fen"], row["count"]) for row in campaign.tiers)


def amounts_of(campaign: Campaign) -> list[PlannedAmount]:
    """The amounts of all packets of a campaign, in the order of their ordinals (fen)."""
    return split.planned_amounts(
        campaign.split,
        budget_fen=campaign.budget_fen,
        packet_count=campaign.packet_count,
        packet_fen=campaign.packet_fen,
        min_fen=campaign.min_fen,
        max_fen=campaign.max_fen,
        tiers=tiers_of(campaign),
        seed=campaign.split_seed,
    )


def draft_of(campaign: Campaign) -> Draft:
    """The draft as it is stored."""
    columns = {each.name: getattr(campaign, each.name) for each in fields(Draft)}
    return Draft(**(columns | {"tiers": tiers_of(campaign)}))


ONCE_COLUMNS: dict[str, Any] = {"odds_ppm": 1_000_000, "title": "", "description": "", "jump_url": "", "device_ids": []}
"""Columns of before 0.5.0 that are terms of the first mechanic now, as all others left them."""


def content_sha256(campaign: Campaign) -> str:
    """Hash of everything an approver approves: the draft and the seed of its split."""
    content = ONCE_COLUMNS | _columns(draft_of(campaign)) | {"split_seed": campaign.split_seed}
    content |= {name: content[name].isoformat() for name in ("begin_at", "end_at")}
    if content["mechanic"] == FIRST_MECHANIC:  # as it was hashed when campaigns in flight were approved
        content |= content.pop("terms")
        del content["mechanic"]
    elif content["terms"] == {}:
        del content["terms"]
    return approval.content_hash(content)


def _keyword_faults(session: Session, keyword: str, campaign_id: int | None) -> Iterable[Refusal]:
    if not keyword:
        return
    others = session.execute(
        select(Campaign.id, Campaign.name, Campaign.keyword).where(Campaign.keyword != "", Campaign.status != "closed")
    )
    for other_id, name, taken in others:
        if other_id != campaign_id and taken.casefold() == keyword.casefold():
            yield fault("keyword", f"关键词已被活动“{name}”使用", f"The campaign “{name}” already uses this keyword")
            return


def own(session: Session, campaign_id: int) -> Campaign:
    """The campaign, locked until the transaction ends. Raises Refusal when there is none."""
    campaign = session.get(Campaign, campaign_id, with_for_update=True)
    if campaign is None:
        raise Refusal("absent", Text("没有这个活动", "There is no such campaign"))
    return campaign


def _write(
    session: Session, columns: Mapping[str, Any], staff_id: int, now: datetime, campaign_id: int | None = None
) -> int:
    """A new draft with these columns, or a draft again; returns the campaign's id. Raises Refusal when it is no longer a draft."""
    if campaign_id is None:
        campaign = Campaign(
            id=budget.create(session, "campaign", columns["name"]),
            **columns,
            slug=secrets.token_hex(6),
            split_seed=secrets.token_hex(32),
            status="draft",
            version=1,
            created_by=staff_id,
            created_at=now,
            updated_at=now,
        )
        session.add(campaign)
        session.flush()
        return campaign.id
    campaign = own(session, campaign_id)
    if campaign.status != "draft":
        raise moved_on()
    for name, value in columns.items():
        setattr(campaign, name, value)
    campaign.version += 1
    campaign.updated_at = now
    campaign.submitted_by = campaign.approved_by = campaign.content_sha256 = None
    return campaign.id


def save(session: Session, draft: Draft, staff_id: int, now: datetime, campaign_id: int | None = None) -> int:
    """Write a whole draft, new or again; returns the campaign's id.

    Raises Faulty with every fault named, Refusal when the campaign is no longer a draft.
    """
    faults = faults_of({each.name: getattr(draft, each.name) for each in fields(draft)}, now)
    faults += _keyword_faults(session, draft.keyword, campaign_id)
    if faults:
        raise Faulty(faults)
    return _write(session, _columns(draft) | {"half_written": None}, staff_id, now, campaign_id)


def put_aside(
    session: Session, form: Mapping[str, Any], staff_id: int, now: datetime, campaign_id: int | None = None
) -> tuple[int, list[Refusal]]:
    """Keep what a form holds, whole or half-written; the campaign's id, and what has to be mended before it can be submitted.

    Raises Refusal when the campaign is no longer a draft, or a field is too long to be kept.
    """
    columns, faults = _columns_of_form(session, form, now, campaign_id)
    return _write(session, columns, staff_id, now, campaign_id), faults


def _columns_of_form(
    session: Session, form: Mapping[str, Any], now: datetime, campaign_id: int | None
) -> tuple[dict[str, Any], list[Refusal]]:
    """The columns that hold a form. A faulty one is kept as it was typed, beside columns that could never be submitted."""
    values, faults = read_form(form)
    faults += faults_of(values, now)
    faults += _keyword_faults(session, values.get("keyword", ""), campaign_id)
    if not faults:
        return _columns(Draft(**values)) | {"half_written": None}, []
    name = "" if any(each.field == "name" for each in faults) else values["name"]
    kept = as_typed(form)
    empty = Draft(
        name, now, now + ONE_DAY, 0, act_name="", rules="", organiser="", contact="", mechanic=kept["mechanic"]
    )
    return _columns(empty) | {"half_written": kept}, faults


def faults_in(session: Session, campaign: Campaign, now: datetime) -> list[Refusal]:
    """What keeps a stored draft from being submitted or approved at this moment."""
    if campaign.half_written is not None:
        return _columns_of_form(session, campaign.half_written, now, campaign.id)[1]
    return [*faults_of(values_of(campaign), now), *_keyword_faults(session, campaign.keyword, campaign.id)]


def submit(session: Session, campaign_id: int, staff_id: int, now: datetime) -> str:
    """Hand a draft to a second person; returns the hash of its content, which the approver will approve.

    Raises Faulty when it does not pass (or no longer: the window may have passed since), Refusal when it is no draft.
    """
    campaign = own(session, campaign_id)
    if campaign.status != "draft":
        raise moved_on()
    _require_tied(session, campaign, staff_id)
    if faults := faults_in(session, campaign, now):
        raise Faulty(faults)
    if campaign.half_written is not None:  # what was wrong with it has passed by itself
        columns, _ = _columns_of_form(session, campaign.half_written, now, campaign_id)
        for name, value in columns.items():
            setattr(campaign, name, value)
    sha256 = content_sha256(campaign)
    session.flush()
    if not move(
        session,
        Campaign,
        campaign_id,
        CAMPAIGN_NEXT,
        "draft",
        "submitted",
        submitted_by=staff_id,
        approved_by=None,
        content_sha256=sha256,
        updated_at=now,
    ):
        raise moved_on()
    return sha256


def _require_tied(session: Session, campaign: Campaign, *staff_ids: int | None) -> None:
    """Where we decide who wins, nobody who steers it can: each has a WeChat tied, and tied ones are refused a draw."""
    if mechanic.way_of(campaign.mechanic).is_drawn_by_us:
        accounts.require_tied(session, staff_ids)


def values_of(campaign: Campaign) -> dict[str, Any]:
    """A stored campaign as the checks of a draft read it: of a half-written one only what can be read."""
    if campaign.half_written is not None:
        return read_form(campaign.half_written)[0]
    draft = draft_of(campaign)
    return {each.name: getattr(draft, each.name) for each in fields(draft)}


def delete(session: Session, campaign_id: int) -> None:
    """Delete a draft; its budget stays as an empty row, so that its number is never given again and old entries keep their name.

    Raises Refusal when it is no longer a draft.
    """
    campaign = own(session, campaign_id)
    if campaign.status != "draft":
        raise moved_on()
    mechanic.way_of(campaign.mechanic).forget(session, campaign_id)
    changed(session, sql_delete(Campaign).where(Campaign.id == campaign_id, Campaign.status == "draft"))


def approve(session: Session, campaign_id: int, staff_id: int, now: datetime, seen_sha256: str | None = None) -> None:
    """Approve what was submitted: opens its budget and posts merchant → reserved, once, however often it is clicked.

    `seen_sha256` is the content the approver was shown. Raises Refusal for the person who wrote or submitted it, for
    content that differs from the submitted one, and when the campaign is not waiting for approval; Faulty when
    time has overtaken it.
    """
    campaign = own(session, campaign_id)
    require_approver(session, campaign, staff_id, now)
    if faults := faults_in(session, campaign, now):
        raise Faulty(faults)
    seen = campaign.content_sha256 if seen_sha256 is None else seen_sha256
    approval.require_unchanged(campaign.content_sha256, seen, content_sha256(campaign))
    if not move(
        session,
        Campaign,
        campaign_id,
        CAMPAIGN_NEXT,
        "submitted",
        "approved",
        approved_by=staff_id,
        updated_at=now,
    ):
        raise moved_on()
    ref = f"{campaign_id}:{campaign.version}"
    posting = ledger.Posting(RESERVED, ref, "merchant", "reserved", campaign.budget_fen, campaign_id)
    try:
        budget.open_budget(session, campaign_id, campaign.budget_fen, campaign.name)
        is_posted = ledger.post(session, [posting], now) == 1
    except IntegrityError as error:
        raise moved_on() from error
    if not is_posted:
        raise moved_on()


def require_approver(session: Session, campaign: Campaign, staff_id: int, now: datetime) -> None:
    """Raise Refusal when this person cannot approve the campaign now, whatever it holds: what the button asks before it is
    offered, too. A page knows `faults_in` already, and asks it every two seconds."""
    lineage.require_unfrozen(session)
    if campaign.status != "submitted":
        raise moved_on()
    approval.require_second(session, staff_id, [campaign.submitted_by, campaign.created_by], OWN, now)
    _require_tied(session, campaign, campaign.submitted_by, staff_id)


def send_back(session: Session, campaign_id: int, staff_id: int, now: datetime) -> None:
    """Make a submitted or approved (not launched) campaign a draft again; money set aside for it is given back.

    Raises Refusal when it is neither.
    """
    campaign = own(session, campaign_id)
    before = campaign.status
    if before not in ("submitted", "approved"):
        raise moved_on()
    ref = f"{campaign_id}:{campaign.version}"
    if not move(
        session,
        Campaign,
        campaign_id,
        CAMPAIGN_NEXT,
        before,
        "draft",
        approved_by=None,
        submitted_by=None,
        content_sha256=None,
        version=campaign.version + 1,
        updated_at=now,
    ):
        raise moved_on()
    if before == "approved":
        budget.close_budget(session, campaign_id)
        posting = ledger.Posting(UNRESERVED, ref, "reserved", "merchant", campaign.budget_fen, campaign_id)
        ledger.post(session, [posting], now)


def copy(session: Session, campaign_id: int, staff_id: int, now: datetime) -> int:
    """A new draft with the content of a campaign, a fresh seed, no keyword; returns its id.

    A window that has begun is moved on by whole days until it lies ahead; of a half-written draft such dates are left out.
    """
    source = session.get(Campaign, campaign_id)
    if source is None:
        raise Refusal("absent", Text("没有这个活动", "There is no such campaign"))
    name = f"{source.name[:36]} 副本".strip()
    if source.half_written is not None:
        form = source.half_written | {"name": name, "keyword": ""}
        begin_at = read_form(form)[0].get("begin_at")
        if begin_at is not None and begin_at <= now:
            form |= {"begin_at": "", "end_at": ""}
        columns, _ = _columns_of_form(session, form, now, None)
    else:
        later = max(timedelta(), ONE_DAY * -((source.begin_at - now) // ONE_DAY))
        columns = _columns(draft_of(source)) | {"keyword": "", "name": name, "half_written": None}
        columns |= {"begin_at": source.begin_at + later, "end_at": source.end_at + later}
    return _write(session, columns, staff_id, now)
