"""The published rules of a campaign on a phone, its earlier versions, and the proof that its draws followed them. For everybody."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns.models import Campaign
from wxbot.draws.draw_state import DrawState
from wxbot.draws.h5 import phone_words, with_board
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.instant import archive
from wxbot.instant.models import InstantTerms, RuleVersion
from wxbot.instant.rules_words import RulesPhrases
from wxbot.instant.verify import Replayed
from wxbot.runtime import Runtime
from wxbot.text import Refusal

blueprint = Blueprint("instant_rules", __name__)
"""Registered under /h5."""

REPLAYED_MOST = 50_000
"""Draws that are replayed for a page; the file of a larger campaign is checked with `wxbot campaign verify`."""

_replayed: dict[tuple[int, int], Replayed] = {}
"""Campaign and its next number → what a replay saw; neither changes once the seed is out."""

_one_at_a_time = threading.Lock()
"""Reading a whole campaign takes a connection for as long as the reader is slow: one in each process."""


def _runtime() -> Runtime:
    runtime: Runtime = current_app.extensions["wxbot"]
    return runtime


def _words() -> RulesPhrases:
    return RulesPhrases(phone_words().language)


def rules_facts(snapshot: CampaignSnapshot) -> Mapping[str, Any]:
    """A version of the published rules (`?version=`, else the last), all versions, and whether the seed is out."""
    asked = request.args.get("version", "")
    with _runtime().database.reading() as session:
        query = select(RuleVersion).where(RuleVersion.campaign_id == snapshot.campaign_id).order_by(RuleVersion.version)
        versions = session.scalars(query).all()
        terms = session.get(InstantTerms, snapshot.campaign_id)
    by_number = {str(each.version): each for each in versions}
    chosen = by_number.get(asked) or (versions[-1] if versions else None)
    return {
        "w": _words(),
        "chosen": chosen,
        "published": chosen.text.get("en" if phone_words().language == "en" else "zh") if chosen else None,
        "versions": versions,
        "is_revealed": terms is not None and terms.seed is not None,
    }


@blueprint.get("/c/<slug>/proof")
@with_board
def proof(_draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse | str:
    """The revealed seed, and what a replay of every draw says; before the close, what will stand here."""
    words = _words()
    with _runtime().database.reading() as session:
        terms = session.get(InstantTerms, snapshot.campaign_id)
        if terms is None:
            return Response(render_template("h5/gone.html"), 404)
        seen = _replay(session, snapshot.campaign_id, terms) if terms.seed is not None else None
    return render_template("h5/proof.html", snapshot=snapshot, w=words, terms=terms, seen=seen)


def _replay(session: Session, campaign_id: int, terms: InstantTerms) -> Replayed | None:
    """What a replay of the rows saw; None when there are too many for a page."""
    if terms.next_k > REPLAYED_MOST:
        return None
    key = (campaign_id, terms.next_k)
    with _one_at_a_time:
        if key not in _replayed:
            campaign = session.get_one(Campaign, campaign_id)
            _replayed[key] = archive.checked(archive.written(session, campaign, _runtime().clock.now()))
        return _replayed[key]


@blueprint.get("/c/<slug>/archive.jsonl")
@with_board
def download(_draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse:
    """The whole campaign as a file that checks itself, once its seed is out."""
    runtime = _runtime()
    if not _one_at_a_time.acquire(blocking=False):
        return Response(_words().busy, 503, mimetype="text/plain", headers={"Retry-After": "5"})
    try:
        with runtime.database.reading() as session:
            campaign = session.get_one(Campaign, snapshot.campaign_id)
            archive.written(session, campaign, runtime.clock.now())
    except Refusal as refused:
        _one_at_a_time.release()
        return Response(refused.text.within(phone_words().language), 404, mimetype="text/plain")
    except BaseException:
        _one_at_a_time.release()
        raise
    response = Response(_streamed(runtime, snapshot.campaign_id), mimetype="application/jsonl")
    response.call_on_close(_one_at_a_time.release)
    response.headers["Content-Disposition"] = f'attachment; filename="{snapshot.slug}.jsonl"'
    return response


def _streamed(runtime: Runtime, campaign_id: int) -> Iterator[str]:
    with runtime.database.reading() as session:
        yield from archive.written(session, session.get_one(Campaign, campaign_id), runtime.clock.now())


for open_view in (proof, download):
    open_view.guard = "public"  # type: ignore[attr-defined]  # nobody in them can be recognised
