"""DOOR api.weixin.qq.com/shakearound: devices, pages, relations, material, getshakeinfo and lotteries (wechat-protocol §1, §2)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from wxbot.simulator import api
from wxbot.simulator.beacons import ROWS_PER_QUERY, Device, Page, wide
from wxbot.simulator.door import Door, Reply, Request, Route, View, json_reply
from wxbot.simulator.shake_texts import SHAKE_TEXTS, ShakeRefusal
from wxbot.simulator.world import World

Answer = dict[str, Any]
Rule = Callable[[World, Request, Answer], Answer]

BASE = "/shakearound"
ICON_LIMIT_PX = 200  # §2.4
MEDIA_LIMIT_BYTES = 2 * 1024 * 1024  # §2.4
MISSING = object()


def refusal(errcode: int, text: str, has_data: bool, lists: Answer | None = None) -> Reply:
    """{"data":{},"errcode","errmsg"} for the base calls, without data for lottery calls (§2)."""
    return json_reply(({"data": {}} if has_data else {}) | {"errcode": errcode, "errmsg": text} | (lists or {}))


def refuse(world: World, request: Request, err_code: str) -> Reply:
    """The refusal of a named fault."""
    if err_code.removeprefix("-").isdigit() and int(err_code) in SHAKE_TEXTS:
        return refusal(int(err_code), SHAKE_TEXTS[int(err_code)], "/lottery/" not in request.path)
    return api.refuse(world, request, err_code)


def shake_call(rule: Rule, *, has_data: bool = True, has_body: bool = True) -> View:
    """A view of one call: token, quota, strict JSON (9001001 when it is none), then the rule and its envelope (§2)."""

    def view(world: World, request: Request) -> Reply:
        try:
            api.require_token(world, request)
            api.spend(world, request)
            body = read_body(world, request) if has_body else {}
            found = rule(world, request, body)
        except api.Refused as refused:
            return api.refusal(world, refused.errcode, refused.detail, refused.more)
        except ShakeRefusal as refused:
            return refusal(refused.errcode, refused.text, has_data, refused.lists)
        if has_data:
            return json_reply({"data": found, "errcode": 0, "errmsg": SHAKE_TEXTS[0]})
        return json_reply({"errcode": 0, "errmsg": "", **found})

    view.__doc__ = rule.__doc__
    return view


def read_body(world: World, request: Request) -> Answer:
    """The JSON body; escapes stay 40033, anything else unreadable is 9001001 (§2.11)."""
    try:
        return api.strict_json(world, request.body)
    except api.Refused as refused:
        if refused.errcode == 40033:
            raise
        raise ShakeRefusal(9001001) from refused


def whole(body: Answer, name: str, errcode: int = 9001001, default: Any = MISSING) -> int:
    """An integer field (no quoted number, no boolean). Raises ShakeRefusal."""
    value = body.get(name, default)
    if value is MISSING or isinstance(value, bool) or not isinstance(value, int):
        raise ShakeRefusal(errcode)
    return value


def words(body: Answer, name: str, errcode: int = 9001001, default: Any = MISSING) -> str:
    """A text field. Raises ShakeRefusal."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise ShakeRefusal(errcode)
    return value


def listed(body: Answer, name: str, errcode: int = 9001001) -> list[Any]:
    """A list field. Raises ShakeRefusal."""
    value = body.get(name)
    if not isinstance(value, list):
        raise ShakeRefusal(errcode)
    return value


def span(body: Answer, first: str) -> tuple[int, int]:
    """Begin and count of a paged query: count 1..50 (§2.2)."""
    begin, count = whole(body, first, 9001036), whole(body, "count", 9001036)
    if begin < 0 or not 0 < count <= ROWS_PER_QUERY:
        raise ShakeRefusal(9001036)
    return begin, count


# -- devices ------------------------------------------------------------------------------------------------------------


def device_applyid(world: World, request: Request, body: Answer) -> Answer:
    """Apply for beacon ids; up to 500 are granted at once (§2.2)."""
    reason, comment = words(body, "apply_reason", 9001035), words(body, "comment", 9001035, "")
    if wide(reason) > 100 or wide(comment) > 15:
        raise ShakeRefusal(9001034 if wide(comment) > 15 else 9001035)
    quantity, poi_id = whole(body, "quantity", 9001022), whole(body, "poi_id", 9001033, 0)
    found = world.shake.beacons.apply(quantity, comment, poi_id, world.clock.now())
    return {name: found[name] for name in ("apply_id", "audit_status", "audit_comment")}


