"""The big screen of a hall: its page, the sign-in code that it shows, the people of the pool who roll over it, the pre-flight page.

A browser becomes a screen by the six digits of the host's desk (`pairing`), which leave it a pass; without one it sees where to
type them and nothing else. What it shows it has from the hall's public state; no winner leaves the server here.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import segno
from flask import Blueprint, Response, jsonify, render_template, request, url_for
from sqlalchemy import select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from wxbot import current, own_page
from wxbot.campaigns.models import Campaign
from wxbot.hall import cards, door_code, import_map, passes, screen_pass, told, wire
from wxbot.hall.models import Hall, Selection
from wxbot.hall.screen_words import ScreenPhrases

blueprint = Blueprint("hall_screen", __name__)
"""Registered under /hall."""

ScreenView = Callable[..., BaseResponse | str]


class Paired(NamedTuple):
    """The hall of an address, and by which pairing this browser is its screen (0: by none)."""

    campaign: Campaign
    hall: Hall
    epoch: int


def paired(slug: str) -> Paired:
    """The hall that an address names. Raises NotFound when there is none."""
    if not wire.SLUG.fullmatch(slug):
        raise NotFound
    runtime = current.runtime()
    query = select(Campaign, Hall).join(Hall, Hall.campaign_id == Campaign.id).where(Campaign.slug == slug)
    with runtime.database.reading() as session:
        found = session.execute(query).one_or_none()
    if found is None:
        raise NotFound
    pass_ = request.cookies.get(screen_pass.cookie_name(runtime, slug))
    return Paired(found[0], found[1], screen_pass.read(runtime, slug, pass_) or 0)


def language_of(hall: Hall) -> str:
    """What the screen speaks: the hall's language, not that of whoever owns the machine; `?lang=` is for looking at the other one."""
    return own_page.language(request.args.get("lang") or hall.language, "")


def _for_screens(view: ScreenView) -> ScreenView:
    """Only for a browser that was paired; it may look on for as long as its pass lives."""

    @wraps(view)
    def guarded(slug: str) -> BaseResponse | str:
        found = paired(slug)
        if not found.epoch:
            return _told(401, ScreenPhrases(language_of(found.hall))("unpaired"))
        return view(found)

    return guarded


def _told(status: int, error: str) -> Response:
    response = jsonify(error=error)
    response.status_code = status
    return response


@blueprint.get("/<slug>/screen")
def screen(slug: str) -> str:
    """The screen, or where the six digits are typed."""
    found = paired(slug)
    words = ScreenPhrases(language_of(found.hall))
    page = "hall/screen.html" if found.epoch else "hall/pair.html"
    return _page(page, found, words, _config(found, words))


@blueprint.get("/<slug>/preflight")
def preflight(slug: str) -> str:
    """Whether this machine is fit to be the screen; open to whoever sets it up."""
    found = paired(slug)
    words = ScreenPhrases(language_of(found.hall))
    return _page("hall/preflight.html", found, words, _config(found, words))


def _config(found: Paired, words: ScreenPhrases) -> dict[str, Any]:
    slug = found.campaign.slug
    return {
        "base": f"/hall/{slug}",
        "events": f"{current.runtime().settings.live_url}/live/{slug}/events?as=screen",
        "faces": f"/h5/hall/{slug}/face",
        "now": current.runtime().clock.unix(),
        "epoch": found.epoch,
        "is_paired": found.epoch > 0,
        "state": _state(slug) if found.epoch else None,
        "language": words.language,
        "words": words.of_script(),
    }


def _page(template: str, found: Paired, words: ScreenPhrases, config: dict[str, Any]) -> str:
    return render_template(
        template,
        w=words,
        name=found.campaign.act_name,
        slug=found.campaign.slug,
        config=config,
        modules=import_map.of_screen(),
    )


def _state(slug: str) -> dict[str, Any] | None:
    """The public state as it was told last."""
    text = told.text_of(current.runtime(), slug)
    state: dict[str, Any] | None = json.loads(text) if text else None
    return state


@blueprint.get("/<slug>/now")
def now(slug: str) -> Response:
    """The server's time, by which a screen counts down whatever its own clock says."""
    return jsonify(now=current.runtime().clock.unix())


@blueprint.get("/<slug>/code")
@_for_screens
def code(found: Paired) -> BaseResponse:
    """The sign-in code of these thirty seconds, as a picture and an address, and until when it is shown. Never for a browser outside the hall."""
    runtime, slug = current.runtime(), found.campaign.slug
    moment = runtime.clock.unix()
    living = door_code.code_at(passes.key_of(runtime, found.hall), moment)
    address = url_for("hall_h5.page", slug=slug, code=living, _external=True)
    picture = segno.make(address, error="m").svg_data_uri(border=1, scale=4)
    until = moment + door_code.left_s(moment)
    return jsonify(
        now=moment, until=until, picture=picture, url=address, address=urlsplit(runtime.settings.public_url).netloc
    )


@blueprint.get("/<slug>/pool")
@_for_screens
def pool(found: Paired) -> BaseResponse:
    """People of the pool of selection `d`, while it is armed or rolls."""
    d = request.args.get("d", 0, int)
    with current.runtime().database.reading() as session:
        selected = session.get(Selection, (found.campaign.id, d)) if 0 < d < 2**31 else None
        is_before = selected is not None and selected.status in ("armed", "drawn")
        people = cards.of_pool(session, selected) if selected is not None and is_before else []
    return jsonify(people=people)
