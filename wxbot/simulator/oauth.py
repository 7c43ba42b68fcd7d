"""Web OAuth: the authorize page of open.weixin.qq.com and the sns calls of api.weixin.qq.com (wechat-protocol §7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from wxbot.simulator import api
from wxbot.simulator.api import Answer, Refused, json_get, ok
from wxbot.simulator.door import Door, Reply, Request, Route, html_reply, redirect
from wxbot.simulator.grants import GrantRefused
from wxbot.simulator.oauth_pages import consent_page, refusal_page, way_back_page
from wxbot.simulator.people import Person
from wxbot.simulator.world import World

#: The one shape the page takes: these parameters in this order (§7.1). What the documents do not have but every SDK sends
#: and WeChat takes, connect_redirect and - and _ in a state, passes here too; only the lint minds.
LINK = re.compile(
    r"appid=(?P<appid>[^&]*)&redirect_uri=(?P<redirect_uri>[^&]*)&response_type=code"
    r"&scope=(?P<scope>snsapi_base|snsapi_userinfo)(?:&state=(?P<state>[a-zA-Z0-9_-]*))?"
    r"(?:&connect_redirect=(?P<connect>1))?(?:&forcePopup=(?P<popup>true|false))?(?:&forceSnapShot=(?P<snapshot>true|false))?"
)
STATE_BYTES = 128
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True)
class Link:
    """An authorize link that is well formed and allowed."""

    redirect_uri: str
    scope: str
    state: str | None
    is_popup_forced: bool
    is_snapshot_forced: bool

    def back(self, code: str | None) -> str:
        """redirect_uri with code and state appended, its own query kept, before its fragment (§7.1)."""
        address, mark, fragment = self.redirect_uri.partition("#")
        more = [f"code={code}"] if code else []
        if self.state is not None:
            more.append(f"state={self.state}")
        return address + ("&" if "?" in address else "?") + "&".join(more) + mark + fragment


class LinkRefused(Exception):
    """The link does not open."""

    def __init__(self, title: str, reason: str, code: str = "", hint: str = "") -> None:
        super().__init__(hint or reason)
        self.title, self.reason, self.code, self.hint = title, reason, code, hint

    def reply(self) -> Reply:
        return html_reply(refusal_page(self.title, self.reason, self.code, self.hint))


def holder(world: World, request: Request) -> Person | None:
    """Who holds the phone this request comes from (cookie `sim_person`)."""
    return world.people.by_id(request.cookie("sim_person"))


def host_of(url: str) -> str:
    """The host as the console's domain list has it: lower case, the usual port left out. Empty for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in DEFAULT_PORTS or "@" in parts.netloc or "\\" in url:
        return ""
    return parts.netloc.lower().removesuffix(DEFAULT_PORTS[parts.scheme])


def read_link(world: World, query: str) -> Link:
    """Checks an authorize link's query. Raises LinkRefused: wrong shape or order, wrong appid, foreign host 10003."""
    match = LINK.fullmatch(query)
    if match is None or len((match["state"] or "").encode()) > STATE_BYTES:
        hint = "appid, redirect_uri, response_type=code, scope, state: exactly these, in this order (§7.1)"
        raise LinkRefused("该链接无法访问", "请确认链接是否正确", hint=hint)
    if match["appid"] != world.account.appid:
        raise LinkRefused("微信登录失败", "appid 参数错误", "10013", "the appid is not this account's")
    if world.account.kind != "service":
        hint = f"the account is a {world.account.kind}; signing in is for verified service accounts (§7.1)"
        raise LinkRefused("微信登录失败", "该公众号没有这个scope权限", "10005", hint)
    redirect_uri = unquote(match["redirect_uri"])
    host = host_of(redirect_uri)
    if not host or host not in (domain.lower() for domain in world.account.oauth_domains):
        hint = f"{host or redirect_uri!r} is none of the callback domains {world.account.oauth_domains}"
        raise LinkRefused("微信登录失败", "redirect_uri域名与后台配置不一致", "10003", hint)
    return Link(redirect_uri, match["scope"], match["state"], match["popup"] == "true", match["snapshot"] == "true")