def device_applystatus(world: World, request: Request, body: Answer) -> Answer:
    """The state of an application (§2.2)."""
    found = world.shake.beacons.applications.get(whole(body, "apply_id", 9001047))
    if found is None:
        raise ShakeRefusal(9001047)
    return {name: found[name] for name in ("apply_time", "audit_comment", "audit_status", "audit_time")}


def device_update(world: World, request: Request, body: Answer) -> Answer:
    """Change a device's comment, at most 15 Chinese characters (§2.2)."""
    device = world.shake.beacons.device(body.get("device_identifier"))
    comment = words(body, "comment", 9001034)
    if wide(comment) > 15:
        raise ShakeRefusal(9001034)
    device.comment = comment
    return {}


def device_bindlocation(world: World, request: Request, body: Answer) -> Answer:
    """Tie a device to a store; 0 clears; type 2 names another account's store (§2.2)."""
    device = world.shake.beacons.device(body.get("device_identifier"))
    poi_id, kind = whole(body, "poi_id", 9001033), whole(body, "type", 9001033, 1)
    if poi_id < 0 or kind not in (1, 2):
        raise ShakeRefusal(9001033)
    device.poi_appid = words(body, "poi_appid", 9001033) if kind == 2 else ""
    device.poi_id = poi_id
    return {}


def device_row(device: Device) -> Answer:
    """One device as /device/search shows it (§2.2)."""
    active_day = int(device.last_active_at - (device.last_active_at + 8 * 3600) % 86400) if device.last_active_at else 0
    row: Answer = {
        "comment": device.comment,
        "device_id": device.device_id,
        "major": device.major,
        "minor": device.minor,
    }
    row |= {"status": 1 if device.last_active_at else 0, "last_active_time": active_day}
    row |= {"poi_id": device.poi_id, "uuid": device.uuid}
    return row | ({"poi_appid": device.poi_appid} if device.poi_appid else {})


def device_search(world: World, request: Request, body: Answer) -> Answer:
    """Devices by identifiers, in order of id, or of one application (§2.2)."""
    beacons, kind = world.shake.beacons, whole(body, "type")
    if kind == 1:
        identifiers = listed(body, "device_identifiers", 9001025)
        if len(identifiers) > ROWS_PER_QUERY:
            raise ShakeRefusal(9001024)
        devices = [beacons.device(one) for one in identifiers]
        return {"devices": [device_row(device) for device in devices], "total_count": len(devices)}
    if kind not in (2, 3):
        raise ShakeRefusal(9001001)
    last_seen, count = span(body, "last_seen")
    devices = list(beacons.devices.values())
    if kind == 3:
        apply_id = whole(body, "apply_id", 9001047)
        devices = [device for device in devices if device.apply_id == apply_id]
    after = [device for device in devices if device.device_id > last_seen][:count]
    return {"devices": [device_row(device) for device in after], "total_count": len(devices)}


def device_bindpage(world: World, request: Request, body: Answer) -> Answer:
    """Replace the pages of a device; an empty list clears them; 30 at most (§2.2)."""
    device = world.shake.beacons.device(body.get("device_identifier"))
    page_ids = listed(body, "page_ids", 9001032)
    if any(isinstance(page_id, bool) or not isinstance(page_id, int) for page_id in page_ids):
        raise ShakeRefusal(9001032)
    world.shake.beacons.bind_pages(device, page_ids)
    return {}


# -- pages, relations, material -------------------------------------------------------------------------------------------


def page_fields(body: Answer) -> dict[str, str]:
    fields = {name: words(body, name, 9001027) for name in ("title", "description", "page_url", "icon_url")}
    return fields | {"comment": words(body, "comment", 9001027, "")}


def page_add(world: World, request: Request, body: Answer) -> Answer:
    """Add a page (§2.3)."""
    return {"page_id": world.shake.beacons.add_page(page_fields(body)).page_id}


def page_update(world: World, request: Request, body: Answer) -> Answer:
    """Change a page (§2.3)."""
    page = world.shake.beacons.pages.get(whole(body, "page_id", 9001026))
    if page is None:
        raise ShakeRefusal(9001026)
    fields = page_fields(body)
    world.shake.beacons.check_page(fields)
    for name, value in fields.items():
        setattr(page, name, value)
    return {}


