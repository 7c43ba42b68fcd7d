"""The reviewer's desk: one voucher at a time with everything beside it, by mouse or by keyboard, and many at once."""

from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import func, select
from werkzeug.wrappers import Response as BaseResponse

from wxbot.money import NotMoney, parse_yuan
from wxbot.staff.code_asked import is_code_due, is_code_taken, take_code
from wxbot.staff.console import (
    SMALL,
    absent,
    actor,
    log_refusal,
    me,
    now,
    number,
    one_or_404,
    refusal,
    role_required,
    runtime,
    said,
    tell,
    text,
    why_not,
)
from wxbot.text import Refusal, Text
from wxbot.vouchers import decisions, listing, review
from wxbot.vouchers.admin_pages import blueprint, panel_of, voucher_or_404
from wxbot.vouchers.decisions import ReviewAction
from wxbot.vouchers.kinds import BadAmount
from wxbot.vouchers.models import STATUSES, Photo, Voucher
from wxbot.vouchers.views import HEADERS, photo_response

REJECT_REASONS = (
    "照片与申请的内容不符",
    "照片不清楚，无法核对",
    "和以前的凭证重复",
    "不在活动期间",
    "金额与凭证不一致",
    "不符合活动规则",
)
PHOTO_REASONS = (
    "照片模糊，请重新拍一张",
    "没有拍完整，请拍全貌",
    "看不清日期或金额",
    "光线太暗，请在亮处拍",
    "请补拍另一面",
)
"""Reasons at hand. The person reads them, so they are Chinese in every language of the console."""


def is_htmx() -> bool:
    """Whether a piece of the page is asked for, not the page."""
    return bool(request.headers.get("HX-Request"))


def _desk(
    voucher: Voucher | None, *, said: str = "", fault: str = "", template: str = "console/_voucher_desk.html"
) -> str:
    """The desk with one voucher on it, or with the queue when there is none."""
    with runtime().database.reading() as session:
        counts, queue = listing.counts(session, now()), listing.queue(session, now())
        decided = decisions.of_reviewer(session, me().id, now())
        blocked = why_not(review.require_approvable, session, voucher, me().id, now()) if voucher else ""
    return render_template(
        template,
        blocked=blocked,
        panel=panel_of(voucher) if voucher else None,
        counts=counts,
        queue=queue,
        decided=decided,
        said=said,
        fault=fault,
        reject_reasons=REJECT_REASONS,
        photo_reasons=PHOTO_REASONS,
        is_mine=voucher is not None,
        bulk_fen=runtime().settings.bulk_approve_fen,
    )


@blueprint.get("/vouchers")
@role_required("reviewer", "cashier")
def index() -> str:
    """The desk: what this reviewer has claimed, else the queue."""
    with runtime().database.reading() as session:
        mine = review.claimed_by(session, me().id, now())
    return _desk(mine, template="console/vouchers.html")


def _next(current_id: int | None, *, backwards: bool = False) -> Voucher | None:
    """Put the current voucher back, claim the one beside it; at the end of the queue begin again at its head."""
    with runtime().database.transaction() as session:
        beside = session.get(Voucher, current_id) if current_id is not None and current_id < 2**62 else None
        found = review.claim_next(session, me().id, now(), beside=beside, backwards=backwards)
        if beside is not None:
            review.release(session, beside.id, me().id)
        return found or review.claim_next(session, me().id, now())


@blueprint.post("/vouchers/next")
@role_required("reviewer")
def step() -> str | BaseResponse:
    """The next voucher, or with `back=1` the one before; the present one goes back into the queue."""
    found = _next(number("current"), backwards=text("back") == "1")
    if not is_htmx():
        return redirect(url_for("vouchers.index"), 303)
    return _desk(found, said="" if found else gettext("队列已经处理完了。"))


@blueprint.get("/vouchers/all")
@role_required("reviewer", "cashier")
def everything() -> str:
    """Vouchers by status, the newest first."""
    status = request.args.get("status", "submitted")
    status = status if status in STATUSES else "submitted"
    with runtime().database.reading() as session:
        found = listing.page(
            session, status, kind_id=number("kind", SMALL), openid=text("openid"), before=number("before")
        )
        counts = listing.counts(session, now())
        kinds = listing.kinds_by_id(session)
    return render_template(
        "console/voucher_list.html",
        rows=found[: listing.PAGE_ROWS],
        has_more=len(found) > listing.PAGE_ROWS,
        status=status,
        statuses=tuple(STATUSES),
        counts=counts,
        kinds=kinds,
        kind_id=number("kind", SMALL),
        openid=text("openid"),
    )


