"""The control API under /_sim/ of beacons, shaking, drawing, packets, wallets and the bank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wxbot.simulator.beacons import Device
from wxbot.simulator.door import Door, Reply, Request, Route, View, json_reply
from wxbot.simulator.pay import bill_text
from wxbot.simulator.pay_orders import PayOrder, beijing
from wxbot.simulator.pay_texts import PayRefusal
from wxbot.simulator.people import Person
from wxbot.simulator.shake_texts import JUMP_TEXTS, JumpRefusal, ShakeRefusal
from wxbot.simulator.transfers_sheet import wallet_row
from wxbot.simulator.world import World

Answer = dict[str, Any]
PersonRule = Callable[[World, Request, Person], Answer]

#: What the person reads on the native page, by our reason. Everything else is only "something went wrong" (§1.7).
REASON_TEXTS = {
    "sold_out": "手慢了，红包派完了",
    "already_drawn": "你已经领过这个红包了",
    "off": "活动暂停中，请稍后再来",
    "not_yet": "活动还没有开始",
    "over": "活动已经结束",
    "no_luck": "差一点点，没有抽中红包",
    "day_limit": "你今天领取的红包已达上限",
    "risk": "你的微信账号暂时无法领取红包",
    "too_often": "操作太频繁，请稍后再试",
}
GENERAL_TEXT = "出错了，请稍后再试"


class NotThere(Exception):
    """What the path names does not exist; the message is a sentence."""


def control(rule: Callable[[World, Request], Answer | Reply]) -> View:
    """A view of a control call: faults of the caller become {"error": sentence} with 400 or 404."""

    def view(world: World, request: Request) -> Reply:
        try:
            found = rule(world, request)
        except NotThere as missing:
            return json_reply({"error": str(missing)}, 404)
        except (ValueError, KeyError, TypeError) as wrong:
            return json_reply({"error": f"请求有误 / bad request: {wrong}"}, 400)
        except ShakeRefusal as refused:
            return json_reply({"error": refused.text, "errcode": refused.errcode}, 400)
        except PayRefusal as refused:
            return json_reply({"error": refused.text, "err_code": refused.err_code}, 409)
        return found if isinstance(found, Reply) else json_reply(found)

    view.__doc__ = rule.__doc__
    return view


def of_person(rule: PersonRule) -> View:
    """A control call about the person in the path."""

    def view(world: World, request: Request) -> Answer:
        person = world.people.by_id(request.parts["id"])
        if person is None:
            raise NotThere(f"没有编号为 {request.parts['id']} 的人 / no such person")
        return rule(world, request, person)

    view.__doc__ = rule.__doc__
    return control(view)


# -- beacons and lotteries --------------------------------------------------------------------------------------------------


def device_row(world: World, device: Device) -> Answer:
    names = ("device_id", "uuid", "major", "minor", "comment", "poi_id", "page_ids", "x", "y", "last_active_at")
    pages = [
        world.shake.beacons.pages[page_id].title for page_id in device.page_ids if page_id in world.shake.beacons.pages
    ]
    return {name: getattr(device, name) for name in names} | {"page_titles": pages}


def show_beacons(world: World, request: Request) -> Answer:
    """Every device with its place on the map, and every page."""
    beacons = world.shake.beacons
    pages = [{name: getattr(page, name) for name in page.__slots__} for page in beacons.pages.values()]
    return {"beacons": [device_row(world, device) for device in beacons.devices.values()], "pages": pages}


def place_beacon(world: World, request: Request) -> Answer:
    """Hang one more beacon: {comment?, x?, y?, page_ids?} and, to try things by hand, {page: {title, page_url, …}}."""
    sent, beacons = request.json(), world.shake.beacons
    beacons.apply(1, str(sent.get("comment", "")), int(sent.get("poi_id", 0)), world.clock.now())
    device = next(reversed(beacons.devices.values()))
    if "page" in sent:
        fields = {"description": "", "icon_url": "", "comment": ""} | {k: str(v) for k, v in sent["page"].items()}
        beacons.bind_pages(device, [beacons.add_page(fields, is_by_hand=True).page_id])
    change_device(world, device, sent)
    return {"beacon": device_row(world, device)}


def change_device(world: World, device: Device, sent: Answer) -> None:
    for name in ("x", "y"):
        if name in sent:
            setattr(device, name, min(100.0, max(0.0, float(sent[name]))))
    if "comment" in sent:
        device.comment = str(sent["comment"])
    if "page_ids" in sent:
        world.shake.beacons.bind_pages(device, [int(page_id) for page_id in sent["page_ids"]])


def change_beacon(world: World, request: Request) -> Answer:
    """Move a beacon on the map, change its comment or pages."""
    device = world.shake.beacons.devices.get(int(request.parts["device_id"]))
    if device is None:
        raise NotThere("没有这个信标 / no such beacon")
    change_device(world, device, request.json())
    return {"beacon": device_row(world, device)}


def show_lotteries(world: World, request: Request) -> Answer:
    """Every lottery with its counters and how often each refusal was given."""
    now, lotteries = world.clock.now(), world.shake.lotteries
    rows = [lotteries.overview(lottery, now) for lottery in lotteries.by_id.values()]
    return {"lotteries": rows, "refusals": lotteries.refusal_totals()}


# -- one person ---------------------------------------------------------------------------------------------------------------


def packet_row(world: World, order: PayOrder, openid: str) -> Answer:
    """One packet as its receiver sees it, times in Unix seconds."""
    receipt = next((one for one in order.receipts if one["openid"] == openid), None)
    status = "opened" if receipt else "returned" if world.bank.is_expired(order, world.clock.now()) else "pending"
    lottery = world.shake.lotteries.by_id.get(order.lottery_id)
    names = ("send_name", "wishing", "act_name")
    return {
        "detail_id": order.detail_id,
        "mch_billno": order.mch_billno,
        "lottery_id": order.lottery_id,
        "status": status,
        "amount_fen": receipt["amount_fen"] if receipt else order.amount_fen,
        "total_num": order.total_num,
        **{name: order.params[name] for name in names},
        "hb_type": order.hb_type,
        "channel": order.channel,
        "bound_at": order.bound_at,
        "opened_at": receipt["at"] if receipt else None,
        "expires_at": order.expires_at,
        "jump_url": lottery.jump_url if lottery else "",
    }


def stand_near(world: World, request: Request, person: Person) -> Answer:
    """Which beacons this person's phone hears: {device_ids} and, if wanted, {distances: {id: metres}}."""
    sent = request.json()
    ids = [int(device_id) for device_id in sent.get("device_ids", [])]
    given = {int(device_id): float(away) for device_id, away in sent.get("distances", {}).items()}
    chance = world.chance.random
    distances = {one: round(given.get(one, chance.uniform(0.05, 8.0)), 3) for one in {*ids, *given}}
    world.shake.stand_near(person.openid, distances)
    return {"near": {str(device_id): away for device_id, away in world.shake.near[person.openid].items()}}


