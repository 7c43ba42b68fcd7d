"""Console: the host's desk of an evening, on a phone as well: freeze, arm, numbers, start, stop, the screen and what it shows."""

import segno
from flask import Response, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.campaigns import poster
from wxbot.campaigns.models import Campaign
from wxbot.hall import desk, door_sheet, games, guests, pairing, rehearse, rosters, scenes, screens, seeds, simulated
from wxbot.hall import select as selecting
from wxbot.hall.admin_pages import HOSTS, blueprint, hall_or_404, host, to_desk
from wxbot.hall.allowed import NUMBERS_HELD_UP
from wxbot.hall.seeds import SeedsLeft
from wxbot.staff import accounts
from wxbot.staff.console import absent, act, me, now, number, role_required, runtime, said, text


@blueprint.get("/halls/<int:campaign_id>")
@role_required(*HOSTS, "admin")
def page(campaign_id: int) -> str:
    """The desk."""
    return _page(campaign_id)


def _page(campaign_id: int, digits: str = "") -> str:
    campaign, hall = hall_or_404(campaign_id)
    screen = screens.is_there(runtime(), campaign.slug, hall)
    with runtime().database.reading() as session:
        shown = desk.shown(session, hall, text("q"), now())
        selected = shown["selected"]
        asked_by = selected.void_asked_by if selected is not None else None
        names = accounts.names(session, [asked_by] if asked_by is not None else [])
    left: SeedsLeft = shown["seeds"]
    return render_template(
        "console/hall_desk.html",
        campaign=campaign,
        hall=hall,
        is_over=campaign.is_over(now()),
        digits=digits,
        screen=screen,
        scenes=scenes.words(),
        reasons={word: said(reason) for word, reason in guests.REASONS.items()},
        held_up=NUMBERS_HELD_UP,
        asked_by=names.get(asked_by, "") if asked_by is not None else "",
        is_asker=asked_by == me().id,
        no_seed="" if left.free else said(seeds.no_selection_text(left)),
        q=text("q"),
        is_simulated=simulated.is_simulated,
        at_once=rehearse.AT_ONCE,
        **shown,
    )


@blueprint.get("/halls/<int:campaign_id>/pulse")
@role_required(*HOSTS, "admin")
def pulse(campaign_id: int) -> Response:
    """The moving figures; the whole page is asked for anew when something else on it has changed.

    The page that shows digits stands until they are used up, and is then left for the desk: it is the answer to a press, and asking
    for it anew would press again.
    """
    campaign, hall = hall_or_404(campaign_id)
    with runtime().database.reading() as session:
        mark, waiting = desk.mark_of(session, hall), desk.waiting_words(session, hall)
        since_freeze, ending = desk.since_freeze(session, hall), desk.ending(session, campaign, now())
        signed_in = desk.signed_in(session, hall)
    figures = {"hall": hall, "signed_in": signed_in, "waiting": waiting, "since_freeze": since_freeze, "is_pulse": True}
    figures |= {"campaign": campaign, "ending": ending}
    figures["screen"] = screens.is_there(runtime(), campaign.slug, hall)
    response = Response(render_template("console/_hall_pulse.html", **figures))
    if request.args.get("digits"):
        if not pairing.is_offered(hall, now()):
            response.headers["HX-Redirect"] = url_for("hall_desk.page", campaign_id=campaign_id, _anchor="screen")
    elif mark != request.args.get("mark", ""):
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/halls/<int:campaign_id>/freeze")
@role_required(*HOSTS)
def freeze(campaign_id: int) -> BaseResponse:
    """Fix who may win."""

    def verb(session: Session) -> dict[str, object]:
        roster = rosters.freeze(session, campaign_id, now())
        return {"version": roster.version, "count": roster.count, "sha256": roster.sha256}

    return host(campaign_id, "hall_freeze", gettext("名单已冻结，人数和哈希已公布。"), verb)


@blueprint.post("/halls/<int:campaign_id>/arm")
@role_required(*HOSTS)
def arm(campaign_id: int) -> BaseResponse:
    """Fix the next selection: a prize, and how many of it."""
    prize, k = number("prize", 10**6) or 0, number("k", 10**6) or 0
    is_unwaited = text("unwaited", 1) == "1"

    def verb(session: Session) -> dict[str, object]:
        armed = selecting.arm(session, campaign_id, prize, k, now(), is_unwaited=is_unwaited)
        said: dict[str, object] = {"d": armed.d, "prize": prize, "k": k, "pool": armed.pool_size}
        return said | ({"unwaited": True} if is_unwaited else {})

    return host(campaign_id, "hall_arm", gettext("已锁定，奖项、人数和名单不能再改。"), verb)


