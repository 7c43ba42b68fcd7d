"""The native page on which a person receives a merchant transfer, as the phone shows it (wechat-protocol §4.7)."""

from __future__ import annotations

from typing import Any

from wxbot.simulator.pay_v3_texts import WRONG_PERSON
from wxbot.simulator.people import Person
from wxbot.simulator.transfers_bill import CHANNEL, TransferBill
from wxbot.simulator.world import World

CALL = "requestMerchantTransfer"

Answer = dict[str, Any]


def bill_row(world: World, bill: TransferBill) -> Answer:
    """One transfer as its receiver sees it, times in Unix seconds."""
    content = bill.content
    return {
        "transfer_bill_no": bill.transfer_bill_no,
        "out_bill_no": bill.out_bill_no,
        "state": bill.state,
        "fail_reason": bill.fail_reason,
        "amount_fen": bill.amount_fen,
        "merchant": world.account.name,
        "remark": content["transfer_remark"],
        "perception": content["user_recv_perception"],
        "style": content["user_recv_style"],
        "reports": content["transfer_scene_report_infos"],
        "created_at": bill.created_at,
        "expires_at": bill.step_at if bill.state == "WAIT_USER_CONFIRM" else None,
        "paid_at": bill.paid_at or None,
    }


def wallet_row(world: World, bill: TransferBill) -> Answer:
    """One received transfer as a row of the wallet."""
    content = bill.content
    row = {"title": "商家转账", "channel": CHANNEL, "status": "opened", "detail_id": bill.transfer_bill_no}
    row |= {"send_name": world.account.name, "wishing": content["transfer_remark"]}
    return row | {"amount_fen": bill.amount_fen, "opened_at": bill.paid_at}


def open_sheet(world: World, person: Person, args: Answer, *, is_page_allowed: bool) -> Answer:
    """One requestMerchantTransfer {mchId, appId, package} of a page in this person's hands (§4.7).

    Gives `err_msg`, and `sheet` where there is a page to show: then `ok` is what leaving it without closing it means,
    and says nothing about money; `closed_err_msg` is the answer when it was closed first. `message` is the sentence the phone shows when there is nothing to receive.
    """
    if world.switches["transfer_page_checked"] and not is_page_allowed:
        return failed("fail_invalid url domain", "")
    if not all(isinstance(args.get(name), str) and args[name] for name in ("mchId", "appId", "package")):
        return failed("fail:missing arguments", "缺少参数 mchId、appId 或 package")
    bill = world.transfers.by_package(args["package"])
    if bill is None or (args["mchId"], args["appId"]) != (world.account.mch_id, world.account.appid):
        return failed("fail:package error", "商户参数有误，无法收款")
    text = world.transfers.hindrance(bill, person.openid, world.clock.now())
    if text == WRONG_PERSON:
        return failed("fail", text)  # nothing of another person's transfer is told
    closed = f"{CALL}:{world.switches['transfer_close_says']}"
    sheet = bill_row(world, bill) | {"is_open": not text}
    return {"err_msg": f"{CALL}:ok", "closed_err_msg": closed, "message": text, "sheet": sheet}


def failed(result: str, message: str) -> Answer:
    return {"err_msg": f"{CALL}:{result}", "message": message}
