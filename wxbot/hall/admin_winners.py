"""Console: winners between the reveal and their prize: absent by a tap, confirmed, declared void by two, things ticked off."""

from collections.abc import Mapping

from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from wxbot.hall import absent, confirm, goods, void
from wxbot.hall.absent import WORDS, Word
from wxbot.hall.admin_pages import HOSTS, blueprint, host
from wxbot.staff.console import me, now, number, role_required, runtime, text
from wxbot.wake import PAY, wake


def _d_and_no() -> tuple[int, int]:
    return number("d", 10**6) or 0, number("no", 10**9) or 0


@blueprint.post("/halls/<int:campaign_id>/absent")
@role_required(*HOSTS)
def mark(campaign_id: int) -> BaseResponse:
    """One winner is not here, or gives up."""
    d, no = _d_and_no()
    word: Word = next((known for known in WORDS if known == text("word")), "absent")

    def verb(session: Session) -> None:
        absent.mark(session, campaign_id, d, no, word, now())

    done = gettext("%(no)s 号已标记。", no=no)
    return host(campaign_id, "hall_absent", done, verb, "winners", d=d, no=no, word=word)


@blueprint.post("/halls/<int:campaign_id>/undo")
@role_required(*HOSTS)
def undo(campaign_id: int) -> BaseResponse:
    """They are here after all."""
    d, no = _d_and_no()

    def verb(session: Session) -> None:
        absent.take_back(session, campaign_id, d, no, now())

    return host(campaign_id, "hall_undo", gettext("%(no)s 号的标记已撤销。", no=no), verb, "winners", d=d, no=no)


@blueprint.post("/halls/<int:campaign_id>/confirm")
@role_required(*HOSTS)
def confirmed(campaign_id: int) -> BaseResponse:
    """确认: from here on they are owed their prize; what needs no tap is sent at once."""
    d, _ = _d_and_no()
    asked = 0

    def verb(session: Session) -> Mapping[str, object]:
        nonlocal asked
        done = confirm.confirm(session, campaign_id, d, now())
        asked = done.asked
        return {"d": d, "confirmed": len(done.nos), "asked": done.asked}

    answer = host(campaign_id, "hall_confirm", gettext("已确认，奖品已记到中奖者名下。"), verb)
    if asked:
        wake(runtime(), PAY)
    return answer


@blueprint.post("/halls/<int:campaign_id>/void/ask")
@role_required(*HOSTS)
def ask_void(campaign_id: int) -> BaseResponse:
    """Somebody wants the selection void, and says why."""
    d, _ = _d_and_no()

    def verb(session: Session) -> None:
        void.ask(session, campaign_id, d, me().id, text("reason", 200), now())

    return host(campaign_id, "hall_void_ask", gettext("已申请，等另一位同事确认。"), verb, "void", d=d)


@blueprint.post("/halls/<int:campaign_id>/void/withdraw")
@role_required(*HOSTS)
def withdraw_void(campaign_id: int) -> BaseResponse:
    """It stays."""
    d, _ = _d_and_no()

    def verb(session: Session) -> None:
        void.withdraw(session, campaign_id, d, now())

    return host(campaign_id, "hall_void_withdraw", gettext("已撤回作废申请。"), verb, d=d)


@blueprint.post("/halls/<int:campaign_id>/void")
@role_required(*HOSTS)
def agree_void(campaign_id: int) -> BaseResponse:
    """The second person agrees."""
    d, _ = _d_and_no()

    def verb(session: Session) -> None:
        void.agree(session, runtime().vault, campaign_id, d, me().id, text("reason", 200), now())

    return host(campaign_id, "hall_void", gettext("已作废，原因会显示在大屏上。"), verb, d=d)


@blueprint.post("/halls/<int:campaign_id>/hand-over")
@role_required(*HOSTS)
def hand_over(campaign_id: int) -> BaseResponse:
    """A thing was handed over on the stage."""
    d, no = _d_and_no()

    def verb(session: Session) -> None:
        goods.hand_over(session, campaign_id, d, no, now())

    return host(campaign_id, "hall_hand_over", gettext("%(no)s 号已领取实物。", no=no), verb, "goods", d=d, no=no)
