"""DOOR of the pages people look at: phone, bank, clock, faults, log, hall, how a program is led here, WeChat's native screens."""

from __future__ import annotations

import html
import json
import mimetypes
import re
from http.cookies import SimpleCookie
from pathlib import Path
from weakref import WeakKeyDictionary

from wxbot.simulator import oauth
from wxbot.simulator.door import Door, Reply, Request, Route, View, html_reply, json_reply, redirect
from wxbot.simulator.world import World

HERE = Path(__file__).parent
STATIC = HERE / "static"

#: The page in the phone cannot change the browser's name, so this cookie says that it is the simulated WeChat's browser.
CLIENT_COOKIE = "wxsim_client"
CLIENT = "MicroMessenger/8.0.50"

#: Cookies of an application's phone pages. They are kept per person: in the simulator everyone has a phone of their own,
#: while a signed-in console in the next window stays as it is.
PHONE_COOKIE = re.compile(r"person|openid|visit|h5|phone", re.IGNORECASE)

JARS: WeakKeyDictionary[World, dict[str, dict[str, str]]] = WeakKeyDictionary()


def cookie(name: str, value: str, is_hidden: bool = True, max_age_s: int | None = None) -> tuple[str, str]:
    """A Set-Cookie header for the whole host, whatever the port."""
    age = "" if max_age_s is None else f"; Max-Age={max_age_s}"
    return "Set-Cookie", f"{name}={value}; Path=/; SameSite=Lax{'; HttpOnly' if is_hidden else ''}{age}"


def page(name: str) -> View:
    """A page from templates/, with the mark of the simulated browser."""

    def view(world: World, request: Request) -> Reply:
        if request.header("Host").split(":")[0] == "localhost" and "localhost" not in world.ground.http_url:
            return redirect(world.ground.http_url + request.path)  # cookies of the other pages belong to that host
        reply = html_reply((HERE / "templates" / name).read_text("utf-8"))
        reply.headers = [("Cache-Control", "no-cache")]
        if name in ("phone.html", "hongbao.html"):
            reply.headers.append(cookie(CLIENT_COOKIE, CLIENT, is_hidden=False))
        return reply

    return view


def static_file(world: World, request: Request) -> Reply:
    """A file of static/."""
    path = (STATIC / request.parts["path"]).resolve()
    if not path.is_relative_to(STATIC) or not path.is_file():
        return Reply(b"404 not found\n", "text/plain; charset=utf-8", 404)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    kind = "text/javascript" if path.suffix == ".js" else kind
    return Reply(path.read_bytes(), f"{kind}; charset=utf-8", headers=[("Cache-Control", "no-cache")])


def hold(world: World, request: Request) -> Reply:
    """The browser becomes this person's phone: {id}. Cookies of the application's phone pages change with it."""
    try:
        person = world.people.by_id(int(request.json()["id"]))
    except (ValueError, KeyError, TypeError):
        person = None
    if person is None:
        return json_reply({"error": "没有这个人 / no such person"}, 404)
    before, after = request.cookie("sim_person"), str(person.id)
    headers = [cookie("sim_person", after)]
    if before != after:
        jars = JARS.setdefault(world, {})
        sent = SimpleCookie(request.header("Cookie"))
        jars[before] = {name: morsel.coded_value for name, morsel in sent.items() if is_of_phone(name)}
        headers += [cookie(name, "", max_age_s=0) for name in jars[before]]
        headers += [cookie(name, value) for name, value in jars.get(after, {}).items()]
    reply = json_reply({"person": person.shown()})
    reply.headers = headers
    return reply


def is_of_phone(name: str) -> bool:
    """Does this cookie belong to an application's phone page?"""
    return name not in ("sim_person", CLIENT_COOKIE) and not name.startswith("__") and bool(PHONE_COOKIE.search(name))


def template_page(world: World, request: Request) -> Reply:
    """The platform's own loading page of a template lottery: it asks the phone around it to draw (§1.3)."""
    asked = {"wxsimTemplate": request.query.get("ticket", ""), "lotteryId": request.query.get("lottery_id", "")}
    text = json.dumps(asked).replace("<", "\\u003c")
    lottery = world.shake.lotteries.by_id.get(asked["lotteryId"])
    title = html.escape(lottery.title if lottery else "红包")
    return html_reply(
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{title}</title><body style="margin:0;height:100vh;display:grid;place-items:center;background:#d9503f;'
        f'color:#f4cf8f;font:22px sans-serif"><p>{title}</p><script>parent.postMessage({text}, location.origin)</script>'
    )


def who(world: World, request: Request) -> Reply:
    """Who holds the phone that this browser is."""
    person = oauth.holder(world, request)
    return json_reply({"person": person.shown() if person else None})


ROUTES: list[Route] = [
    ("GET", "/", page("index.html")),
    ("GET", "/phone", page("phone.html")),
    ("GET", "/bank", page("bank.html")),
    ("GET", "/clock", page("clock.html")),
    ("GET", "/faults", page("faults.html")),
    ("GET", "/log", page("log.html")),
    ("GET", "/hall", page("hall.html")),
    ("GET", "/redirect", page("redirect.html")),
    ("GET", "/native/hongbao", page("hongbao.html")),
    ("GET", "/native/template", template_page),
    ("GET", "/native/transfer", page("transfer.html")),
    ("GET", "/phone/who", who),
    ("POST", "/phone/hold", hold),
    ("GET", "/sim/static/<path:path>", static_file),
]

DOOR = Door("pages", ROUTES, is_logged=False)
