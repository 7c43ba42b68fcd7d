"""The console's page about alerts: what is wrong, since when, who is told, and a button that tries the way there."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot.alerts import book, targets
from wxbot.alerts.conditions import ENDS_WITHIN
from wxbot.alerts.words import AlertPhrases
from wxbot.metrics import balance
from wxbot.metrics.told_balance import told
from wxbot.staff.console import guard, log_action, now, role_required, runtime, tell

blueprint = guard(Blueprint("alerts", __name__))


@blueprint.get("/alerts")
@role_required("admin", "cashier")
def index() -> str:
    """What is wrong now, what was lately, and the targets, masked."""
    with runtime().database.reading() as session:
        wrong, over = book.current(session), book.lately(session)
    settings = runtime().settings
    ways = targets.of(settings)
    return render_template(
        "console/alerts.html",
        wrong=wrong,
        over=over,
        targets=ways,
        remind_hours=settings.alert_remind_hours,
    )


@blueprint.post("/alerts/test")
@role_required("admin")
def try_targets() -> BaseResponse:
    """Send a test message to every target, and show how it went with each."""
    settings = runtime().settings
    w = AlertPhrases(settings.locale)
    ways = targets.of(settings)
    sent = targets.send(ways, f"{settings.brand} {w.title}", w.test)
    good = sum(delivery.is_good for delivery in sent)
    log_action("alert_test", "targets", "done" if good == len(sent) else "refused", targets=len(sent), good=good)
    if not sent:
        tell(gettext("还没有设置报警目标（WXBOT_ALERT_TARGETS）。"), "warning")
    for delivery in sent:
        if delivery.is_good:
            tell(gettext("%(name)s：已送达。", name=delivery.shown))
        else:
            tell(gettext("%(name)s：没有送达（%(reason)s）。", name=delivery.shown, reason=delivery.reason), "danger")
    return redirect(url_for("alerts.index"), 303)


@blueprint.app_template_global("alerts_wrong")
def alerts_wrong() -> int:
    """How many things are wrong now, for the overview."""
    with runtime().database.reading() as session:
        return len(book.current(session))


@dataclass(frozen=True)
class HeldBalance:
    """What the merchant's account holds as the alerts reckon it, in fen; is_low when they would tell of it."""

    balance_fen: int
    empty_at: datetime | None
    is_told: bool
    is_low: bool


@blueprint.app_template_global("reckoned_balance")
def reckoned_balance() -> HeldBalance | None:
    """The balance and when it is empty at this pace, for the overview; None while no bill was read."""
    parts, moment = runtime(), now()
    with parts.database.reading() as session:
        held = balance.reckon(session, moment, told(parts, moment))
    if held is None:
        return None
    is_ending = held.empty_at is not None and held.empty_at - moment < ENDS_WITHIN
    is_low = is_ending or held.balance_fen < parts.settings.alert_balance_fen
    return HeldBalance(held.balance_fen, held.empty_at, held.is_told, is_low)
