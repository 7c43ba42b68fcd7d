"""The proof that the draws of a campaign followed its published rules: the seed, a replay, the whole record. For everybody."""

import threading
from collections.abc import Iterator

from flask import Blueprint, Response, render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot import current, own_page
from wxbot.campaigns.models import Campaign
from wxbot.draws.draw_state import DrawState
from wxbot.draws.h5 import phone_words, with_board
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.instant import archive
from wxbot.instant.models import InstantDraw, InstantTerms
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

_replaying, _downloading = threading.Lock(), threading.Lock()
"""Reading a whole campaign takes a connection, a download for as long as its reader is slow: one of each in a process."""


class _OneDownload:
    """The one download of this process, until it is over; ended by whichever comes first, its last line or its connection."""

    def __init__(self) -> None:
        self.is_taken = _downloading.acquire(blocking=False)

    def end(self) -> None:
        if self.is_taken:
            self.is_taken = False
            _downloading.release()


def _words() -> RulesPhrases:
    return RulesPhrases(phone_words().language)


@blueprint.get("/c/<slug>/proof")
@with_board
def proof(_draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse | str:
    """The revealed seed, and what a replay of every draw says; before the close, what will stand here."""
    words = _words()
    with current.runtime().database.reading() as session:
        terms = session.get(InstantTerms, snapshot.campaign_id)
        if terms is None:
            return Response(render_template("h5/gone.html"), 404)
        seen = _replay(session, snapshot.campaign_id, terms) if terms.seed is not None else None
    return render_template("h5/proof.html", snapshot=snapshot, w=words, terms=terms, seen=seen)


def _replay(session: Session, campaign_id: int, terms: InstantTerms) -> Replayed | None:
    """What a replay of the rows saw; None when there are too many for a page."""
    key = (campaign_id, terms.next_k)
    if (seen := _replayed.get(key)) is not None:
        return seen  # nobody waits for a replay of another campaign
    # Counted by rows: numbers leap after a restore.
    first = select(InstantDraw.k).where(InstantDraw.campaign_id == campaign_id).limit(REPLAYED_MOST + 1).subquery()
    if session.execute(select(func.count()).select_from(first)).scalar_one() > REPLAYED_MOST:
        return None
    with _replaying:
        if key not in _replayed:
            campaign = session.get_one(Campaign, campaign_id)
            _replayed[key] = archive.checked(archive.written(session, campaign, current.runtime().clock.now()))
        return _replayed[key]


@blueprint.get("/c/<slug>/archive.jsonl")
@with_board
def download(_draw_state: DrawState, snapshot: CampaignSnapshot) -> BaseResponse:
    """The whole campaign as a file that checks itself, once its seed is out."""
    runtime, language = current.runtime(), phone_words().language
    with runtime.database.reading() as session:
        try:
            archive.written(session, session.get_one(Campaign, snapshot.campaign_id), runtime.clock.now())
        except Refusal as refused:
            return Response(refused.text.within(language), 404, mimetype="text/plain")
    turn = _OneDownload()
    if not turn.is_taken:
        return Response(_words().busy, 503, mimetype="text/plain", headers={"Retry-After": "5"})
    response = Response(_streamed(runtime, snapshot.campaign_id, turn), mimetype="application/jsonl")
    response.call_on_close(turn.end)
    response.headers["Content-Disposition"] = f'attachment; filename="{snapshot.slug}.jsonl"'
    return response


def _streamed(runtime: Runtime, campaign_id: int, turn: _OneDownload) -> Iterator[str]:
    try:
        with runtime.database.reading() as session:
            yield from archive.written(session, session.get_one(Campaign, campaign_id), runtime.clock.now())
    finally:
        turn.end()


for open_view in (proof, download):
    own_page.public(open_view)  # nobody in them can be recognised
