"""The official-account API of api.weixin.qq.com, and showqrcode of mp.weixin.qq.com (wechat-protocol §5, §6)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from wxbot.simulator import messages, qrcodes
from wxbot.simulator.api import (
    Answer,
    Refused,
    json_get,
    json_post,
    ok,
    refusal,
    refuse,
    require_token,
    spend,
    wrong_method,
)
from wxbot.simulator.door import Door, Reply, Request, Route, json_reply, unlocked
from wxbot.simulator.media import MediaRefused
from wxbot.simulator.menus import MenuRefused
from wxbot.simulator.people import Person
from wxbot.simulator.world import World

FOLLOWERS_A_PAGE = 10_000

# -- tokens and tickets (§6) ----------------------------------------------------------------------------------------


def check_account(world: World, request: Request, grant: Any, appid: Any, secret: Any) -> None:
    """Refused: 40002, 41002, 40013, 41004, 40125 (or 40001), 40164 (§6.1)."""
    if grant != "client_credential":
        raise Refused(40002)
    if not appid:
        raise Refused(41002)
    if appid != world.account.appid:
        raise Refused(40013)
    if not secret:
        raise Refused(41004)
    if secret != world.account.appsecret:
        raise Refused(world.switches["wrong_secret_code"])
    if not world.accounts.is_ip_allowed(request.remote):
        raise Refused(40164, f"{request.remote} ipv6 ::ffff:{request.remote}")


def fetch_token(world: World, request: Request) -> Answer:
    """A new token; the old one works five minutes more (§6.1)."""
    query = request.query
    check_account(world, request, query.get("grant_type"), query.get("appid"), query.get("secret"))
    token, expires_in = world.accounts.fetch()
    return {"access_token": token, "expires_in": expires_in}


def fetch_stable_token(world: World, request: Request, body: Answer) -> Answer:
    """The same token while it lives, a new one when forced (§6.2)."""
    check_account(world, request, body.get("grant_type"), body.get("appid"), body.get("secret"))
    is_forced = body.get("force_refresh", False)
    if not isinstance(is_forced, bool):
        raise Refused(47001, "force_refresh must be true or false")
    fetched = world.accounts.fetch_stable(is_forced)
    if fetched is None:
        raise Refused(45009)
    return {"access_token": fetched[0], "expires_in": fetched[1]}


def fetch_ticket(world: World, request: Request) -> Answer:
    """The ticket of JS-SDK signatures (§6.3)."""
    kind = request.query.get("type", "")
    if kind not in ("jsapi", "wx_card"):
        raise Refused(40097)
    ticket, expires_in = world.accounts.fetch_ticket(kind)
    return ok(ticket=ticket, expires_in=expires_in)


def list_callback_ips(world: World, request: Request) -> Answer:
    """Where pushes come from: this machine (§5.4)."""
    return {"ip_list": ["127.0.0.1", "::1"]}


def clear_quota(world: World, request: Request, body: Answer) -> Answer:
    """Ten times a month (§6.5)."""
    if body.get("appid") != world.account.appid:
        raise Refused(40013)
    if not world.accounts.clear_quota():
        raise Refused(48006)
    return ok()


def clear_quota_by_secret(world: World, request: Request) -> Reply:
    """clear_quota/v2 works without a token (§6.5)."""
    query = request.query
    try:
        check_account(world, request, "client_credential", query.get("appid"), query.get("appsecret"))
        if not world.accounts.clear_quota():
            raise Refused(48006)
    except Refused as refused:
        return refusal(world, refused.errcode, refused.detail)
    return json_reply(ok())


def show_quota(world: World, request: Request, body: Answer) -> Answer:
    """openapi/quota/get (§6.5)."""
    path = body.get("cgi_path")
    limit = world.accounts.limits.get(path) if isinstance(path, str) else None
    if limit is None or not isinstance(path, str):
        raise Refused(40097)
    used = world.accounts.counts[path]
    return ok(quota={"daily_limit": limit, "used": used, "remain": max(0, limit - used)})


# -- users (§5.14) --------------------------------------------------------------------------------------------------


def user_fields(world: World, person: Person) -> Answer:
    """What user/info tells: little, since 2021-12-27; almost nothing about somebody who does not follow (§5.14)."""
    if not person.is_followed:
        return {"subscribe": 0, "openid": person.openid}
    is_number = person.qr_scene.isdigit()
    return {
        "subscribe": 1,
        "openid": person.openid,
        "language": "zh_CN",
        "subscribe_time": person.subscribe_time,
        **({"unionid": person.unionid} if world.switches["unionid_given"] else {}),
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": person.subscribe_scene,
        "qr_scene": int(person.qr_scene) if is_number else 0,
        "qr_scene_str": "" if is_number else person.qr_scene,
    }


def show_user(world: World, request: Request) -> Answer:
    """Refused: 41009, 40003."""
    openid = request.query.get("openid", "")
    if not openid:
        raise Refused(41009)
    person = world.people.by_openid(openid)
    if person is None:
        raise Refused(40003)
    return user_fields(world, person)


def show_users(world: World, request: Request, body: Answer) -> Answer:
    """user/info/batchget, at most 100. Refused: 40031, 40032, 40003."""
    asked = body.get("user_list")
    if not isinstance(asked, list) or not asked:
        raise Refused(40031)
    if len(asked) > 100:
        raise Refused(40032)
    found = []
    for each in asked:
        openid = each.get("openid") if isinstance(each, dict) else None
        person = world.people.by_openid(openid) if isinstance(openid, str) else None
        if person is None:
            raise Refused(40003)
        found.append(user_fields(world, person))
    return {"user_info_list": found}


def list_users(world: World, request: Request) -> Answer:
    """The followers, 10 000 at a time. Refused: 40003 for an unknown next_openid."""
    openids = world.people.followers()
    after = request.query.get("next_openid", "")
    start = 0
    if after:
        if after not in openids:
            raise Refused(40003)
        start = openids.index(after) + 1
    page = openids[start : start + FOLLOWERS_A_PAGE]
    listed: Answer = {"total": len(openids), "count": len(page)}
    if page:
        listed["data"] = {"openid": page}
    return {**listed, "next_openid": page[-1] if page else ""}


# -- messages (§5.8) ------------------------------------------------------------------------------------------------


def send_message(world: World, request: Request, body: Answer) -> Answer:
    try:
        messages.send(world.people, world.media, body)
    except messages.MessageRefused as refused:
        raise Refused(refused.errcode) from None
    return ok()


def send_typing(world: World, request: Request, body: Answer) -> Answer:
    try:
        messages.type_mark(world.people, body)
    except messages.MessageRefused as refused:
        raise Refused(refused.errcode) from None
    return ok()


# -- menu (§5.11) ---------------------------------------------------------------------------------------------------


def create_menu(world: World, request: Request, body: Answer) -> Answer:
    try:
        world.menu.create(body)
    except MenuRefused as refused:
        raise Refused(refused.errcode) from None
    return ok()


def show_menu(world: World, request: Request) -> Answer:
    """Refused: 46003 when there is none."""
    if world.menu.button is None:
        raise Refused(46003)
    return {"menu": {"button": world.menu.button}}


def delete_menu(world: World, request: Request) -> Answer:
    world.menu.delete()
    return ok()


# -- media and codes (§5.12, §5.13) ---------------------------------------------------------------------------------


def upload_media(world: World, request: Request) -> Reply:
    """multipart field `media`; a thumb answers thumb_media_id. Refused: 41005 and the codes of MediaStore.upload."""
    try:
        require_token(world, request)
        spend(world, request)
        upload = request.uploads().get("media")
        if upload is None:
            raise Refused(41005)
        media = world.media.upload(request.query.get("type", ""), upload.filename, upload.content)
    except (Refused, MediaRefused) as refused:
        return refusal(world, refused.errcode)
    name = "thumb_media_id" if media.type == "thumb" else "media_id"
    return json_reply({"type": media.type, name: media.media_id, "created_at": media.created_at})


def show_media(world: World, request: Request) -> Answer | Reply:
    """The file, or an address for a video. Refused: 41006, 40007."""
    media_id = request.query.get("media_id", "")
    if not media_id:
        raise Refused(41006)
    media = world.media.find(media_id)
    if media is None:
        raise Refused(40007)
    if media.type == "video":
        return {"video_url": f"{world.http_url}/_sim/media/{quote(media_id)}"}
    headers = [("Content-disposition", f'attachment; filename="{media_id}.{media.filename.rsplit(".", 1)[-1]}"')]
    return Reply(media.content, media.content_type, headers=headers)


def create_qrcode(world: World, request: Request, body: Answer) -> Answer:
    try:
        code = world.qrcodes.create(body)
    except qrcodes.QrRefused as refused:
        raise Refused(refused.errcode) from None
    life = {"expire_seconds": code.expire_seconds} if code.expire_seconds else {}
    return {"ticket": code.ticket, **life, "url": code.url}


@unlocked
def show_qrcode(world: World, request: Request) -> Reply:
    """The picture of a code; HTTP 404 for a bad ticket (§5.12)."""
    with world.lock:
        code = world.qrcodes.find(ticket=request.query.get("ticket", ""))
    if code is None:
        return Reply(b"", "text/html", 404)
    return Reply(qrcodes.picture(code.url), "image/jpg")


ROUTES: list[Route] = [
    ("GET", "/cgi-bin/token", json_get(fetch_token, needs_token=False)),
    ("POST", "/cgi-bin/stable_token", json_post(fetch_stable_token, needs_token=False)),
    ("GET", "/cgi-bin/ticket/getticket", json_get(fetch_ticket)),
    ("GET", "/cgi-bin/getcallbackip", json_get(list_callback_ips)),
    ("GET", "/cgi-bin/get_api_domain_ip", json_get(list_callback_ips)),
    ("POST", "/cgi-bin/clear_quota", json_post(clear_quota)),
    ("POST", "/cgi-bin/clear_quota/v2", clear_quota_by_secret),
    ("POST", "/cgi-bin/openapi/quota/get", json_post(show_quota)),
    ("GET", "/cgi-bin/user/info", json_get(show_user)),
    ("POST", "/cgi-bin/user/info/batchget", json_post(show_users)),
    ("GET", "/cgi-bin/user/get", json_get(list_users)),
    ("POST", "/cgi-bin/message/custom/send", json_post(send_message)),
    ("POST", "/cgi-bin/message/custom/typing", json_post(send_typing)),
    ("POST", "/cgi-bin/menu/create", json_post(create_menu)),
    ("GET", "/cgi-bin/menu/get", json_get(show_menu)),
    ("GET", "/cgi-bin/menu/delete", json_get(delete_menu)),
    ("POST", "/cgi-bin/media/upload", upload_media),
    ("GET", "/cgi-bin/media/get", json_get(show_media)),
    ("POST", "/cgi-bin/qrcode/create", json_post(create_qrcode)),
    ("GET", "/cgi-bin/showqrcode", show_qrcode),
]

DOOR = Door("mp", ROUTES, refuse=refuse, wrong_method=wrong_method)
