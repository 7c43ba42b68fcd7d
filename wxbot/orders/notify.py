"""The door at which WeChat Pay tells that a transfer has ended (wechat-protocol §4.10).

A notice moves no money: it only makes the order due, so that reconcile asks WeChat now instead of later and decides from
that answer. So a repeated, late or reordered notice costs one question and changes nothing (money F40, S65).
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import current, logs
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import Evidence, Order
from wxbot.orders.reconcile import make_due
from wxbot.runtime import Runtime
from wxbot.wechat.errors import BadMessage
from wxbot.wechat.pay_v3 import TransferNotice

NOTICED = tuple(name for name, channel in CHANNELS.items() if channel.has_notice)
"""Channels whose end WeChat tells here."""

Found = TypeVar("Found")

log = logs.get_logger(__name__)
blueprint = Blueprint("transfer_notify", __name__)


@blueprint.post("/transfer-notify")
def transfer_notify() -> Response:
    """204 once it is written down; 401 with one constant body for whatever WeChat has not provably sent.

    With the database down it answers 5xx, and WeChat sends the notice again for most of a day.
    """
    runtime = current.runtime()
    body = request.get_data(cache=False)
    if not runtime.settings.api_v3_key.get_secret_value():
        return _refused("no APIv3 key is set")
    try:
        notice = _fresh(runtime, lambda now_s: runtime.pay_v3.open_callback(_headers(), body, now_s))
    except BadMessage as error:
        return _refused(error.reason)
    with runtime.database.transaction() as session:
        is_due = keep(session, runtime, notice)
    log.info(
        "transfer_notice", mch_billno=notice.out_bill_no, state=notice.state, notice_id=notice.notice_id, due=is_due
    )
    return Response(status=204)


def keep(session: Session, runtime: Runtime, notice: TransferNotice) -> bool:
    """Keep a notice as evidence, once, and have its order asked about at once; False when nothing waits."""
    order_id = session.scalar(
        select(Order.id).where(Order.mch_billno == notice.out_bill_no, Order.channel.in_(NOTICED))
    )
    if order_id is None:
        log.warning("transfer_notice_unknown", mch_billno=notice.out_bill_no)
        return False
    now = runtime.database.now(session)
    told = notice.raw[:8000]
    is_old = select(Evidence.id).where(Evidence.order_id == order_id, Evidence.kind == "notice", Evidence.body == told)
    if session.scalar(is_old) is None:
        session.add(Evidence(order_id=order_id, kind="notice", body=told, at=now))
    return make_due(session, order_id, now)


def _refused(reason: str) -> Response:
    """The same words for every refusal: what was wrong is for the log alone."""
    log.warning("transfer_notice_refused", reason=reason[:200])
    answer = jsonify(code="FAIL", message="签名验证失败")
    answer.status_code = 401
    return answer


def _headers() -> Mapping[str, str]:
    return dict(request.headers.items())


def _fresh(runtime: Runtime, check: Callable[[float], Found]) -> Found:
    """Run a check that compares a timestamp with now. A simulator's clock may just have been moved: look again then."""
    try:
        return check(runtime.clock.unix())
    except BadMessage:
        if not runtime.settings.is_simulated:
            raise
        runtime.clock.refresh()
        return check(runtime.clock.unix())
