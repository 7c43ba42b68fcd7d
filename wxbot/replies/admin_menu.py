"""The console's page of the account's menu: a draft with a live picture, compared with WeChat's before it is published."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from redis.exceptions import RedisError
from werkzeug.wrappers import Response as BaseResponse

from wxbot.approval import content_hash
from wxbot.logs import get_logger
from wxbot.replies import menu
from wxbot.replies.answers import Book, RuleMatch, find, read_book
from wxbot.replies.dialogues.definitions import DIALOGUES
from wxbot.staff import audit
from wxbot.staff.console import (
    SMALL,
    actor,
    guard,
    log_action,
    me,
    now,
    number,
    role_required,
    runtime,
    said,
    tell,
    text,
)
from wxbot.text import Text
from wxbot.wechat.errors import NotSent, Refused, WeChatError
from wxbot.wechat.limits import MENU_BUTTONS_MAX, MENU_SUB_BUTTONS_MAX

blueprint = guard(Blueprint("menus", __name__))

log = get_logger(__name__)


class _Closed(Exception):
    """WeChat could not be asked; the sentence says what to do."""


def _draft() -> tuple[list[menu.Button], int, Any]:
    """(buttons, version, row) of the draft; no buttons and version 0 while there is none."""
    with runtime().database.reading() as session:
        row = menu.draft(session)
    return (list(row.buttons), row.version, row) if row else ([], 0, None)


def _keys(book: Book) -> list[str]:
    """What a tap may be made to say: the words that something answers."""
    own = [rule.pattern for rule in book.rules if rule.trigger == "equal"]
    return list(dict.fromkeys([each.keywords[0] for each in DIALOGUES.values()] + list(book.by_keyword) + own))


def _answered(book: Book, buttons: list[menu.Button]) -> dict[str, RuleMatch]:
    """What answers each tap of the menu, by place."""
    return {
        _name(place): find(book, entry["key"])
        for place, entry in menu.places(buttons)
        if entry.get("type") == "click" and entry.get("key")
    }


def _name(place: menu.MenuPlace) -> str:
    """A place as the form's fields name it: 0, 0-2."""
    return str(place[0]) if place[1] is None else f"{place[0]}-{place[1]}"


def _by_place(told: list[menu.EntryFault]) -> dict[str, list[str]]:
    """What is to be said beside each entry."""
    said_at: dict[str, list[str]] = {}
    for each in told:
        said_at.setdefault(_name(each.place), []).append(said(each.text))
    return said_at


def _page(buttons: list[menu.Button], version: int, row: Any, faults: list[menu.EntryFault], status: int = 200) -> Any:
    with runtime().database.reading() as session:
        book = read_book(session)
    entries = {_name(place): entry for place, entry in menu.places(buttons)}
    page = render_template(
        "console/menu.html",
        entries=entries,
        version=version,
        row=row,
        faults=_by_place(faults),
        cautions=_by_place(menu.cautions_of(buttons)),
        types=menu.TYPES,
        buttons=range(MENU_BUTTONS_MAX),
        under=range(MENU_SUB_BUTTONS_MAX),
        keys=_keys(book),
        answered=_answered(book, buttons),
    )
    return page, status


@blueprint.get("/menu")
@role_required("marketer")
def index() -> Any:
    """The draft, with what is wrong about it and what answers each tap."""
    buttons, version, row = _draft()
    return _page(buttons, version, row, menu.faults_of(buttons, runtime().settings.public_url))


@blueprint.post("/menu")
@role_required("marketer")
def save() -> Any:
    """Save the draft; one that WeChat would refuse is shown again with what to change."""
    buttons, version = menu.of_form(request.form), number("version", SMALL) or 0
    faults = menu.faults_of(buttons, runtime().settings.public_url)
    if faults:
        log_action("menu_save", "menu", "refused", faults=len(faults))
        return _page(buttons, version, _draft()[2], faults, 422)
    try:
        with runtime().database.transaction() as session:
            saved = menu.save(session, buttons, version, me().name, now())
            audit.record(session, actor(), "menu_save", f"menu:{saved}", now(), detail={"buttons": len(buttons)})
    except menu.Stale:
        log_action("menu_save", "menu", "refused", reason="stale")
        tell(gettext("其他人刚刚改过菜单。下面是您填写的内容，保存会覆盖对方的修改。"), "warning")
        return _page(buttons, _draft()[1], _draft()[2], [], 409)
    tell(gettext("菜单草稿已保存，用户还看不到。"))
    return redirect(url_for("menus.review" if text("then") == "review" else "menus.index"), 303)


