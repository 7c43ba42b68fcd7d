"""Screenshots of the other half: people who bind, hand in vouchers and are paid, the reviewer's desk, the cashier's pages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from camera import PHONE, SCALE, keep, side_by_side, sign_in, window
from sqlalchemy import func, select

from wxbot.demo import seed, setup
from wxbot.demo.actors import StoryProblem, World
from wxbot.demo.people_clients import Promoter
from wxbot.demo.setup import BOXES, FIXED, Office
from wxbot.demo.staff_clients import OnDesk
from wxbot.demo.stage import Stage
from wxbot.vouchers.models import Voucher

REFUSED, ASKED_AGAIN, COPIED = 3, 6, 7
"""Of the demo's regulars: whose voucher is refused, who is asked for a better photo, who handed in a copy."""

STORY, WAITS = 1, 4
"""Whose story is shown, and who has a transfer to confirm."""

PATIENCE_S = 60
WORKER_S = 4.0
"""How long the worker may take for what it does every second."""


class Enough(Exception):
    """The reviewer stops here, with a voucher on the desk."""


# --- some life ----------------------------------------------------------------------------------------------------


def pay_people(stage: Stage, world: World) -> list[Promoter]:
    """A morning at the office: people bind and hand in, some vouchers are decided, most of the money is taken."""
    opened, people = setup.move_in(stage.public_url, world)
    world.call("POST", "bank/topup", {"amount_fen": 500_000})
    setup.a_first_morning(opened, people)
    wait_for_vouchers(stage, setup.REGULARS + 1)
    decide_some(stage, opened, people)
    for n, kind, value in ((2, FIXED, ""), (STORY, BOXES, "6"), (REFUSED, BOXES, "4")):
        people[n].upload_on_page("second", kind, value, [setup.receipt(970 + n)])
    by_hand = (
        (2, "200.00", "季度冠军奖金，店长确认"),
        (STORY, "66.00", "国庆值班"),
        (WAITS, "28.80", "新品推荐"),
        (WAITS, "8.80", "国庆值班"),
    )
    for n, amount, reason in by_hand:
        opened.cashier.pay_by_hand(opened.packets_id, people[n].openid, amount, reason)
    upload_list(opened, people)
    time.sleep(WORKER_S)
    for n, person in enumerate(people[: setup.REGULARS]):
        open_packets(world, person) if n == WAITS else person.take_money()
    time.sleep(WORKER_S)
    world.call("POST", "clock", {"advance_s": 1300})
    time.sleep(WORKER_S)
    refuse = {"kind": "refuse", "err_code": "SYSTEMERROR"}
    world.call("PUT", "faults/mmpaymkttransfers/sendredpack", refuse)
    opened.cashier.pay_by_hand(opened.packets_id, people[ASKED_AGAIN].openid, "18.80", "样品快递费")
    time.sleep(WORKER_S)
    return people


def open_packets(world: World, person: Promoter) -> None:
    """Open the first packet and leave the second; the transfer waits, too."""
    packets = world.call("GET", f"people/{person.id}/packets")["packets"]
    world.call("POST", f"people/{person.id}/packets/{packets[0]['detail_id']}/open")


def wait_for_vouchers(stage: Stage, n: int) -> None:
    """Until the photos of so many vouchers have arrived."""
    database, _ = stage.parts()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with database.reading() as session:
            ready = session.execute(select(func.count(Voucher.id)).where(Voucher.ready_at.is_not(None))).scalar_one()
        if ready >= n:
            database.close()
            return
        time.sleep(0.3)
    raise StoryProblem(f"waited {PATIENCE_S} s for {n} vouchers; see the worker's log")


def decide_some(stage: Stage, opened: Office, people: Sequence[Promoter]) -> None:
    """The reviewer approves, refuses one and asks for one photo; the voucher with a copied photo stays on the desk."""
    database, _ = stage.parts()

    def decide(seen: OnDesk) -> tuple[str, dict[str, str]]:
        with database.reading() as session:
            openid = session.get_one(Voucher, seen.voucher_id).openid
        n = next(n for n, person in enumerate(people) if person.openid == openid)
        if n == COPIED and seen.look_alikes:
            raise Enough
        if n == REFUSED:
            return "reject", {"reason": "小票日期不在活动期间"}
        if n == ASKED_AGAIN:
            return "photo", {"reason": "价签看不清，请靠近再拍一张"}
        return "approve", {"amount": seen.amount}

    try:
        opened.reviewer.review(decide)
    except Enough:
        return
    finally:
        database.close()