def page_row(page: Page) -> Answer:
    """One page as /page/search shows it (§2.3)."""
    names = ("comment", "description", "icon_url", "page_id", "page_url", "title")
    return {name: getattr(page, name) for name in names}


def page_search(world: World, request: Request, body: Answer) -> Answer:
    """Pages by ids or in order (§2.3)."""
    pages, kind = world.shake.beacons.pages, whole(body, "type")
    if kind == 1:
        page_ids = listed(body, "page_ids", 9001026)
        if len(page_ids) > ROWS_PER_QUERY:
            raise ShakeRefusal(9001030)
        if any(isinstance(page_id, list | dict) or page_id not in pages for page_id in page_ids):
            raise ShakeRefusal(9001026)
        return {"pages": [page_row(pages[page_id]) for page_id in page_ids], "total_count": len(page_ids)}
    if kind != 2:
        raise ShakeRefusal(9001001)
    begin, count = span(body, "begin")
    shown = list(pages.values())[begin : begin + count]
    return {"pages": [page_row(page) for page in shown], "total_count": len(pages)}


def page_delete(world: World, request: Request, body: Answer) -> Answer:
    """Delete a page that no device uses (§2.3, 9001029)."""
    world.shake.beacons.delete_page(whole(body, "page_id", 9001026))
    return {}


def relation_search(world: World, request: Request, body: Answer) -> Answer:
    """Which pages a device has, or which devices a page has (§2.5)."""
    beacons, kind = world.shake.beacons, whole(body, "type")
    if kind == 1:
        rows = beacons.relations(beacons.device(body.get("device_identifier")), None)
        return {"relations": rows, "total_count": len(rows)}
    if kind != 2:
        raise ShakeRefusal(9001001)
    begin, count = span(body, "begin")
    rows = beacons.relations(None, whole(body, "page_id", 9001026))
    return {"relations": rows[begin : begin + count], "total_count": len(rows)}


