"""Console: the record of an evening to take away: winners as a sheet, the sealed JSON, a certificate to print."""

import json
from collections.abc import Iterator

from flask import Response, render_template, url_for
from flask_babel import gettext

from wxbot.clock import from_unix
from wxbot.hall import journal, published, record
from wxbot.hall.admin_pages import HOSTS, blueprint, hall_or_404
from wxbot.hall.record import WinnerLine
from wxbot.staff.console import local, log_export, one_or_404, role_required, runtime
from wxbot.staff.downloads import form_or_404, sheet_response


def winner_words() -> dict[str, str]:
    """Status of a winner → what it is called, in the reader's language."""
    return {
        "won": gettext("待确认"),
        "absent": gettext("缺席"),
        "forfeited": gettext("弃奖，名额空出"),
        "passed_on": gettext("弃奖，名额重抽"),
        "confirmed": gettext("已确认"),
        "voided": gettext("已作废"),
    }


@blueprint.get("/halls/<int:campaign_id>/record")
@role_required(*HOSTS, "admin")
def certificate(campaign_id: int) -> str:
    """The evening on one page, to be printed and signed."""
    campaign, hall = hall_or_404(campaign_id)
    with runtime().database.reading() as session:
        lines = record.winner_lines(session, campaign_id)
        last = published.public_log(session, campaign_id)[-1:]
        evening = journal.evening(session, campaign_id)
        made = one_or_404(record.record_of(session, runtime().vault, campaign_id))
    frozen = [line["body"] for line in made["log"] if line["kind"] == "frozen"]
    by_d: dict[int, list[WinnerLine]] = {}
    for line in lines:
        by_d.setdefault(line.d, []).append(line)
    return render_template(
        "console/hall_record.html",
        campaign=campaign,
        hall=hall,
        by_d=by_d,
        words=winner_words(),
        last=last[0] if last else None,
        seal=made["seal"],
        published=frozen,
        closed=evening.is_closed,
        address=f"{runtime().settings.public_url}{url_for('hall_screen.record_json', slug=campaign.slug)}",
    )


@blueprint.post("/halls/<int:campaign_id>/record.json")
@role_required(*HOSTS)
def take_json(campaign_id: int) -> Response:
    """The sealed record; a POST, because it is written in the audit log."""
    campaign, _ = hall_or_404(campaign_id)
    log_export("hall_record", f"campaign:{campaign_id}", form="json")
    with runtime().database.reading() as session:
        made = record.record_of(session, runtime().vault, campaign_id)
    response = Response(json.dumps(made, ensure_ascii=False, indent=1), mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="record-{campaign.slug}.json"'
    return response


@blueprint.post("/halls/<int:campaign_id>/winners.<form>")
@role_required(*HOSTS)
def take_sheet(campaign_id: int, form: str) -> Response:
    """The winners as a spreadsheet, names masked."""
    campaign, _ = hall_or_404(campaign_id)
    form_or_404(form)
    log_export("hall_record", f"campaign:{campaign_id}", form=form)
    with runtime().database.reading() as session:
        lines = record.winner_lines(session, campaign_id)
    header = (
        *(gettext("第几次抽取"), gettext("奖品"), gettext("名次"), gettext("签到号")),
        *(gettext("姓名"), gettext("分组"), gettext("结果"), gettext("揭晓时间")),
    )
    return sheet_response(form, f"hall-{campaign.slug}", header, [list(_rows(lines))])


def _rows(lines: list[WinnerLine]) -> Iterator[tuple[object, ...]]:
    words = winner_words()
    for line in lines:
        at = local(from_unix(line.at)) if line.at else ""
        yield (line.d, line.prize, line.place, line.no, line.name, line.group, words[line.status], at)