def upload_list(opened: Office, people: Sequence[Promoter]) -> None:
    """A list with good rows, bad ones and doubtful ones."""
    rows = [
        (person.phone.removeprefix("+86"), str(person.known["nickname"]), f"{16 + 3 * n}.80", "三月进货返利")
        for n, person in enumerate(people)
    ]
    rows += [rows[0], ("1380013", "号码不全", "20.00", ""), (rows[1][0], rows[1][1], "9.999", "多了一位小数")]
    opened.marketer.upload_list(opened.transfers_id, "三月进货返利", rows)


# --- the phone ----------------------------------------------------------------------------------------------------


def film_phone(browser: Any, stage: Stage, people: Sequence[Promoter]) -> None:
    """Bind in the chat, hand in a voucher, look at one's packets, confirm a transfer: four screens."""
    shots = [*_bind_and_hand_in(browser, stage, people[-1]), *_look_and_confirm(browser, stage, people[WAITS])]
    keep("phone-payouts", side_by_side(shots), 1400)


def _open_chat(browser: Any, stage: Stage, person: Promoter) -> Any:
    page = window(browser, PHONE, SCALE)
    page.goto(f"{stage.wechat_url}/phone?person={person.id}")
    page.click("[data-testid=open-chat]")
    return page


def _menu(page: Any, name: str, entry: str) -> Any:
    """Tap an entry of the account's menu that leads to a page; the page inside the phone."""
    page.click(f".menu-button >> text={name}")
    page.click(f".menu-list >> text={entry}")
    return page.frame_locator("[data-testid=page]")


def _bind_and_hand_in(browser: Any, stage: Stage, person: Promoter) -> list[bytes]:
    page = _open_chat(browser, stage, person)
    page.click("[data-testid=follow]")
    page.wait_for_selector(".menu-button")
    person.say("绑定", "11 位")
    person.say(person.phone.removeprefix("+86"), "验证码已发送")
    page.wait_for_selector("[data-testid=sms-banner]")
    page.wait_for_timeout(900)
    shots = [page.screenshot()]
    code = str(page.inner_text("[data-testid=sms-code]")).strip()
    person.say("".join(filter(str.isdigit, code)), "绑定成功")
    page.evaluate("document.querySelectorAll('.sms-banner').forEach((shown) => shown.remove())")
    inside = _menu(page, "促销员", "网页上传")
    inside.locator(f"label:has-text('{BOXES}')").first.click()
    inside.locator("input[type=file]").first.set_input_files(
        [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": setup.receipt(n)} for n in (981, 982)]
    )
    inside.locator("#units").fill("8")
    inside.locator("#units").blur()
    page.wait_for_timeout(2500)
    return [*shots, page.screenshot()]


def _look_and_confirm(browser: Any, stage: Stage, person: Promoter) -> list[bytes]:
    page = _open_chat(browser, stage, person)
    page.wait_for_selector(".menu-button")
    inside = _menu(page, "红包", "红包记录")
    inside.locator(".packets").wait_for()
    page.wait_for_timeout(900)
    shots = [page.screenshot()]
    inside.locator(".one:has(.one-go) a").first.click()
    inside.locator("#take").click()
    page.wait_for_selector("[data-testid=receive-transfer]")
    page.wait_for_timeout(900)
    return [*shots, page.screenshot()]


# --- the console --------------------------------------------------------------------------------------------------


def film_reviewer(browser: Any, stage: Stage) -> None:
    """The desk with a voucher on it that looks like another."""
    page = sign_in(browser, stage, seed.REVIEWER.login)
    page.goto(f"{stage.public_url}/admin/vouchers")
    if page.locator("#start").count():
        page.click("#start")
    page.wait_for_selector(".stage-photo")
    _still(page, "desk")


def film_cashier(browser: Any, stage: Stage, people: Sequence[Promoter]) -> None:
    """A list before it is submitted, the payouts, and one person's story."""
    admin = f"{stage.public_url}/admin"
    cashier = sign_in(browser, stage, seed.CASHIER.login)
    cashier.goto(f"{admin}/lists")
    cashier.click("main table a >> nth=0")
    _still(cashier, "list")
    for name, path in (
        ("payouts", "/payouts"),
        ("programmes", "/programmes"),
        ("person", f"/people/{people[STORY].openid}"),
    ):
        cashier.goto(f"{admin}{path}")
        _still(cashier, name)


def _still(page: Any, name: str) -> None:
    page.wait_for_timeout(1200)
    keep(name, page.screenshot())