def shake(world: World, request: Request, person: Person) -> Answer:
    """Shake the phone: the cards it brings (§1.8)."""
    try:
        return {"cards": world.shake.shake(person.openid, world.clock.now())}
    except JumpRefusal as refused:
        return refusal_row(refused)


def refusal_row(refused: JumpRefusal) -> Answer:
    message = REASON_TEXTS.get(refused.reason, GENERAL_TEXT)
    return {
        "code": refused.code,
        "reason": refused.reason,
        "message": message,
        "meaning": JUMP_TEXTS.get(refused.code, ""),
    }


def jump_hongbao(world: World, request: Request, person: Person) -> Answer:
    """The native side of BeaconShakehbJsBridge (§1.7); `is_template` for the platform's own loading page (§1.3)."""
    sent, now = request.json(), world.clock.now()
    shake_ticket, page_url = str(sent.get("shake_ticket", "")), str(sent.get("page_url", ""))
    try:
        if sent.get("is_template"):
            order = world.shake.jump_template(person.openid, shake_ticket, now, person.is_frozen)
        else:
            order = world.shake.jump(person.openid, sent, page_url, shake_ticket, now, person.is_frozen)
    except JumpRefusal as refused:
        return refusal_row(refused) | won_before(world, person, refused, str(sent.get("lottery_id", "")))
    return {"code": 0, "packet": packet_row(world, order, person.openid)}


def won_before(world: World, person: Person, refused: JumpRefusal, lottery_id: str) -> Answer:
    """Whoever has drawn already may look at that packet again."""
    lottery = world.shake.lotteries.by_id.get(lottery_id)
    order = world.bank.ticket(lottery.winners.get(person.openid, "")) if lottery else None
    if refused.reason != "already_drawn" or order is None:
        return {}
    return {"packet": packet_row(world, order, person.openid)}


def show_packets(world: World, request: Request, person: Person) -> Answer:
    """The packets tied to this person."""
    return {"packets": [packet_row(world, order, person.openid) for order in world.bank.packets_of(person.openid)]}


def open_packet(world: World, request: Request, person: Person) -> Answer:
    """Open one packet: the money is theirs (§1.1 step 9)."""
    order = world.bank.packet(request.parts["detail_id"])
    if order is None:
        raise NotThere("没有这个红包 / no such packet")
    amount_fen = world.bank.open_packet(order, person.openid, world.clock.now())
    person.wallet_fen = world.bank.wallet_fen(person.openid)
    return {
        "amount_fen": amount_fen,
        "wallet_fen": person.wallet_fen,
        "packet": packet_row(world, order, person.openid),
    }


def show_wallet(world: World, request: Request, person: Person) -> Answer:
    """What this person received, newest first."""
    rows = [packet_row(world, order, person.openid) for order in world.bank.packets_of(person.openid)]
    rows += [wallet_row(world, bill) for bill in world.transfers.of_person(person.openid) if bill.state == "SUCCESS"]
    opened = sorted((row for row in rows if row["status"] == "opened"), key=lambda row: -row["opened_at"])
    return {"wallet_fen": world.bank.wallet_fen(person.openid), "rows": opened}


# -- the bank -----------------------------------------------------------------------------------------------------------------