def lint(world: World, url: str) -> list[str]:
    """Everything wrong with a whole authorize address, its fragment too, as sentences (§7.1)."""
    address, _, fragment = url.partition("#")
    faults = []
    parts = urlsplit(address)
    if parts.path != "/connect/oauth2/authorize":
        faults.append("the path must be /connect/oauth2/authorize")
    try:
        link = read_link(world, parts.query)
        if re.search(r"[_-]", link.state or ""):
            faults.append("the state holds - or _: the documents allow a-z, A-Z and 0-9 only, though WeChat takes it")
        if "&connect_redirect=" in parts.query:
            faults.append("connect_redirect is in no document, though WeChat takes it")
        if not link.state:
            faults.append("there is no state: nothing ties the answer to this browser")
    except LinkRefused as refused:
        faults.append(str(refused))
    if "://" in parts.query:
        faults.append("redirect_uri must be URL-encoded")
    if fragment != "wechat_redirect":
        faults.append("the address must end with #wechat_redirect")
    return faults


# -- the pages ------------------------------------------------------------------------------------------------------


def show_authorize(world: World, request: Request) -> Reply:
    """Silent for snsapi_base, a question for snsapi_userinfo, an error page for everything else (§7.1)."""
    person = holder(world, request)
    if person is None:
        hint = "open it on a phone of the simulator: the cookie sim_person says whose (POST /_sim/people/<id>/session)"
        return html_reply(refusal_page("请在微信客户端打开链接", "", hint=hint))
    try:
        link = read_link(world, request.query_string)
    except LinkRefused as refused:
        return refused.reply()
    is_silent = link.scope == "snsapi_base" or person.is_snapshot or link.is_snapshot_forced
    if person.is_followed and world.switches["userinfo_silent_for_followers"]:
        is_silent = True
    if is_silent and not (link.is_popup_forced and link.scope == "snsapi_userinfo"):
        return lead_back(world, request, link, world.grants.issue_code(person, link.scope, link.is_snapshot_forced))
    question = consent_page(
        world.account.name, person.nickname, person.avatar, "/connect/oauth2/confirm", {"link": request.query_string}
    )
    return html_reply(question)


def confirm(world: World, request: Request) -> Reply:
    """The answer to the question. A refusal comes back with the state only, or closes the page (a switch, §7.1)."""
    person, form = holder(world, request), request.form()
    if person is None:
        return html_reply(refusal_page("请在微信客户端打开链接", ""))
    try:
        link = read_link(world, form.get("link", ""))
    except LinkRefused as refused:
        return refused.reply()
    if form.get("answer") == "allow":
        return redirect(link.back(world.grants.issue_code(person, link.scope)))
    if world.switches["refusal_comes_back"]:
        return redirect(link.back(None))
    return html_reply(refusal_page("已取消授权", "页面已关闭"))


def lead_back(world: World, request: Request, link: Link, code: str) -> Reply:
    """A 302; a browser's page gets a script instead where the fragment is to be checked or the callback doubled."""
    is_browser = request.header("Sec-Fetch-Dest") in ("document", "iframe")
    is_checked, is_twice = world.switches["fragment_checked"], world.switches["callback_opened_twice"]
    if is_browser and (is_checked or is_twice):
        return html_reply(way_back_page(link.back(code), is_checked, is_twice))
    return redirect(link.back(code))


def refuse_page(world: World, request: Request, err_code: str) -> Reply:
    return html_reply(refusal_page("微信登录失败", "系统错误", err_code))


# -- sns calls ------------------------------------------------------------------------------------------------------


