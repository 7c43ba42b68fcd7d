"""Console: a member of staff's own WeChat, tied by a code that they scan; an admin takes one off."""

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot.people import tie
from wxbot.staff.admin import other_person
from wxbot.staff.console import (
    act,
    guard,
    me,
    refusal_told,
    role_required,
    runtime,
)
from wxbot.staff.models import ROLES, Staff

blueprint = guard(Blueprint("ties", __name__))


@blueprint.get("/wechat")
@role_required(*ROLES)
def page() -> str:
    """The code to scan, or that a WeChat is tied."""
    with runtime().database.reading() as session:
        tied_to = session.get_one(Staff, me().id).openid
    link = "" if tied_to else tie.link(runtime(), me().id)
    return render_template(
        "console/wechat.html",
        is_tied=tied_to is not None,
        picture=segno.make(link, error="m").svg_data_uri(border=2, scale=5) if link else "",
        minutes=tie.LINK_LIFE_S // 60,
        digits=_digits(),
    )


def _digits() -> str:
    return tie.offered(runtime(), me().id)


@blueprint.get("/wechat/waiting")
@role_required(*ROLES)
def waiting() -> str:
    """The part that appears when a phone has offered its WeChat."""
    return render_template("console/_wechat_waiting.html", digits=_digits())


@blueprint.post("/wechat")
@role_required(*ROLES)
def confirm() -> BaseResponse:
    """Tie the WeChat whose digits were compared."""
    target = f"staff:{me().id}"
    with refusal_told("staff_tie", target):
        openid = tie.take(runtime(), me().id, request.form.get("digits", ""))
        with act("staff_tie", target, gettext("微信已绑定。")) as session:
            tie.tie(session, me().id, openid)
    return redirect(url_for("ties.page"), 303)


@blueprint.post("/staff/<int:staff_id>/untie")
@role_required("admin")
def untie(staff_id: int) -> BaseResponse:
    """Take somebody else's WeChat off their account."""
    person = other_person(staff_id)
    done = gettext("%(name)s 的微信已解绑。", name=person.name)
    with act("staff_untie", f"staff:{staff_id}", done, detail={"login": person.login}) as session:
        tie.untie(session, staff_id)
    return redirect(url_for("staff.people"), 303)
