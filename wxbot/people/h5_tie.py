"""The page that a member of staff's own phone opens from the code in the console: it offers that WeChat, the console confirms."""

from flask import Blueprint, Response, render_template
from werkzeug.wrappers import Response as BaseResponse

from wxbot.oauth import openid_required
from wxbot.people import tie
from wxbot.people.phone_pages import form_mark, language, openid, own_form, runtime
from wxbot.text import Refusal, Text

blueprint = Blueprint("tie", __name__)
"""Registered under /h5."""

TITLE = Text("绑定员工的微信", "Tie a member of staff's WeChat")
GONE = Text(
    "链接已失效，请在后台刷新页面后重新扫码。", "This link has ended. Reload the console's page and scan again."
)
ASK = Text(
    "这是后台账号“{name}”（{login}）的绑定链接。是您本人的账号才点“绑定”；绑定后这个微信不能在抽奖活动中中奖。",
    "This link ties the console account “{name}” ({login}). Tap only if it is your own; a WeChat that is tied cannot win in draws.",
)
TIE = Text("绑定", "Tie")
COMPARE = Text(
    "请回到电脑上的后台页面，核对数字相同后点“确认绑定”。",
    "Go back to the console on the computer: if the digits are the same, confirm there.",
)


def _page(text: str, status: int = 200, *, digits: str = "", may_tie: bool = False) -> Response:
    spoken = language()
    page = render_template(
        "h5/tie.html",
        title=TITLE.within(spoken),
        text=text,
        digits=digits,
        button=TIE.within(spoken) if may_tie else "",
        mark=form_mark(),
    )
    response = Response(page, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/tie/<token>")
@openid_required
def page(token: str) -> BaseResponse:
    """Whose account this is, with the button."""
    with runtime().database.reading() as session:
        person = tie.opened(runtime(), session, token)
    if person is None:
        return _page(GONE.within(language()), 404)
    return _page(ASK.format(name=person.name, login=person.login).within(language()), may_tie=True)


@blueprint.post("/tie/<token>")
@openid_required
@own_form
def offer(token: str) -> BaseResponse:
    """Offer this phone's WeChat to the account; nothing is tied before the console confirms."""
    with runtime().database.reading() as session:
        person = tie.opened(runtime(), session, token)
    if person is None:
        return _page(GONE.within(language()), 404)
    try:
        digits = tie.offer(runtime(), person.id, openid())
    except Refusal as refused:
        return _page(refused.text.within(language()), 503)
    return _page(COMPARE.within(language()), digits=digits)