def picture_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF or JPEG; None when it is none of them."""
    if content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) >= 24:
        return struct.unpack(">II", content[16:24])
    if content[:6] in (b"GIF87a", b"GIF89a") and len(content) >= 10:
        return struct.unpack("<HH", content[6:10])
    if content[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return None


def material_add(world: World, request: Request, _body: Answer) -> Answer:
    """Upload an icon (square, at most 200×200) or a licence picture (§2.4)."""
    kind = request.query.get("type", "icon")
    upload = request.uploads().get("media")
    if upload is None:
        raise ShakeRefusal(9001007)
    size = picture_size(upload.content)
    if kind not in ("icon", "license") or size is None:
        raise ShakeRefusal(9001008)
    if len(upload.content) > MEDIA_LIMIT_BYTES:
        raise ShakeRefusal(9001009)
    if kind == "icon" and (size[0] != size[1] or size[0] > ICON_LIMIT_PX):
        raise ShakeRefusal(9001009)
    return {"pic_url": world.shake.beacons.keep_picture(upload.content, kind)}


def getshakeinfo(world: World, request: Request, body: Answer) -> Answer:
    """Who shook and near which beacon; the ticket lives 30 minutes (§2.9)."""
    found = world.shake.beacons.shake_info(words(body, "ticket", 9001003), world.clock.now())
    if not body.get("need_poi"):
        found.pop("poi_id", None)
    return found


# -- lotteries ------------------------------------------------------------------------------------------------------------


def addlotteryinfo(world: World, request: Request, body: Answer) -> Answer:
    """Create a lottery; with use_template=1 also its loading page (§1.3)."""
    use_template = request.query.get("use_template", "")
    if use_template not in ("1", "2"):
        raise ShakeRefusal(9001001)
    logo_url = request.query.get("logo_url", "")
    if use_template == "1" and not logo_url:
        raise ShakeRefusal(9001059)
    texts = ("title", "desc", "sponsor_appid", "jump_url", "key")
    fields: Answer = {name: words(body, name, default="" if name in ("jump_url", "key") else MISSING) for name in texts}
    fields |= {name: whole(body, name) for name in ("begin_time", "expire_time", "total")}
    fields |= {"onoff": whole(body, "onoff", default=1), "use_template": int(use_template)}
    if fields["onoff"] not in (0, 1):
        raise ShakeRefusal(9001001)
    lottery = world.shake.lotteries.add(fields)
    if lottery.use_template == 1:
        place = f"{world.ground.http_url}/native/template?lottery_id={lottery.lottery_id}"
        page = {"title": lottery.title, "description": lottery.desc, "page_url": place, "icon_url": logo_url}
        lottery.page_id = world.shake.beacons.add_page(page, lottery.lottery_id).page_id
    return {"lottery_id": lottery.lottery_id, "page_id": lottery.page_id}


def setprizebucket(world: World, request: Request, body: Answer) -> Answer:
    """Load up to 100 tickets; the refused ones are named, list by list (§1.4)."""
    lottery = world.shake.lotteries.find(words(body, "lottery_id", 9001061))
    mchid, sponsor_appid = words(body, "mchid"), words(body, "sponsor_appid")
    rows = listed(body, "prize_info_list")
    if not rows or any(not isinstance(row, dict) or not isinstance(row.get("ticket"), str) for row in rows):
        raise ShakeRefusal(9001001)
    tickets = [row["ticket"] for row in rows]
    found = world.shake.lotteries.load(lottery, mchid, sponsor_appid, tickets, world.clock.now())
    if not found["success_num"]:
        raise ShakeRefusal(9001090, lists=found)
    return found


def asked_lottery(world: World, request: Request, errcode: int) -> Any:
    try:
        return world.shake.lotteries.find(request.query.get("lottery_id", ""))
    except ShakeRefusal as refused:
        raise ShakeRefusal(errcode) from refused


def setlotteryswitch(world: World, request: Request, _body: Answer) -> Answer:
    """Turn drawing on or off; it only matters inside the window (§1.5)."""
    lottery = asked_lottery(world, request, 9001069)
    if request.query.get("onoff") not in ("0", "1"):
        raise ShakeRefusal(9001069)
    lottery.onoff = int(request.query["onoff"])
    world.is_dirty = True
    return {}


def querylottery(world: World, request: Request, _body: Answer) -> Answer:
    """The lottery with its counters (§1.6)."""
    lottery = asked_lottery(world, request, 9001070)
    return {"result": world.shake.lotteries.query(lottery, world.clock.now())}


def show_icon(world: World, request: Request) -> Reply:
    """The uploaded picture, as its pic_url serves it."""
    content = world.shake.beacons.pictures.get(request.parts["name"])
    if content is None:
        return Reply(b"404 not found\n", "text/plain; charset=utf-8", 404)
    kind = {b"\x89P": "image/png", b"GI": "image/gif"}.get(content[:2], "image/jpeg")
    return Reply(content, kind, headers=[("Cache-Control", "max-age=86400")])


ROUTES: list[Route] = [
    ("POST", f"{BASE}/device/applyid", shake_call(device_applyid)),
    ("POST", f"{BASE}/device/applystatus", shake_call(device_applystatus)),
    ("POST", f"{BASE}/device/update", shake_call(device_update)),
    ("POST", f"{BASE}/device/bindlocation", shake_call(device_bindlocation)),
    ("POST", f"{BASE}/device/search", shake_call(device_search)),
    ("POST", f"{BASE}/device/bindpage", shake_call(device_bindpage)),
    ("POST", f"{BASE}/page/add", shake_call(page_add)),
    ("POST", f"{BASE}/page/update", shake_call(page_update)),
    ("POST", f"{BASE}/page/search", shake_call(page_search)),
    ("POST", f"{BASE}/page/delete", shake_call(page_delete)),
    ("POST", f"{BASE}/relation/search", shake_call(relation_search)),
    ("POST", f"{BASE}/material/add", shake_call(material_add, has_body=False)),
    ("POST", f"{BASE}/user/getshakeinfo", shake_call(getshakeinfo)),
    ("POST", f"{BASE}/lottery/addlotteryinfo", shake_call(addlotteryinfo, has_data=False)),
    ("POST", f"{BASE}/lottery/setprizebucket", shake_call(setprizebucket, has_data=False)),
    ("GET", f"{BASE}/lottery/setlotteryswitch", shake_call(setlotteryswitch, has_data=False, has_body=False)),
    ("GET", f"{BASE}/lottery/querylottery", shake_call(querylottery, has_data=False, has_body=False)),
    ("GET", "/icon/<name>", show_icon),
]

DOOR = Door("api.weixin.qq.com", ROUTES, refuse=refuse, wrong_method=api.wrong_method)