@blueprint.post("/halls/<int:campaign_id>/numbers")
@role_required(*HOSTS)
def numbers(campaign_id: int) -> BaseResponse:
    """The numbers that people in the hall hold up."""
    typed = [text(f"number_{place}", 80) for place in range(1, NUMBERS_HELD_UP + 1)]

    def verb(session: Session) -> dict[str, object]:
        return {"d": selecting.hold_up(session, campaign_id, typed, now()).d}

    return host(campaign_id, "hall_numbers", gettext("号码已公布，可以开始了。"), verb)


@blueprint.post("/halls/<int:campaign_id>/start")
@role_required(*HOSTS)
def start(campaign_id: int) -> BaseResponse:
    """Draw; nobody sees who before the stop."""

    def verb(session: Session) -> dict[str, object]:
        return {"d": selecting.start(session, runtime().vault, campaign_id, now()).d}

    campaign, hall = hall_or_404(campaign_id)
    is_shown = screens.is_there(runtime(), campaign.slug, hall) is not False
    done = (
        gettext("已开始，大屏正在滚动。") if is_shown else gettext("已开始，但没有大屏连着：揭晓后请念主持台上的名单。")
    )
    return host(campaign_id, "hall_start", done, verb)


@blueprint.post("/halls/<int:campaign_id>/stop")
@role_required(*HOSTS)
def stop(campaign_id: int) -> BaseResponse:
    """Reveal."""

    def verb(session: Session) -> dict[str, object]:
        return {"d": selecting.reveal(session, campaign_id, now()).d}

    return host(campaign_id, "hall_stop", gettext("已揭晓。点一下没有到场的人，再按“确认”。"), verb)


@blueprint.post("/halls/<int:campaign_id>/game")
@role_required(*HOSTS)
def begin_game(campaign_id: int) -> BaseResponse:
    """Begin a rain or a race: every phone counts down with the screen."""
    prize = number("prize", 10**6) or 0

    def verb(session: Session) -> dict[str, object]:
        game = games.begin(session, runtime().vault, campaign_id, prize, now())
        return {"prize": prize, "kind": game.kind}

    return host(campaign_id, "hall_game", gettext("游戏马上开始，大屏和手机都在倒数。"), verb, "games")


@blueprint.post("/halls/<int:campaign_id>/scene")
@role_required(*HOSTS)
def scene(campaign_id: int) -> BaseResponse:
    """What the screen shows from now on."""
    wanted = text("scene", 16)

    def verb(session: Session) -> dict[str, object]:
        scenes.show(session, campaign_id, wanted, now())
        return {"scene": wanted}

    return host(campaign_id, "hall_scene", gettext("大屏画面已切换。"), verb, "screen")


@blueprint.post("/halls/<int:campaign_id>/language")
@role_required(*HOSTS)
def language(campaign_id: int) -> BaseResponse:
    """Which language the screen speaks from now on."""
    wanted = text("language", 8)

    def verb(session: Session) -> dict[str, object]:
        scenes.speak(session, campaign_id, wanted)
        return {"language": wanted}

    return host(campaign_id, "hall_language", gettext("大屏语言已切换。"), verb, "screen")


@blueprint.post("/halls/<int:campaign_id>/pair")
@role_required(*HOSTS)
def pair(campaign_id: int) -> str | BaseResponse:
    """Six digits for a screen: on this page alone, and not again."""
    hall_or_404(campaign_id)
    digits = ""
    with act("hall_pair", f"campaign:{campaign_id}", gettext("配对码 5 分钟内有效，只能用一次。")) as session:
        digits = pairing.offer(session, campaign_id, now())
    return _page(campaign_id, digits) if digits else to_desk(campaign_id)


@blueprint.get("/halls/<int:campaign_id>/door")
@role_required(*HOSTS, "admin")
def door(campaign_id: int) -> str:
    """The sheet for the door: its code, and the word of the day where there is one."""
    campaign, hall = hall_or_404(campaign_id)
    picture = segno.make(_door_url(campaign), error="m").svg_data_uri(border=2, scale=8, light="white")
    return render_template("console/hall_door.html", campaign=campaign, hall=hall, picture=picture)


@blueprint.get("/halls/<int:campaign_id>/door-poster")
@role_required(*HOSTS, "admin")
def door_poster(campaign_id: int) -> Response:
    """The same as a picture for a print shop; there is none without a word of the day, which the code at the door asks for."""
    campaign, hall = hall_or_404(campaign_id)
    if not hall.day_word:
        absent()
    made = poster.file_of(door_sheet.poster_text(campaign, hall), _door_url(campaign), runtime().settings.poster_font)
    response = Response(made.content, mimetype=made.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="door-{campaign.slug}.{made.extension}"'
    return response


def _door_url(campaign: Campaign) -> str:
    return door_sheet.door_url(runtime().settings.public_url, campaign)