@blueprint.get("/vouchers/<int:voucher_id>")
@role_required("reviewer", "cashier")
def page(voucher_id: int) -> str:
    """One voucher to look at, whatever its status."""
    voucher = voucher_or_404(voucher_id)
    return render_template("console/voucher.html", panel=panel_of(voucher), is_mine=False)


@blueprint.get("/vouchers/<int:voucher_id>/photos/<int:photo_id>.jpg")
@role_required("reviewer", "cashier")
def photo(voucher_id: int, photo_id: int) -> BaseResponse:
    """A photo; whoever asks is asked who they are each time."""
    voucher_or_404(voucher_id)
    with runtime().database.reading() as session:
        found: Photo = one_or_404(session.get(Photo, photo_id) if photo_id < 2**62 else None)
    if found.voucher_id != voucher_id or found.status != "kept":
        absent()
    g.photo_headers = HEADERS
    return photo_response(runtime(), found, is_thumb=request.args.get("thumb") == "1")


# --- decisions ----------------------------------------------------------------------------------------------------


@blueprint.post("/vouchers/<int:voucher_id>/claim")
@role_required("reviewer")
def claim(voucher_id: int) -> BaseResponse | tuple[str, int]:
    """Take one voucher, or keep it for another while; htmx only wants to know that it is still ours."""
    voucher_or_404(voucher_id)
    with runtime().database.transaction() as session:
        is_ours = review.claim(session, voucher_id, me().id, now())
    if is_htmx():
        return ("", 204) if is_ours else ("", 409)
    if not is_ours:
        return refusal(409, said(review.REFUSALS["gone"]))
    return redirect(url_for("vouchers.index"), 303)


@blueprint.post("/vouchers/<int:voucher_id>/release")
@role_required("reviewer")
def release(voucher_id: int) -> BaseResponse | str:
    """Put a voucher back into the queue, and end the work for now."""
    voucher_or_404(voucher_id)
    with runtime().database.transaction() as session:
        review.release(session, voucher_id, me().id)
    return _desk(None) if is_htmx() else redirect(url_for("vouchers.index"), 303)


def _decide(action: ReviewAction, done: str) -> Any:
    """Note one decision, to be carried out when it can no longer be undone; on to the next voucher, or what was wrong.

    The verb's lock and guarded update decide: of two clicks or two reviewers one does it, the other is told (F24).
    """
    voucher_or_404(action.voucher_id)
    try:
        with runtime().database.transaction() as session:
            decisions.decide(session, runtime().settings, action, actor(), now())
    except Refusal as refused:
        log_refusal(decisions.ACTIONS[action.verb], f"voucher:{action.voucher_id}", refused)
        return _not_decided(action.voucher_id, refused)
    if is_htmx():
        return _desk(_next(action.voucher_id))
    tell(done)
    return redirect(url_for("vouchers.index"), 303)


def _not_decided(voucher_id: int, refused: Refusal) -> Any:
    """The desk again with the sentence: the same voucher when it is still this reviewer's, else the next one."""
    status = 422 if isinstance(refused, BadAmount) or refused.reason in ("reason", "code") else 409
    sentence = said(refused.text)
    if not is_htmx():
        return refusal(status, sentence)
    with runtime().database.reading() as session:
        mine = review.claimed_by(session, me().id, now())
    return _desk(mine, fault=sentence), status


@blueprint.post("/vouchers/<int:voucher_id>/approve")
@role_required("reviewer")
def approve(voucher_id: int) -> Any:
    """Agree, at the amount of the form: its payout is made at once."""
    try:
        amount_fen = parse_yuan(text("amount"))
    except NotMoney:
        bad = BadAmount("amount", Text("请填写金额，例如 12.50。", "An amount in yuan, such as 12.50."))
        voucher_or_404(voucher_id)
        return _not_decided(voucher_id, bad)
    if is_code_due(amount_fen):
        try:
            take_code(me())
        except Refusal as refused:
            log_refusal("voucher_approve", f"voucher:{voucher_id}", refused)
            return _not_decided(voucher_id, refused)
    action = ReviewAction(voucher_id, "approve", _seen(), amount_fen=amount_fen, content=text("content_sha256"))
    return _decide(action, gettext("已批准，红包正在安排发放。"))


