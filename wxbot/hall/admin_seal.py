"""Console: whether a record's file that somebody shows was made here and has not been changed since."""

import json
from pathlib import Path

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot.confined import run
from wxbot.hall import seal, seal_digest
from wxbot.hall.admin_pages import HOSTS, hall_or_404
from wxbot.staff.console import guard, refusal_told, role_required, runtime, said, tell
from wxbot.staff.uploads import allow_upload
from wxbot.text import Refusal, Text

FILE_MB = 11
"""Largest file that is read here: the proxy of deploy/ lets 12 MB through. At a terminal there is no limit. The form says so itself:
the answer to what is far larger is the proxy's or everybody's, and cannot name the command."""

FILE_BYTES = FILE_MB * 1024 * 1024

TOO_LARGE = Text(
    f"文件超过 {FILE_MB} MB：请在服务器上运行 wxbot hall verify",
    f"The file is larger than {FILE_MB} MB: run wxbot hall verify on the server",
)

_pages = Blueprint("hall_seal", __name__)
allow_upload(_pages, "hall_seal.check", FILE_BYTES + 64 * 1024)
blueprint = guard(_pages)


@blueprint.post("/halls/<int:campaign_id>/record/seal")
@role_required(*HOSTS, "admin")
def check(campaign_id: int) -> BaseResponse:
    """Say whose seal a file has; nothing is kept of it."""
    campaign, _ = hall_or_404(campaign_id)
    with refusal_told("hall_record", f"campaign:{campaign_id}", is_logged=False):
        found = _sent()
        standing = seal.standing_of(found, runtime().vault, runtime().former_vault)
        tell(said(seal.SENTENCES[standing]), "success" if standing == "ours" else "warning")
        if standing == "ours" and found["hall_id"] != campaign.slug:
            tell(gettext("但这是另一场活动（%(hall)s）的记录。", hall=found["hall_id"]), "warning")
    return redirect(url_for("hall_desk.certificate", campaign_id=campaign_id), 303)


def _sent() -> dict[str, str]:
    """What the confined child reads in the file that was sent, {} without one. Raises Refusal."""
    file = request.files.get("file")
    if file is None:
        return {}
    raw = file.read(FILE_BYTES + 1)
    file.close()
    if len(raw) > FILE_BYTES:
        raise Refusal("file", TOO_LARGE)
    try:
        found: dict[str, str] = json.loads(run.ask(seal_digest.__name__, raw, Path(runtime().settings.data_dir)))
    except run.NoAnswer:
        raise Refusal("file", TOO_LARGE) from None
    return found
