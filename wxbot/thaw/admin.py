"""The console's page of a thaw: progress, found orders to be judged by two cashiers, releases by name, the opening."""

from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot import lineage
from wxbot.lineage import Lineage
from wxbot.orders.found import FOUND_STATUSES, FoundOrder
from wxbot.staff import accounts
from wxbot.staff.code_asked import code_always
from wxbot.staff.console import actor, guard, me, now, number, refusal_told, role_required, runtime, said, tell, text
from wxbot.thaw import judge, listing, opening, wins

blueprint = guard(Blueprint("thaw", __name__))

RELEASED_AT_MOST = 500


@blueprint.app_template_global("frozen_line")
def frozen_line() -> Lineage | None:
    """The lineage while the database is frozen, for the head of every page of the console; None otherwise."""
    with runtime().database.reading() as session:
        line = lineage.found(session)
    return line if line.frozen_why else None


@blueprint.get("/thaw")
@role_required("cashier")
def index() -> str:
    """How far the thaw is, and what a cashier may do."""
    status = request.args.get("status", "open")
    status = status if status in FOUND_STATUSES else "open"
    with runtime().database.reading() as session:
        standing = listing.standing(session, now())
        rows = listing.found_page(session, status, number("after") or 0)
        shown = rows[: listing.PAGE_ROWS]
        proposals = judge.proposals_for(session, me().id)
        view = {
            "standing": standing,
            "status": status,
            "statuses": FOUND_STATUSES,
            "rows": shown,
            "has_more": len(rows) > len(shown),
            "candidates": {each.id: judge.candidates(session, each)[:5] for each in shown if status == "open"},
            "awards": {each.id: wins.awards_of(session, each)[:5] for each in shown if status == "open"},
            "prizes": {each.id: wins.prizes_of(session, each)[:5] for each in shown if status == "open"},
            "campaigns": {each.id: judge.campaigns_of(session, each)[:5] for each in shown if status == "open"},
            "clear": len(judge.clear_pairs(session)) if standing.unjudged else 0,
            "proposals": len(proposals),
            "seal": judge.seal_of(proposals),
            "since": listing.decided_since(session),
            "releases": listing.releases(session),
            "waiting": listing.waiting(session),
            "me_id": me().id,
            "names": accounts.names(session, _people(shown, standing)),
        }
    return render_template("console/thaw.html", **view)


def _people(rows: Sequence[FoundOrder], standing: listing.ThawStanding) -> list[int]:
    """The staff whose names the page shows."""
    ids = {each.proposed_by for each in rows} | {each.decided_by for each in rows}
    if standing.thaw is not None:
        ids |= {standing.thaw.open_asked_by, standing.thaw.opened_by}
    return sorted(one for one in ids if one is not None)


def _to_page() -> BaseResponse:
    return redirect(url_for("thaw.index", status=request.form.get("status", "open")), 303)


@blueprint.post("/thaw/pairs")
@role_required("cashier")
def pairs() -> BaseResponse:
    """Propose every clear pair of a found order and what it paid."""
    with refusal_told("found_propose", "thaw"):
        n = judge.propose_clear(runtime(), actor(), now())
        tell(gettext("已提出 %(n)s 笔，等另一位财务确认。", n=n))
    return _to_page()


@blueprint.post("/thaw/confirm")
@role_required("cashier")
def confirm_all() -> BaseResponse:
    """Agree to all that others proposed, as it was shown."""
    with refusal_told("found_confirm", "thaw"):
        confirmed, left = judge.confirm_all(runtime(), text("seal", 64), actor(), now())
        for found_id, refused in left[:3]:
            tell(f"#{found_id}: {said(refused.text)}", "danger")
        tell(gettext("已确认 %(n)s 笔，订单、预算和账本已同时更新。", n=confirmed))
    return _to_page()


@blueprint.post("/thaw/found/<int:found_id>/propose")
@role_required("cashier")
def propose(found_id: int) -> BaseResponse:
    """Say what one found order paid: payout, campaign, award or prize with its number, or something else."""
    kind, _, reason_id = text("reason", 40).partition(":")
    chosen = (kind, int(reason_id)) if reason_id.isdecimal() and len(reason_id) < 16 else None
    with refusal_told("found_propose", f"found:{found_id}"):
        with runtime().database.transaction() as session:
            judge.propose(session, found_id, chosen, text("evidence", 500), actor(), now())
        tell(gettext("已提出，等另一位财务确认。"))
    return _to_page()


@blueprint.post("/thaw/found/<int:found_id>/confirm")
@role_required("cashier")
def confirm(found_id: int) -> BaseResponse:
    """Agree to one proposal."""
    with refusal_told("found_confirm", f"found:{found_id}"):
        with runtime().database.transaction() as session:
            judge.confirm(session, runtime().settings, found_id, actor(), now())
        tell(gettext("已确认。"))
    return _to_page()


@blueprint.post("/thaw/found/<int:found_id>/back")
@role_required("cashier")
def send_back(found_id: int) -> BaseResponse:
    """Take one proposal back."""
    with refusal_told("found_send_back", f"found:{found_id}"):
        with runtime().database.transaction() as session:
            judge.send_back(session, found_id, actor(), now())
        tell(gettext("已退回，可以重新认定。"))
    return _to_page()


@blueprint.post("/thaw/open")
@role_required("cashier")
def ask_open() -> BaseResponse:
    """Want the database opened."""
    with refusal_told("thaw_ask", "thaw"):
        opening.ask(runtime(), actor(), now())
        tell(gettext("已提出解冻，等另一位财务确认。"))
    return _to_page()


@blueprint.post("/thaw/open/confirm")
@role_required("cashier")
@code_always("thaw_open", "thaw", _to_page)
def confirm_open() -> BaseResponse:
    """Agree: sending goes on."""
    with refusal_told("thaw_open", "thaw"):
        opening.confirm(runtime(), actor(), now())
        tell(gettext("数据库已解冻，付款继续。被挡住的付款要等认定或账单。"))
    return _to_page()


@blueprint.post("/thaw/release")
@role_required("cashier")
def release() -> BaseResponse:
    """Want payouts, named by their numbers, paid before the fund bill is there."""
    words = request.form.get("payouts", "").replace(",", " ").replace("，", " ").replace("#", " ").split()
    ids = [int(word) for word in words[:RELEASED_AT_MOST] if word.isascii() and word.isdecimal() and len(word) < 16]
    with refusal_told("payout_release", "thaw"):
        n = opening.release(runtime(), ids, text("evidence", 500), actor(), now())
        tell(gettext("已提出放行 %(n)s 笔，等另一位财务逐笔确认。", n=n))
    return _to_page()


@blueprint.post("/thaw/release/<int:payout_id>/confirm")
@role_required("cashier")
@code_always("payout_release_confirm", "thaw", _to_page)
def confirm_release(payout_id: int) -> BaseResponse:
    """Agree to the release of one payout."""
    with refusal_told("payout_release_confirm", f"payout:{payout_id}"):
        opening.confirm_release(runtime(), payout_id, actor(), now())
        tell(gettext("已放行。"))
    return _to_page()
