"""Console: codes that lie ready for a prize of the evening itself, before anybody asks for it."""

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from wxbot.hall import changes
from wxbot.hall.admin_pages import HOSTS, hall_or_404
from wxbot.instant import codes, codes_lost
from wxbot.instant.admin_codes import PASTE_BYTES, Lines, taken_in, whole_of
from wxbot.staff.console import guard, now, role_required, runtime
from wxbot.staff.uploads import SHEET_BYTES, allow_upload

_pages = Blueprint("hall_codes", __name__)
allow_upload(_pages, "hall_codes.take", SHEET_BYTES, PASTE_BYTES)
blueprint = guard(_pages)


@blueprint.get("/halls/<int:campaign_id>/changes/codes")
@role_required(*HOSTS)
def page(campaign_id: int) -> str:
    """How many codes lie ready, and the form for more."""
    return _page(campaign_id)


@blueprint.post("/halls/<int:campaign_id>/changes/codes")
@role_required(*HOSTS)
def take(campaign_id: int) -> str:
    """Read codes in; the page again, with the report."""
    hall_or_404(campaign_id)

    def lay(session: Session, lines: Lines, replace: bool) -> codes.CodeReport:
        return changes.lay_codes(session, runtime().vault, campaign_id, lines, now(), replace=replace)

    return _page(campaign_id, taken_in(campaign_id, lay, {}))


def _page(campaign_id: int, report: codes.CodeReport | None = None) -> str:
    campaign, _ = hall_or_404(campaign_id)
    with runtime().database.reading() as session:
        n = codes.ready(session, campaign_id)
        aside = codes_lost.aside_of(session, campaign_id, None)
        is_running = changes.may_change(session, campaign, now())
    shown = {"campaign": campaign, "n": n, "aside": aside, "report": report, "is_running": is_running}
    return render_template("console/hall_codes.html", whole=whole_of(campaign_id, report), **shown)
