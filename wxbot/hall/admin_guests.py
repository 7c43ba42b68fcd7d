"""Console: guests on the wall, who may not win, and the words that they send to the screen."""

from typing import Literal

from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.hall import guests, rehearse
from wxbot.hall.admin_pages import HOSTS, blueprint, host
from wxbot.staff.console import now, number, role_required, text


@blueprint.post("/halls/<int:campaign_id>/hide")
@role_required(*HOSTS)
def hide(campaign_id: int) -> BaseResponse:
    """Off the wall, or back on it."""
    no, is_hidden = number("no", 10**9) or 0, text("hide") != "0"

    def verb(session: Session) -> None:
        guests.hide(session, campaign_id, no, is_hidden)

    done = gettext("%(no)s 号已从大屏隐藏。", no=no) if is_hidden else gettext("%(no)s 号已恢复显示。", no=no)
    return host(campaign_id, "hall_hide", done, verb, "guests", no=no, hidden=is_hidden)


@blueprint.post("/halls/<int:campaign_id>/strike")
@role_required(*HOSTS)
def strike(campaign_id: int) -> BaseResponse:
    """Somebody may not win any more, for a reason that everybody reads."""
    no, reason = number("no", 10**9) or 0, text("reason", 20)

    def verb(session: Session) -> None:
        guests.strike(session, campaign_id, no, reason, now())

    done = gettext("%(no)s 号已排除，原因写在公开记录里。", no=no)
    return host(campaign_id, "hall_strike", done, verb, "guests", no=no, reason=reason)


@blueprint.post("/halls/<int:campaign_id>/words")
@role_required(*HOSTS)
def words(campaign_id: int) -> BaseResponse:
    """Show somebody's words, or not."""
    danmaku_id = number("id") or 0
    after: Literal["shown", "refused"] = "shown" if text("after") == "shown" else "refused"

    def verb(session: Session) -> None:
        guests.decide(session, campaign_id, danmaku_id, after, now())

    done = gettext("弹幕已放出。") if after == "shown" else gettext("弹幕已拦下。")
    return host(campaign_id, "hall_words", done, verb, "words", id=danmaku_id, after=after)


@blueprint.post("/halls/<int:campaign_id>/simulate")
@role_required(*HOSTS)
def simulate(campaign_id: int) -> BaseResponse:
    """Simulated guests into a rehearsal."""
    n = number("n", 10**6) or 0

    def verb(session: Session) -> dict[str, object]:
        came = rehearse.put_in(session, campaign_id, n, now())
        return {"first": came[0].no, "last": came[-1].no}

    return host(campaign_id, "hall_simulate", gettext("%(n)s 位模拟来宾已签到。", n=n), verb, "simulated", n=n)
