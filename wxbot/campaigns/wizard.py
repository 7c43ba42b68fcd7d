"""A draft's form in steps. Each step is a part of the one form: it keeps its own fields and leaves the others as they are stored.

So windows at different steps of one draft never overwrite each other; two at the same step do only after somebody was told.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from wxbot.campaigns import draft, mechanic
from wxbot.campaigns.draft_form import READERS, as_typed, read_form, way_in
from wxbot.campaigns.mechanic import CampaignMechanic, Typed
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.money import plain_yuan
from wxbot.text import Faulty, Refusal, fault, time_of_day
from wxbot.transitions import moved_on

WrittenForm = MultiDict[str, str]
"""A form with everything a browser would send of it."""

STEPS = ("what", "prizes", "when", "pages", "rules", "check")

HELD_BY: Mapping[str, str] = {
    "name": "what",
    "act_name": "what",
    "begin_at": "when",
    "end_at": "when",
    "daily_from": "when",
    "daily_until": "when",
    "tries_per_person": "when",
    "tries_per_day": "when",
    "keyword": "pages",
    "rules": "rules",
    "organiser": "rules",
    "contact": "rules",
}
"""Fields of every campaign → their step; budget and expected people stand beside the prizes."""


def words() -> dict[str, str]:
    """Step → what it is called, in the reader's language."""
    return {
        "what": gettext("是什么"),
        "prizes": gettext("奖品和概率"),
        "when": gettext("时间和人群"),
        "pages": gettext("页面和文字"),
        "rules": gettext("规则"),
        "check": gettext("检查并提交"),
    }


def step_of(form: Mapping[str, Any], field: str) -> str:
    """The step that holds a field, or where a fault of this name is mended; '' for a hidden field."""
    _, way = way_in(form)
    return HELD_BY.get(field) or way.draft.steps.get(field, "prizes")


def fields_in(form: Mapping[str, Any], step: str) -> list[str]:
    """The form fields of one step."""
    _, way = way_in(form)
    return [field for field in (*READERS, *way.draft.fields, *way.draft.rows) if step_of(form, field) == step]


def form_of(campaign: Campaign) -> WrittenForm:
    """The form that a stored draft came from; of a half-written one, as it was typed."""
    if campaign.half_written is not None:
        return MultiDict(campaign.half_written)
    moments = {
        name: getattr(campaign, name).astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M") for name in ("begin_at", "end_at")
    }
    texts = ("name", "tries_per_person", "tries_per_day", "expected_people", "act_name")
    own = mechanic.way_of(campaign.mechanic).draft.typed(campaign)
    common = {name: str(getattr(campaign, name)) for name in (*texts, "rules", "organiser", "contact", "keyword")}
    common |= moments | {
        "mechanic": campaign.mechanic,
        "budget": plain_yuan(campaign.budget_fen) if campaign.budget_fen else "",
        "daily_from": time_of_day(campaign.daily_from),
        "daily_until": time_of_day(campaign.daily_until),
    }
    return as_form({**common, **own})


def as_form(fields: Typed) -> WrittenForm:
    """Fields as a browser would send them."""
    form: WrittenForm = MultiDict()
    for name, value in fields.items():
        form.setlist(name, value if isinstance(value, list) else [value])
    return form


def seen(form: WrittenForm, step: str) -> str:
    """A fingerprint of what stands in one step: kept in the page, it tells whether somebody changed it since."""
    held = {field: form.getlist(field) for field in fields_in(form, step)}
    return hashlib.sha256(json.dumps(held, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


def _says(form: WrittenForm) -> object:
    """What a form comes to: two forms that say the same differ in spelling at most."""
    values, faults = read_form(form)
    return as_typed(form) if faults else values


def with_step(session: Session, campaign_id: int, form: WrittenForm, step: str) -> WrittenForm | None:
    """The stored draft with one step as it stands in `form`; None when that changes nothing. Locks the campaign.

    Raises Faulty, beside each field that differs, when somebody saved the same step differently since `form["seen"]` was shown.
    """
    campaign = draft.own(session, campaign_id)
    if campaign.status != "draft":
        raise moved_on()
    stored = form_of(campaign)
    merged = MultiDict(stored)
    names = fields_in(stored, step)
    for name in names:
        merged.setlist(name, form.getlist(name))
    if _says(merged) == _says(stored):
        return None
    if form.get("seen") and form["seen"] != seen(stored, step):
        raise Faulty(_differing(stored, merged, names))
    return merged


def _differing(stored: WrittenForm, merged: WrittenForm, names: Sequence[str]) -> list[Refusal]:
    """Beside each field of a step what somebody else has put there."""
    changed = [name for name in names if stored.getlist(name) != merged.getlist(name)]
    return [
        fault(name, f"别处改成了“{there}”", f"Changed elsewhere to “{there}”")
        for name in changed
        for there in [" · ".join(stored.getlist(name))[:60]]
    ]


@dataclass(frozen=True)
class ShownStep:
    """One step in the row above the form."""

    name: str
    word: str
    wrong: int
    """Fields that hold something which has to be changed."""
    missing: int
    """Fields that are still empty and may not be."""


def shown(
    form: WrittenForm, way: CampaignMechanic, faults: Sequence[Refusal], is_empty: Mapping[str, bool]
) -> list[ShownStep]:
    """All steps, with how many fields each still lacks; `is_empty` knows the fields of the faults."""
    fields = list(dict.fromkeys(each.field for each in faults))
    at = {name: [field for field in fields if step_of(form, field) == name] for name in STEPS}
    return [
        ShownStep(
            name,
            word,
            wrong=sum(not is_empty[field] for field in at[name]),
            missing=sum(is_empty[field] for field in at[name]),
        )
        for name, word in (words() | dict(way.draft.step_words())).items()
    ]