def check_appid(world: World, request: Request) -> None:
    appid = request.query.get("appid", "")
    if not appid:
        raise Refused(41002)
    if appid != world.account.appid:
        raise Refused(40013)


def exchange_code(world: World, request: Request) -> Answer:
    """sns/oauth2/access_token. Refused: 41002, 40013, 41004, 40125, 40002, 41008, 40029, 40163, 42003 (§7.2)."""
    query = request.query
    check_appid(world, request)
    if not query.get("secret"):
        raise Refused(41004)
    if query["secret"] != world.account.appsecret:
        raise Refused(world.switches["wrong_secret_code"])
    if query.get("grant_type") != "authorization_code":
        raise Refused(40002)
    if not query.get("code"):
        raise Refused(41008)
    try:
        grant, answer = world.grants.exchange(query["code"])
    except GrantRefused as refused:
        raise Refused(refused.errcode) from None
    if grant.is_snapshot and not world.switches["snapshot_flag_missing"]:
        answer["is_snapshotuser"] = 1
    person = world.people.by_id(grant.person_id)
    if grant.scope == "snsapi_userinfo" and person is not None and world.switches["unionid_given"]:
        answer["unionid"] = ("uVIRTUAL" + person.unionid[8:]) if grant.is_snapshot else person.unionid
    return answer


def refresh_token(world: World, request: Request) -> Answer:
    """Refused: 41002, 40013, 40002, 41003, 40030, 42002 (§7.3)."""
    check_appid(world, request)
    if request.query.get("grant_type") != "refresh_token":
        raise Refused(40002)
    if not request.query.get("refresh_token"):
        raise Refused(41003)
    try:
        return world.grants.refresh(request.query["refresh_token"])
    except GrantRefused as refused:
        raise Refused(refused.errcode) from None


def show_userinfo(world: World, request: Request) -> Answer:
    """Nickname and picture, with scope snsapi_userinfo only. Refused: 40001, 42001, 40003, 48001 (§7.3)."""
    query = request.query
    try:
        grant = world.grants.check(query.get("access_token", ""), query.get("openid", ""))
    except GrantRefused as refused:
        raise Refused(refused.errcode) from None
    person = world.people.by_id(grant.person_id)
    if grant.scope != "snsapi_userinfo" or person is None:
        raise Refused(48001)
    if grant.is_snapshot and world.switches["snapshot_userinfo_refused"]:
        raise Refused(48001)
    picture = f"{world.http_url}/mmopen/{0 if grant.is_snapshot else person.id}/132"
    blank = {"sex": 0, "language": "", "city": "", "province": "", "country": ""}
    nickname = "微信用户" if grant.is_snapshot else person.nickname
    unionid = {"unionid": person.unionid} if world.switches["unionid_given"] and not grant.is_snapshot else {}
    return {"openid": grant.openid, "nickname": nickname, **blank, "headimgurl": picture, "privilege": [], **unionid}


def check_auth(world: World, request: Request) -> Answer:
    """sns/auth (§7.3)."""
    try:
        world.grants.check(request.query.get("access_token", ""), request.query.get("openid", ""))
    except GrantRefused as refused:
        raise Refused(refused.errcode) from None
    return ok()


ROUTES: list[Route] = [
    ("GET", "/connect/oauth2/authorize", show_authorize),
    ("POST", "/connect/oauth2/confirm", confirm),
]
SNS_ROUTES: list[Route] = [
    ("GET", "/sns/oauth2/access_token", json_get(exchange_code, needs_token=False)),
    ("GET", "/sns/oauth2/refresh_token", json_get(refresh_token, needs_token=False)),
    ("GET", "/sns/userinfo", json_get(show_userinfo, needs_token=False)),
    ("GET", "/sns/auth", json_get(check_auth, needs_token=False)),
]

DOOR = Door("oauth", ROUTES, refuse=refuse_page)
SNS_DOOR = Door("sns", SNS_ROUTES, refuse=api.refuse, wrong_method=api.wrong_method)
