"""The control API of merchant transfers: what the person's phone does with them, their callbacks (wechat-protocol §4.7, §4.10)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from wxbot.simulator.bridge import is_secure_domain
from wxbot.simulator.control_pay import NotThere, control, of_person
from wxbot.simulator.control_people import whole
from wxbot.simulator.door import Door, Reply, Request, Route, View, json_reply
from wxbot.simulator.pay_v3_texts import TransferRefusal
from wxbot.simulator.people import Person
from wxbot.simulator.transfers_bill import TransferBill
from wxbot.simulator.transfers_notify import shown
from wxbot.simulator.transfers_sheet import bill_row, open_sheet
from wxbot.simulator.world import World

Answer = dict[str, Any]


def polite(view: View) -> View:
    """A refusal of the transfers becomes 409 with its sentence."""

    def guarded(world: World, request: Request) -> Reply:
        try:
            return view(world, request)
        except TransferRefusal as refused:
            return json_reply({"error": refused.text, "err_code": refused.code}, 409)

    guarded.__doc__ = view.__doc__
    return guarded


def bill_of(world: World, request: Request) -> TransferBill:
    world.transfers.due(world.clock.now())
    bill = world.transfers.by_number(request.parts["transfer_bill_no"])
    if bill is None:
        raise NotThere("没有这笔转账 / no such transfer")
    return bill


def show_transfers(world: World, request: Request, person: Person) -> Answer:
    """The transfers to this person, oldest first."""
    world.transfers.due(world.clock.now())
    return {"transfers": [bill_row(world, bill) for bill in world.transfers.of_person(person.openid)]}


def request_transfer(world: World, request: Request, person: Person) -> Answer:
    """The native side of requestMerchantTransfer: {mchId, appId, package} and, when a page asks, {page_url} (§4.7)."""
    sent = request.json()
    is_allowed = "page_url" not in sent or is_secure_domain(
        urlsplit(str(sent["page_url"])).netloc, world.account.js_domains
    )
    return open_sheet(world, person, sent, is_page_allowed=is_allowed)


def confirm(world: World, request: Request, person: Person) -> Answer:
    """The person taps 收款: SUCCESS and the money in the wallet, unless a switch says otherwise (§4.3)."""
    bill = world.transfers.confirm(bill_of(world, request), person.openid, world.clock.now())
    return bill_row(world, bill) | {"wallet_fen": world.bank.wallet_fen(person.openid)}


def fail_bill(world: World, request: Request) -> Answer:
    """Let a transfer that is not final fail, {fail_reason?}: what was locked goes back (§4.6)."""
    reason = str(request.json().get("fail_reason", "TRANSFER_RISK"))
    bill = bill_of(world, request)
    world.transfers.fail(bill, reason, world.clock.now())
    return bill_row(world, bill)


def type_password(world: World, request: Request) -> Answer:
    """验密 {is_given}: the merchant's staff type the password that a transfer waits for, or reject it (§4.1)."""
    is_given = request.json().get("is_given", True)
    if not isinstance(is_given, bool):
        raise ValueError("is_given: must be true or false")
    bill = bill_of(world, request)
    world.transfers.type_password(bill, is_given, world.clock.now())
    return bill_row(world, bill)


def list_notices(world: World, request: Request) -> Answer:
    """Callbacks of transfers after ?after=N (negative: from the end), with every attempt; probes with their judgement."""
    rows = world.notices.after(whole(request, "after", 0), whole(request, "limit", 500))
    return {"notices": rows, "last": world.notices.last_n}


def repeat_notice(world: World, request: Request) -> Answer:
    """Send an earlier callback once more."""
    number = request.parts["n"]
    notice = world.notices.repeat(int(number)) if number.isdigit() else None
    if notice is None:
        raise NotThere("没有这次通知，或它没有地址 / no such notice, or it has no address")
    return shown(notice)


PERSON = "/_sim/people/<id>"
ROUTES: list[Route] = [
    ("GET", f"{PERSON}/transfers", of_person(show_transfers)),
    ("POST", f"{PERSON}/transfers/<transfer_bill_no>/confirm", polite(of_person(confirm))),
    ("POST", f"{PERSON}/request_merchant_transfer", of_person(request_transfer)),
    ("POST", "/_sim/bank/transfers/<transfer_bill_no>/fail", polite(control(fail_bill))),
    ("POST", "/_sim/bank/transfers/<transfer_bill_no>/password", polite(control(type_password))),
    ("GET", "/_sim/transfer_notices", control(list_notices)),
    ("POST", "/_sim/transfer_notices/<n>/repeat", control(repeat_notice)),
]

DOOR = Door("control", ROUTES, is_logged=False)