def _refusal(error: Exception) -> str:
    """What to do about a call that did not work."""
    if isinstance(error, Refused):
        meaning = said(Text(error.row.zh, error.row.en))
        return str(gettext("微信拒绝了：%(code)s %(meaning)s", code=error.code, meaning=meaning))
    if isinstance(error, NotSent | RedisError):
        return str(gettext("现在连不上微信，什么也没有改变，请过一会儿再试。"))
    return str(gettext("微信没有给出明确答复，请过一会儿再看一次对比。"))


def _at_wechat() -> list[menu.Button]:
    """The menu WeChat has now; no transaction is open. Raises _Closed."""
    try:
        return menu.tidy(runtime().official_account.menu_get())
    except (WeChatError, RedisError) as error:
        log.warning("menu_not_read", reason=type(error).__name__)
        raise _Closed(_refusal(error)) from error


def _digest(buttons: list[menu.Button]) -> str:
    return content_hash(buttons)[:32]


@blueprint.get("/menu/review")
@role_required("marketer")
def review() -> Any:
    """The draft beside what WeChat shows now: the last look before it is published."""
    buttons, version, row = _draft()
    if row is None:
        tell(gettext("还没有菜单草稿：请先填写并保存，或载入微信上的菜单。"), "warning")
        return redirect(url_for("menus.index"), 303)
    try:
        there = _at_wechat()
    except _Closed as closed:
        return render_template("console/menu_review.html", closed=str(closed), row=row, version=version)
    changes = menu.diff(there, buttons)
    return render_template(
        "console/menu_review.html",
        closed="",
        row=row,
        version=version,
        changes=changes,
        seen=_digest(there),
        faults=menu.faults_of(buttons, runtime().settings.public_url),
        cautions=menu.cautions_of(buttons),
        is_same=all(change.kind == "same" for change in changes),
        is_empty=not buttons,
    )


@blueprint.post("/menu/publish")
@role_required("marketer")
def publish() -> BaseResponse:
    """Give the draft to WeChat, if it is still the one that was compared, with the menu that was compared."""
    buttons, version, _row = _draft()
    refused = ""
    if version == 0 or version != number("version", SMALL) or menu.faults_of(buttons, runtime().settings.public_url):
        refused = gettext("草稿在对比之后改过，请再看一次对比。")
    else:
        try:
            if _digest(_at_wechat()) != text("seen"):
                refused = gettext("微信上的菜单在对比之后改过，请再看一次对比。")
            else:
                refused = _send(buttons)
        except _Closed as closed:
            refused = str(closed)
    if refused:
        log_action("menu_publish", f"menu:{version}", "refused", reason=refused[:100])
        tell(refused, "danger")
        return redirect(url_for("menus.review"), 303)
    with runtime().database.transaction() as session:
        menu.note_published(session, version, me().name, now())
        audit.record(session, actor(), "menu_publish", f"menu:{version}", now(), detail={"buttons": len(buttons)})
    tell(gettext("菜单已发布。用户重新进入公众号后就能看到，最多约 5 分钟。"))
    return redirect(url_for("menus.index"), 303)


def _send(buttons: list[menu.Button]) -> str:
    """Replace WeChat's menu; empty when it did. A lost answer is settled by looking: replacing it twice does no harm."""
    account = runtime().official_account
    try:
        if buttons:
            account.menu_create(buttons)
        else:
            account.menu_delete()
    except (WeChatError, RedisError) as error:
        log.warning("menu_not_published", reason=type(error).__name__)
        if isinstance(error, Refused | NotSent | RedisError):
            return _refusal(error)
        return "" if _digest(_at_wechat()) == _digest(buttons) else _refusal(error)
    return ""


@blueprint.post("/menu/fetch")
@role_required("marketer")
def fetch() -> BaseResponse:
    """Make WeChat's menu of now the draft."""
    try:
        buttons = _at_wechat()
    except _Closed as closed:
        tell(str(closed), "danger")
        return redirect(url_for("menus.index"), 303)
    try:
        with runtime().database.transaction() as session:
            saved = menu.save(session, buttons, number("version", SMALL) or 0, me().name, now())
            menu.note_published(session, saved, me().name, now())
            audit.record(session, actor(), "menu_save", f"menu:{saved}", now(), detail={"from": "wechat"})
        tell(gettext("已载入微信上现在的菜单。"))
    except menu.Stale:
        tell(gettext("其他人刚刚改过菜单，请再试一次。"), "danger")
    return redirect(url_for("menus.index"), 303)
