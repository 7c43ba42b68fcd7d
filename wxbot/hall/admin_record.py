"""Console: the record of an evening to take away: winners as a sheet, the sealed JSON, a certificate to print."""

import json
from collections.abc import Iterator

from flask import Response, render_template, url_for
from flask_babel import gettext

from wxbot.clock import from_unix
from wxbot.hall import attendance, draft, published, record, results
from wxbot.hall.admin_pages import HOSTS, blueprint, hall_or_404
from wxbot.hall.admin_seal import FILE_MB
from wxbot.hall.log import reason_within
from wxbot.hall.results import PrizeSum, Results, VoidLine
from wxbot.instant import exports
from wxbot.money import plain_yuan
from wxbot.staff.console import local, locale, log_export, one_or_404, role_required, runtime, said_listed
from wxbot.staff.downloads import form_or_404, sheet_response


def winner_words() -> dict[str, str]:
    """Status of a winner → what it is called, in the reader's language."""
    return {
        "won": gettext("待确认"),
        "absent": gettext("缺席"),
        "forfeited": gettext("弃奖，名额空出"),
        "passed_on": gettext("弃奖，名额重抽"),
        "confirmed": gettext("已确认"),
        "voided": gettext("抽取已作废"),
        "found": gettext("恢复后认定"),
    }


@blueprint.get("/halls/<int:campaign_id>/figures")
@role_required(*HOSTS, "admin")
def figures(campaign_id: int) -> str:
    """Who came and what became of the selections, on the campaign's page."""
    campaign, hall = hall_or_404(campaign_id)
    with runtime().database.reading() as session:
        shown = attendance.of_hall(session, hall)
    return render_template("console/_hall_figures.html", campaign=campaign, shown=shown, words=winner_words())


@blueprint.get("/halls/<int:campaign_id>/record")
@role_required(*HOSTS, "admin")
def certificate(campaign_id: int) -> str:
    """The evening on one page, to be printed and signed."""
    campaign, hall = hall_or_404(campaign_id)
    with runtime().database.reading() as session:
        seen = one_or_404(record.seen_of(session, runtime().vault, campaign_id))
    return render_template(
        "console/hall_record.html",
        campaign=campaign,
        hall=hall,
        won=seen.results.won,
        void=_void(seen.results),
        sums=seen.results.sums,
        all_sums=_added_up(seen.results.sums),
        ways_given=draft.ways(),
        words=winner_words(),
        award_words=exports.status_words(),
        status_of=exports.status_of,
        last=seen.lines[-1] if seen.lines else None,
        seal=seen.record["seal"],
        seal_mb=FILE_MB,
        published=[line.body for line in seen.lines if line.kind == "frozen"],
        closed=any(line.kind == "closed" for line in seen.lines),
        address=f"{runtime().settings.public_url}{url_for('hall_screen.record_json', slug=campaign.slug)}",
    )


def _void(given: Results) -> list[VoidLine]:
    """What was declared void, and why in the reader's language."""
    return [each._replace(reason=reason_within(each.reason, locale())) for each in given.void]


def _added_up(sums: list[PrizeSum]) -> dict[str, int]:
    """What all prizes together come to."""
    names = ("given", "amount_fen", "paid_fen", "open_fen", "back_fen")
    return {name: sum(getattr(each, name) for each in sums) for name in names}


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
    """The winners as a spreadsheet, names masked, with what was declared void and the sum."""
    campaign, _ = hall_or_404(campaign_id)
    form_or_404(form)
    log_export("hall_record", f"campaign:{campaign_id}", form=form)
    with runtime().database.reading() as session:
        given = results.of(session, campaign_id, published.public_log(session, campaign_id))
    header = (
        *(gettext("第几次抽取"), gettext("奖品名称"), gettext("名次"), gettext("签到号")),
        *(gettext("姓名"), gettext("所在分组"), gettext("结果")),
        *(gettext("金额（元）"), gettext("奖品状态"), gettext("揭晓时间")),
    )
    return sheet_response(form, f"hall-{campaign.slug}", header, [list(_rows(given))])


def _rows(given: Results) -> Iterator[tuple[object, ...]]:
    """The winners, then what was declared void, then the sum of all amounts."""
    words, award_words, ways = winner_words(), exports.status_words(), draft.ways()
    for line in given.won:
        at = local(from_unix(line.at)) if line.at else ""
        which = line.d or ways[line.way]
        who = (line.no or "", line.name or line.person, line.group)
        award = exports.status_of(award_words, line.kind, line.award) if line.award else ""
        amount = plain_yuan(line.amount_fen) if line.amount_fen else ""
        yield (which, line.prize, line.place or "", *who, words[line.status], amount, award, at)
    for void in _void(given):
        which = void.d if void.d == void.last_d else f"{void.d}–{void.last_d}"
        said = gettext("已作废：%(reason)s（%(names)s）", reason=void.reason, names=said_listed(void.names) or "—")
        yield (which, void.prize, "", "", "", "", said, "", "", local(from_unix(void.at)))
    total_fen = _added_up(given.sums)["amount_fen"]
    yield (gettext("合计"), "", "", "", "", "", "", plain_yuan(total_fen), "", "")
