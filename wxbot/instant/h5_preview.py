"""A campaign that is looked at on a phone, before anybody else can see it: in the console's frame, or by a code that staff scan.

A pass of the console opens it, and nobody else: it names its campaign and its maker, is signed, and ends soon or with its maker's
account, so a phone needs no sign-in. No
request here writes anything anywhere, and none speaks to WeChat or loads its scripts: the frame is the console's own origin.
"""

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot import current, oauth, own_page
from wxbot.campaigns.models import Campaign
from wxbot.draws.h5 import CLOSED_STATES, phone_words
from wxbot.draws.outcomes import Outcome
from wxbot.instant import pictures, preview, words
from wxbot.instant.page import dressed
from wxbot.instant.preview import CampaignPreview
from wxbot.instant.rules_words import RulesPhrases
from wxbot.runtime import Runtime
from wxbot.staff.models import WATCHERS, Staff
from wxbot.text import Refusal, Text

blueprint = Blueprint("instant_preview", __name__)
"""Registered under /h5; its answers may be framed by our own pages (headers.py)."""

PASS_LIFE_S = 1800
"""How long a pass opens the preview: the console's page makes a new one each time."""

AT = "/preview/<int:campaign_id>/<mark>"

ENDED = (
    Text("预览链接已过期", "This preview has ended"),
    Text("请在后台重新打开预览，再扫一次码。", "Open the preview in the console again and scan its new code."),
)
UNREADY = Text("还不能预览", "Nothing to see yet")

PreviewView = Callable[..., BaseResponse | str]


def _sign(runtime: Runtime, purpose: str = "preview") -> Callable[[str], str]:
    return lambda text: oauth.signature(runtime, purpose, text)


def address(runtime: Runtime, campaign_id: int, staff_id: int, language: str, at: str = "page") -> str:
    """The path of a campaign's preview (`at`: its "page" or "rules") in "zh" or "en", whatever a browser prefers; with a pass that is good
    for PASS_LIFE_S from now, and no longer than its maker may look."""
    mark = own_page.mark(_sign(runtime), _bound_to(campaign_id, staff_id), runtime.clock.unix())
    return url_for(f"instant_preview.{at}", campaign_id=campaign_id, mark=f"{staff_id}-{mark}", lang=language)


def _bound_to(campaign_id: int, staff_id: int) -> str:
    return f"campaign:{campaign_id}:staff:{staff_id}"


def _is_good(runtime: Runtime, session: Session, campaign_id: int, mark: str) -> bool:
    """Whether a pass is ours, fresh, and of somebody who may still look at campaigns."""
    maker, _, own = mark.partition("-")
    if not (maker.isascii() and maker.isdigit() and len(maker) <= 15):
        return False
    bound_to = _bound_to(campaign_id, int(maker))
    if not own_page.is_fresh(own, _sign(runtime), bound_to, runtime.clock.unix(), PASS_LIFE_S):
        return False
    staff = session.get(Staff, int(maker))
    return staff is not None and staff.is_active and staff.role in WATCHERS


def _with_pass(view: PreviewView) -> Callable[..., BaseResponse | str]:
    """Read the campaign of a good pass; who has none learns nothing, not even whether there is such a campaign."""

    @wraps(view)
    def found(campaign_id: int, mark: str, **more: Any) -> BaseResponse | str:
        runtime = current.runtime()
        with runtime.database.reading() as session:
            is_good = _is_good(runtime, session, campaign_id, mark)
            campaign = session.get(Campaign, campaign_id) if is_good else None
            if campaign is None:
                return _told(*ENDED, 404)
            try:
                seen = preview.read(session, campaign, _sign(runtime, "preview seed")(mark), runtime.clock.now())
            except Refusal as refused:
                return _told(UNREADY, refused.text, 409)
        return view(seen, mark, **more)

    own_page.public(found)  # the pass is the guard
    return found