@blueprint.post("/vouchers/<int:voucher_id>/reject")
@role_required("reviewer")
def reject(voucher_id: int) -> Any:
    """Refuse with a reason."""
    action = ReviewAction(voucher_id, "reject", _seen(), reason=text("reason", review.REASON_CHARS))
    return _decide(action, gettext("已拒绝，原因会告诉对方。"))


@blueprint.post("/vouchers/<int:voucher_id>/photo")
@role_required("reviewer")
def want_photo(voucher_id: int) -> Any:
    """Ask for a better photo."""
    action = ReviewAction(voucher_id, "photo", _seen(), reason=text("reason", review.REASON_CHARS))
    return _decide(action, gettext("已请对方补照片。"))


def _seen() -> int:
    return number("version", SMALL) or 0


@blueprint.post("/vouchers/undo")
@role_required("reviewer")
def undo() -> Any:
    """Take own decisions back that are not carried out yet; a single one lies on the desk again."""
    wanted = [
        int(each) for each in request.form.getlist("pick") if each.isascii() and each.isdigit() and len(each) <= 15
    ]
    with runtime().database.transaction() as session:
        undone = decisions.undo(session, wanted[: review.BULK_AT_MOST], actor(), now())
        if len(undone) == 1 and (current := number("current")) is not None:
            review.release(session, current, me().id)
    if not undone:
        sentence = said(decisions.TOO_LATE)
        return _not_decided(0, Refusal("late", decisions.TOO_LATE)) if is_htmx() else refusal(409, sentence)
    done = gettext("已撤销 %(count)s 个决定。", count=len(undone))
    if is_htmx():
        with runtime().database.reading() as session:
            mine = review.claimed_by(session, me().id, now())
        return _desk(mine, said=done)
    tell(done)
    return redirect(url_for("vouchers.index" if len(undone) == 1 else "vouchers.bulk"), 303)


# --- many at once -------------------------------------------------------------------------------------------------


@blueprint.get("/vouchers/bulk")
@role_required("reviewer")
def bulk() -> str:
    """Small vouchers without look-alikes, to approve many at once."""
    ceiling = runtime().settings.bulk_approve_fen
    with runtime().database.reading() as session:
        rows = listing.bulk(session, ceiling, review.BULK_AT_MOST, now())
        counts = listing.counts(session, now())
        decided = decisions.of_reviewer(session, me().id, now())
    return render_template("console/voucher_bulk.html", rows=rows, counts=counts, bulk_fen=ceiling, decided=decided)


@blueprint.post("/vouchers/bulk")
@role_required("reviewer")
def approve_many() -> BaseResponse:
    """Approve what was ticked, each by itself; what does not fit any more is named."""
    chosen = []
    for each in request.form.getlist("pick")[: review.BULK_AT_MOST]:
        voucher_id, version, content = [*each.split(":"), "", ""][:3]
        if all(part.isascii() and part.isdigit() and len(part) <= 15 for part in (voucher_id, version)):
            chosen.append((int(voucher_id), int(version), content))
    if not is_code_taken("voucher_approve", "voucher", _asked([voucher_id for voucher_id, _, _ in chosen])):
        return redirect(url_for("vouchers.bulk"), 303)
    _, left = decisions.decide_many(runtime(), actor(), chosen, now())
    for left_id, refused in left[:10]:
        log_refusal("voucher_approve", f"voucher:{left_id}", refused)
        tell(gettext("凭证 %(id)s 没有批准：%(why)s", id=left_id, why=said(refused.text)), "danger")
    if not chosen:
        tell(gettext("没有勾选任何凭证。"), "warning")
    return redirect(url_for("vouchers.bulk"), 303)


def _asked(voucher_ids: list[int]) -> int:
    """What these vouchers ask for together, in fen: one approval of them all."""
    with runtime().database.reading() as session:
        return int(session.scalar(select(func.sum(Voucher.asked_fen)).where(Voucher.id.in_(voucher_ids))) or 0)
