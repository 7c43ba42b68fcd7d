"""Paying one person by hand, and paying again what came back: always with a name, a reason, and (for the second) two people."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.payouts import people_search
from wxbot.payouts.create import PayoutRequest, request
from wxbot.payouts.models import ManualRequest, Payout
from wxbot.payouts.sources import MANUAL, REISSUE
from wxbot.people import marks
from wxbot.settings import Settings
from wxbot.text import Refusal, Text

REASON_MIN = 4
REASON_MAX = 200
TOKEN_MIN = 16
TOKEN_MAX = 64

REISSUED = ("returned", "failed")
"""Statuses of a payout that may be issued once more."""


@dataclass(frozen=True)
class ByHand:
    """A filled-in form. `form_token` was made with the form: the same form is one payout however often it is sent (F24)."""

    form_token: str
    programme_id: int
    openid: str
    amount_fen: int
    reason: str
    channel: str = ""


def ask(session: Session, settings: Settings, form: ByHand, staff_id: int, now: datetime) -> Payout:
    """Write down a payout that a person asks for. Raises Refusal; IntegrityError when the same form came in at once twice."""
    reason = typed.line(form.reason)
    if not TOKEN_MIN <= len(form.form_token) <= TOKEN_MAX:
        raise Refusal("page", Text("页面已过期，请重新打开再填一次", "the page is out of date; open it again"))
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise Refusal(
            "note",
            Text(
                f"请写明原因（{REASON_MIN} 至 {REASON_MAX} 字）", f"say why, in {REASON_MIN} to {REASON_MAX} characters"
            ),
        )
    if not people_search.is_known(session, form.openid):
        raise Refusal("person", Text("请先查找并选定收款人", "look for the person first and choose one"))
    if marks.is_blocked(session, form.openid):
        raise Refusal("blocked", Text("此人在黑名单中，不能付款", "this person is on the block list"))
    asked = session.scalar(select(ManualRequest).where(ManualRequest.form_token == form.form_token))
    if asked is None:
        asked = ManualRequest(form_token=form.form_token, reason=reason, made_by=staff_id, made_at=now)
        session.add(asked)
        session.flush()
    elif asked.made_by != staff_id:
        raise Refusal("page", Text("页面已过期，请重新打开再填一次", "the page is out of date; open it again"))
    claim = PayoutRequest(
        MANUAL,
        asked.id,
        form.programme_id,
        form.openid,
        form.amount_fen,
        note=reason,
        channel=form.channel,
        created_by=staff_id,
    )
    return request(session, settings, claim, now)


def reissue(session: Session, settings: Settings, payout_id: int, staff_id: int, now: datetime) -> Payout:
    """Owe a returned or failed payout once more, to be approved by a second person whatever its amount (money F83).

    Asking again gives the payout that is there already. Raises Refusal; IntegrityError when two asked at once.
    """
    old = session.get(Payout, payout_id)
    if old is None or old.status not in REISSUED:
        raise Refusal(
            "status", Text("只有已退回或失败的付款可以补发", "only what was returned or failed can be issued again")
        )
    if marks.is_blocked(session, old.openid):
        raise Refusal("blocked", Text("此人在黑名单中，不能付款", "this person is on the block list"))
    claim = PayoutRequest(
        REISSUE,
        old.id,
        old.budget_id,
        old.openid,
        old.amount_fen,
        note=f"补发 #{old.id}",
        channel=old.channel,
        texts=dict(old.texts),
        created_by=staff_id,
    )
    return request(session, settings, claim, now)