def _told(title: Text, text: Text, status: int) -> BaseResponse:
    """A page, or JSON for a script, that says why there is nothing to see."""
    language = phone_words().language
    said = {"title": title.within(language), "text": text.within(language)}
    if request.method == "POST" or request.path.endswith("/state"):
        return _json({"outcome": "gone", **said}, status)
    return Response(render_template("h5/preview_ended.html", **said), status)


def _json(said: dict[str, Any], status: int = 200) -> BaseResponse:
    answer = jsonify(said)
    answer.status_code = status
    return answer


@blueprint.get(AT)
@_with_pass
def page(seen: CampaignPreview, mark: str) -> str:
    """The page of the campaign, as one who has just come sees it while it is open."""
    language = phone_words().language
    here: dict[str, Any] = {"campaign_id": seen.campaign.id, "mark": mark}
    look, picture = seen.terms.look, seen.terms.look.get("picture")
    closed = {name: words.sentence(Outcome(name), language)[1] for name in CLOSED_STATES}
    state = {
        **_live(seen),
        **dressed(
            seen.rules.prizes,
            seen.values_fen,
            seen.terms.skin,
            look,
            seen.terms.claim_s,
            language,
            seen.terms.gap_s or 0,
        ),
        "picture": url_for("instant_preview.picture", name=picture, **here) if picture else "",
        "rules": url_for("instant_preview.rules", lang=language, **here),
        "awards_at": url_for("instant_preview.page", **here) + "/awards/",
        "all_mine": "#mine",
        "is_test": True,
        "wishes": preview.wishes(seen, language),
        "needs_password": bool(seen.terms.password),
        "nonce": str(secrets.randbelow(preview.NUMBERS)),
        "begin": 0,
        "language": language,
    }
    return render_template("h5/instant.html", snapshot=seen.campaign, state=state, refusal=None, sentences=closed)


def _live(seen: CampaignPreview) -> dict[str, Any]:
    runtime = current.runtime()
    return {"state": "on", "now": round(runtime.clock.unix(), 3), "page_token": "", "tries_left": seen.tries}


@blueprint.get(f"{AT}/state")
@_with_pass
def state(seen: CampaignPreview, _mark: str) -> BaseResponse:
    """What the page asks now and then."""
    return _json(_live(seen))


@blueprint.post(f"{AT}/draw")
@_with_pass
def draw(seen: CampaignPreview, _mark: str) -> BaseResponse:
    """A test draw: by the odds, or with the end that was wished for."""
    runtime = current.runtime()
    asked = {name: str(value) for name, value in own_page.fields_of(request).items()}
    nonce, wish, password = (asked.get(name, "") for name in ("nonce", "wish", "password"))
    status, said = preview.answer(seen, nonce, wish, password, phone_words().language, runtime.clock.now())
    return _json(said, status)


@blueprint.get(f"{AT}/awards/<award_id>/state", defaults={"asked": "state"})
@blueprint.post(f"{AT}/awards/<award_id>/collect", defaults={"asked": "collect"})
@blueprint.post(f"{AT}/awards/<award_id>/look", defaults={"asked": "look"})
@_with_pass
def award(seen: CampaignPreview, _mark: str, award_id: str, asked: str) -> BaseResponse:
    """What a winner sees next."""
    runtime = current.runtime()
    shown = preview.award(seen, award_id, asked, phone_words().language, runtime.clock.now())
    return _json(shown) if shown else _json({"outcome": "gone"}, 404)


@blueprint.get(f"{AT}/rules")
@_with_pass
def rules(seen: CampaignPreview, _mark: str) -> str:
    """The rules as they would be published."""
    language = phone_words().language
    published = seen.rules_text(language)
    return render_template(
        "h5/rules_instant.html", snapshot=seen.campaign, w=RulesPhrases(language), published=published, versions=()
    )


@blueprint.get(f"{AT}/picture/<name>.jpg")
@_with_pass
def picture(seen: CampaignPreview, _mark: str, name: str) -> BaseResponse:
    """The campaign's picture, which has no public page yet."""
    runtime = current.runtime()
    content = pictures.content_of(runtime, seen.campaign.id, name)
    return Response(content or b"", 200 if content else 404, mimetype="image/jpeg")
