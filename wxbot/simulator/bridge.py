"""DOOR of the scripts a page loads and of the client behind them: JS-SDK checks and native pages (wechat-protocol §1.7, §9)."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wxbot.simulator import in_hand, oauth, wire
from wxbot.simulator.door import Door, Reply, Request, Route, View, json_reply
from wxbot.simulator.hosts import WECHAT_DOMAINS
from wxbot.simulator.shares import SETTING
from wxbot.simulator.world import World

STATIC = Path(__file__).parent / "static"
SCRIPT_TYPE = "application/javascript; charset=utf-8"


@cache
def script(*names: str) -> bytes:
    """Some of our scripts as one."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in names).encode()


def serve_script(*names: str) -> View:
    """A script that a page of any origin may load. It knows how the phone answers when a page asks for motion."""

    def view(world: World, request: Request) -> Reply:
        headers = [("Cache-Control", "no-cache"), ("Cross-Origin-Resource-Policy", "cross-origin")]
        motion = json.dumps({"wxsimMotion": world.switches["motion_permission"]})
        start = f"Object.assign(window, {motion});\n".encode()
        return Reply(start + script(*names), SCRIPT_TYPE, headers=headers)

    return view


def is_secure_domain(host: str, domains: list[str]) -> bool:
    """Is this host a JS secure domain? A parent covers its subdomains; with a port only exactly (§7.5)."""
    name = host.rsplit(":", 1)[0] if re.search(r":\d+$", host) else host
    return any(host == domain or (":" not in host and name.endswith("." + domain)) for domain in domains)


def verify_jsapi(world: World, args: dict[str, Any], url: str) -> str:
    """What preVerifyJSAPI answers: ok, fail, fail_invalid url domain, fail_invalid signature (§9.3)."""
    wanted = ("verifyAppId", "verifyTimestamp", "verifyNonceStr", "verifySignature")
    appid, timestamp, noncestr, signature = (str(args.get(name) or "") for name in wanted)
    if not (appid and noncestr and signature and re.fullmatch(r"\d{1,12}", timestamp)):
        return "fail"
    if appid != world.account.appid or not is_secure_domain(urlsplit(url).netloc, world.account.js_domains):
        return "fail_invalid url domain"
    page = url.split("#")[0]
    for jsapi_ticket in world.accounts.living_tickets("jsapi"):
        if wire.jsapi_sign(jsapi_ticket, noncestr, timestamp, page) == signature:
            return "ok"
    return "fail_invalid signature"


def contact_status(world: World, request: Request) -> dict[str, Any]:
    """checkAddContactStatus: 1 when whoever holds the phone follows (§2.10)."""
    person = oauth.holder(world, request)
    return {"err_code": 0, "err_msg": "ok", "data": int(bool(person and person.is_followed))}


def answer(world: World, request: Request, name: str, args: dict[str, Any], url: str) -> dict[str, Any]:
    """The client's answer to one WeixinJSBridge.invoke that the server side has to know about."""
    person = oauth.holder(world, request)
    if name == "preVerifyJSAPI":
        if person:
            world.shares.open(person.id, url.split("#")[0])  # the first thing that a loaded page with a config says
        return {"err_msg": f"preVerifyJSAPI:{verify_jsapi(world, args, url)}"}
    if name == "checkAddContactStatus":
        return contact_status(world, request)
    if name in in_hand.ANSWERS:
        return in_hand.ANSWERS[name](world, person.in_hand if person else {}, args, request.header("User-Agent"))
    if name in SETTING:
        if not is_secure_domain(urlsplit(str(args.get("link", ""))).netloc, world.account.js_domains):
            return {"err_msg": f"{name}:fail_invalid url domain"}  # §9.4: the link's host must be a secure domain
        if person:
            world.shares.put(person.id, url.split("#")[0], SETTING[name], args)
    return {"err_msg": f"{name}:ok"}


def invoke(world: World, request: Request) -> Reply:
    """One invoke that the phone passes on: {args, url} (§9.3)."""
    try:
        sent = request.json()
        args = dict(sent.get("args") or {})
    except (ValueError, TypeError):
        return json_reply({"err_msg": f"{request.parts['name']}:fail"}, 400)
    return json_reply(answer(world, request, request.parts["name"], args, str(sent.get("url", ""))))


def invoke_by_script(world: World, request: Request) -> Reply:
    """The same for a page on its own, as a script that calls back; the address must be the page that loads it."""
    back, url = request.query.get("back", ""), request.query.get("url", "")
    referer = urlsplit(request.header("Referer"))
    if not re.fullmatch(r"__wxsim_back_\d{1,9}", back):
        return Reply(b"", "application/javascript", 400)
    try:
        args = json.loads(request.query.get("args", "{}"))
        result = answer(world, request, request.parts["name"], dict(args), url)
    except (ValueError, TypeError):
        result = {"err_msg": f"{request.parts['name']}:fail"}
    if referer.netloc and referer.netloc != urlsplit(url).netloc:
        result = {"err_msg": f"{request.parts['name']}:fail_invalid url domain"}
    text = json.dumps(result, ensure_ascii=False).replace("<", "\\u003c")
    return Reply(f"{back}({text});".encode(), SCRIPT_TYPE)


def jweixin(world: World, request: Request) -> Reply:
    """The JS-SDK at every address that a page may know it by: jweixin-1.x.y.js."""
    if not re.fullmatch(r"jweixin-1\.\d+\.\d+\.js", request.parts["file"]):
        return Reply(b"404 not found\n", "text/plain; charset=utf-8", 404)
    return serve_script("bridge_client.js", "jweixin.js")(world, request)


def redirecting_script(world: World, request: Request) -> Reply:
    """`node --require` this file: WeChat's hosts are here."""
    http, https = urlsplit(world.http_url), urlsplit(world.https_url)
    place = {"host": http.hostname, "http": http.port, "https": https.port, "domains": WECHAT_DOMAINS}
    return Reply(f"const SIMULATOR = {json.dumps(place)};\n".encode() + script("redirect.js"), SCRIPT_TYPE)


def certificate_authority(world: World, request: Request) -> Reply:
    """The certificate that a program must trust to call the HTTPS port by WeChat's names."""
    headers = [("Content-Disposition", 'attachment; filename="ca.pem"')]
    return Reply(world.certificate_paths["ca"].read_bytes(), "application/x-pem-file", headers=headers)


ROUTES: list[Route] = [
    ("GET", "/open/js/<file>", jweixin),
    ("GET", "/_sim/bridge.js", serve_script("bridge_only.js", "bridge_client.js")),
    ("GET", "/_sim/redirect.js", redirecting_script),
    ("GET", "/_sim/ca.pem", certificate_authority),
    ("GET", "/app/shakehb/BeaconShakehbJsBridge.js", serve_script("bridge_client.js", "shakehb.js")),
    ("GET", "/nearbycgi/addcontact/BeaconAddContactJsBridge.js", serve_script("bridge_client.js", "addcontact.js")),
    ("GET", "/_sim/bridge/<name>.js", invoke_by_script),
    ("POST", "/_sim/bridge/<name>", invoke),
]

DOOR = Door("open.weixin.qq.com/js", ROUTES, is_logged=True, is_cross_origin=True)