def show_bank(world: World, request: Request) -> Answer:
    """The books in one look; `?check=1` adds the invariants of appendix D.4."""
    totals = world.bank.totals()
    found = totals | {"totals": totals, "limits": dict(world.bank.limits), "mch_id": world.account.mch_id}
    if request.query.get("check"):
        found["broken"] = world.bank.broken_invariants()
    return found | {"now": world.clock.now()}


def top_up(world: World, request: Request) -> Answer:
    """Pay in {amount_fen}; a negative one withdraws."""
    amount_fen = request.json()["amount_fen"]
    if isinstance(amount_fen, bool) or not isinstance(amount_fen, int):
        raise ValueError("amount_fen 必须是整数（分）")
    world.bank.top_up(amount_fen, world.clock.now())
    return world.bank.totals()


def order_row(number: int, order: PayOrder) -> Answer:
    row = {name: getattr(order, name) for name in order.__slots__ if name not in ("params", "shares")}
    row |= {"n": number, "paid_fen": order.paid_fen, "wishing": order.params["wishing"]}
    return row | {name: order.params.get(name, "") for name in ("state", "password")}


def show_orders(world: World, request: Request) -> Answer:
    """Orders by number: `after` upwards or `before` downwards, `status`, `channel`, `q` (a number, ticket or openid), `limit` ≤ 500."""
    query, orders = request.query, world.bank.all_orders()
    limit = min(500, int(query.get("limit", "50")))
    is_down = "before" in query
    first = int(query["before"]) - 1 if is_down else int(query.get("after", "0")) + 1
    numbers = range(min(first, len(orders)), 0, -1) if is_down else range(first, len(orders) + 1)
    rows: list[Answer] = []
    for number in numbers:
        order = orders[number - 1]
        if query.get("status") and order.status not in query["status"].split(","):
            continue
        if query.get("channel") and order.channel != query["channel"]:
            continue
        texts = (order.mch_billno, order.detail_id, order.openid, order.sp_ticket, order.lottery_id)
        if query.get("q") and not any(query["q"] in text for text in texts):
            continue
        rows.append(order_row(number, order))
        if len(rows) > limit:
            break
    return {"orders": rows[:limit], "has_more": len(rows) > limit, "count": len(orders)}


def fail_order(world: World, request: Request) -> Answer:
    """Let an order that nobody has fail at the bank, {reason?}: money back, its number dead (§3.5 SEND_FAILED)."""
    if request.parts["mch_billno"] not in world.bank.orders:
        raise NotThere("没有这个单号 / no such order")
    reason = str(request.json().get("reason", "系统原因"))
    order = world.bank.fail(request.parts["mch_billno"], reason, world.clock.now())
    return {"order": order_row(0, order)}


def show_bill(world: World, request: Request) -> Answer | Reply:
    """The flows of one Beijing day (`date=YYYYMMDD`, default today); `format=text` as WeChat Pay writes it."""
    day = request.query.get("date") or beijing(world.clock.now(), "%Y%m%d")
    if request.query.get("format") == "text":
        return Reply(bill_text(world, day).encode(), "text/plain; charset=utf-8")
    rows = world.bank.bill(day)
    income = sum(row["amount_fen"] for row in rows if row["amount_fen"] > 0)
    outgo = -sum(row["amount_fen"] for row in rows if row["amount_fen"] < 0)
    return {"date": day, "rows": rows, "count": len(rows), "income_fen": income, "outgo_fen": outgo}


def change_limits(world: World, request: Request) -> Answer:
    """Change some of the numbers the platform imposes."""
    sent = request.json()
    for name, value in sent.items():
        if name not in world.bank.limits:
            raise ValueError(f"{name}：没有这个限制 / known: {', '.join(world.bank.limits)}")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"{name} 必须是非负整数")
    world.bank.limits.update(sent)
    return {"limits": dict(world.bank.limits)}


PERSON = "/_sim/people/<id>"
ROUTES: list[Route] = [
    ("GET", "/_sim/beacons", control(show_beacons)),
    ("POST", "/_sim/beacons", control(place_beacon)),
    ("PATCH", "/_sim/beacons/<device_id>", control(change_beacon)),
    ("GET", "/_sim/lotteries", control(show_lotteries)),
    ("POST", f"{PERSON}/near", of_person(stand_near)),
    ("POST", f"{PERSON}/shake", of_person(shake)),
    ("POST", f"{PERSON}/jump_hongbao", of_person(jump_hongbao)),
    ("GET", f"{PERSON}/packets", of_person(show_packets)),
    ("POST", f"{PERSON}/packets/<detail_id>/open", of_person(open_packet)),
    ("GET", f"{PERSON}/wallet", of_person(show_wallet)),
    ("GET", "/_sim/bank", control(show_bank)),
    ("POST", "/_sim/bank/topup", control(top_up)),
    ("GET", "/_sim/bank/orders", control(show_orders)),
    ("POST", "/_sim/bank/orders/<mch_billno>/fail", control(fail_order)),
    ("GET", "/_sim/bank/bill", control(show_bill)),
    ("PUT", "/_sim/bank/limits", control(change_limits)),
]

DOOR = Door("control", ROUTES, is_logged=False)
