"""Programmes: a form that WeChat would take, and a budget that only two people can change, together with the books."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from tests.payouts.desk import Desk, csv_file, openid
from tests.payouts.stories import owe, payout_of, sound
from wxbot import ledger
from wxbot.budget import Budget
from wxbot.payouts import programmes
from wxbot.payouts.models import BudgetChange, Programme
from wxbot.payouts.place_orders import order_due
from wxbot.text import Refusal

FORM = {
    "department": "华东销售部",
    "name": "促销员奖励",
    "send_name": "晨光咖啡",
    "act_name": "促销奖励",
    "wishing": "感谢您的付出",
    "remark": "三月促销奖励",
    "channel": "",
    "person_per_month": "500",
    "needs_binding": "1",
}


def made(desk: Desk, amount: str = "1000") -> int:
    """A programme that wang wrote, with its first budget asked for."""
    answer = desk.as_("wang").post("/admin/programmes/new", FORM | {"amount": amount})
    assert answer.status_code == 303, answer.text
    return int(answer.headers["Location"].rsplit("/", 1)[1])


def money(desk: Desk, programme_id: int) -> tuple[int, dict[str, int]]:
    with desk.runtime.database.reading() as session:
        return session.get_one(Budget, programme_id).budget_fen, ledger.balances(session, programme_id)


def change_of(desk: Desk, programme_id: int) -> BudgetChange:
    """The newest change."""
    with desk.runtime.database.reading() as session:
        query = select(BudgetChange).where(BudgetChange.programme_id == programme_id).order_by(BudgetChange.id.desc())
        return session.scalars(query.limit(1)).one()


def seen(desk: Desk, login: str, page: str, verb: str) -> dict[str, str]:
    """What the form of a verb on a page binds its answer to."""
    text = desk.as_(login).get(page).text
    found = re.search(rf'action="{verb}">.*?name="content_sha256" value="(\w+)"', text, re.S)
    return {"content_sha256": found[1]} if found else {}


def decide(desk: Desk, login: str, change_id: int, verb: str, **values: str) -> str:
    browser, path = desk.as_(login), f"/admin/programmes/changes/{change_id}/{verb}"
    with desk.runtime.database.reading() as session:
        programme_id = session.get_one(BudgetChange, change_id).programme_id
    values = values or seen(desk, login, f"/admin/programmes/{programme_id}", path)
    return desk.told(browser, browser.post(path, values))


def ask(desk: Desk, login: str, programme_id: int, amount: str, direction: str = "more") -> str:
    browser = desk.as_(login)
    values = {"amount": amount, "direction": direction, "note": "四月"}
    return desk.told(browser, browser.post(f"/admin/programmes/{programme_id}/changes", values))


def test_a_programme_spends_nothing_until_a_second_person_approves_its_budget(desk: Desk) -> None:
    programme_id = made(desk)
    with desk.runtime.database.reading() as session:
        programme = session.get_one(Programme, programme_id)
        assert (programme.person_fen_per_month, programme.needs_binding, programme.is_open) == (50_000, True, True)
        assert session.get_one(Budget, programme_id).name == "华东销售部 · 促销员奖励"
    assert money(desk, programme_id)[0] == 0
    change_id = change_of(desk, programme_id).id
    assert "不能批准自己提出的预算变更" in decide(desk, "wang", change_id, "approve")
    assert money(desk, programme_id)[0] == 0
    assert "已批准" in decide(desk, "zhou", change_id, "approve")
    assert "状态已经变化" in decide(desk, "zhou", change_id, "approve")
    assert "状态已经变化" in decide(desk, "wang", change_id, "refuse")
    budget_fen, accounts = money(desk, programme_id)
    assert (budget_fen, accounts["reserved"], accounts["merchant"]) == (100_000, 100_000, -100_000)
    sound(desk.runtime)
    page = desk.as_("wang").get(f"/admin/programmes/{programme_id}").text
    assert "¥1,000.00" in page and "首次预算" in page and "周财务" in page


def test_what_is_taken_back_must_be_free(desk: Desk) -> None:
    programme_id = desk.fund(1_000)
    owe(desk.runtime, programme_id, openid(1), 700)
    order_due(desk.runtime)
    ask(desk, "wang", programme_id, "3.01", "less")
    assert "没有这么多未使用的预算" in decide(desk, "zhou", change_of(desk, programme_id).id, "approve")
    assert change_of(desk, programme_id).status == "requested" and money(desk, programme_id)[0] == 1_000
    decide(desk, "zhou", change_of(desk, programme_id).id, "refuse")
    ask(desk, "wang", programme_id, "3.00", "less")
    assert "已批准" in decide(desk, "zhou", change_of(desk, programme_id).id, "approve")
    budget_fen, accounts = money(desk, programme_id)
    assert (budget_fen, accounts["reserved"], accounts["in_flight"]) == (700, 0, 700)
    assert "请填写金额" in ask(desk, "wang", programme_id, "1.234")
    assert "金额须大于 0" in ask(desk, "wang", programme_id, "0")
    sound(desk.runtime)


def test_i16_two_approvals_at_once_change_the_budget_once(desks: Desk) -> None:
    programme_id = desks.fund(100)
    with desks.runtime.database.transaction() as session:
        change_id = programmes.ask_change(session, programme_id, 5_000, "四月", 4, desks.now)
    with desks.runtime.database.reading() as session:
        programme = session.get_one(Programme, programme_id)
        shown = programmes.content_of(session.get_one(BudgetChange, change_id), programme)
    gate = threading.Barrier(4)

    def approve(staff_id: int) -> str:
        gate.wait()
        try:
            with desks.runtime.database.transaction() as session:
                programmes.approve_change(session, change_id, staff_id, shown, desks.now)
        except Refusal as refused:
            return refused.reason
        return "approved"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(approve, (6, 7, 8, 9))) == ["approved", "status", "status", "status"]
    assert money(desks, programme_id)[0] == 5_100
    sound(desks.runtime)


BAD = [
    ("send_name", "一二三四五六七八九十一", "32 字节"),
    ("wishing", "", "不能为空"),
    ("remark", "备" * 33, "32 个字"),
    ("send_name", "小店🏪", "不能含“🏪”"),
    ("act_name", "𠮷祥奖励", "不能含“𠮷”"),
    ("act_name", "微信官方奖励", "腾讯主办"),
    ("wishing", "感谢您👍🏽", "不能含“👍”"),
    ("remark", "🇨🇳", "不能含“🇨”"),
    ("department", "", "1 到 40"),
    ("name", "名" * 41, "1 到 40"),
    ("channel", "hbpreorder", "付款方式"),
    ("person_per_month", "一百", "两位小数"),
    ("amount", "-5", "两位小数"),
]


def test_what_wechat_would_refuse_is_named_beside_its_field(desk: Desk) -> None:
    for field, text, says in BAD:
        answer = desk.as_("wang").post("/admin/programmes/new", FORM | {field: text})
        assert answer.status_code == 422, field
        assert says in re.findall(rf'id="fault-{field}">(.*?)<', answer.text)[0], field
    assert desk.as_("wang").post("/admin/programmes/new", FORM | {"act_name": "奖\x07励\n"}).status_code == 303


def test_a_department_has_one_programme_of_a_name(desk: Desk) -> None:
    first = made(desk)
    again = desk.as_("zhou").post("/admin/programmes/new", FORM)
    assert again.status_code == 422 and "已有同名项目" in again.text
    second = (
        desk.as_("zhou")
        .post("/admin/programmes/new", FORM | {"department": "华南"})
        .headers["Location"]
        .rsplit("/", 1)[1]
    )
    assert "已有同名项目" in desk.as_("zhou").post(f"/admin/programmes/{second}/edit", FORM).text
    assert desk.as_("wang").post(f"/admin/programmes/{first}/edit", FORM | {"name": "新名"}).status_code == 303
    with desk.runtime.database.reading() as session:
        assert session.get_one(Budget, first).name == "华东销售部 · 新名"


def test_a_closed_programme_makes_approved_payouts_wait_and_says_what_it_owes(desk: Desk) -> None:
    programme_id = desk.fund(1_000)
    payout_id = owe(desk.runtime, programme_id, openid(1), 700)
    owe(desk.runtime, programme_id, openid(2), 400, 2)
    page = desk.as_("wang").get("/admin/programmes").text
    assert "预算不足" in page and "排队 2 笔" in page
    assert "关闭" in desk.told(desk.as_("wang"), desk.as_("wang").post(f"/admin/programmes/{programme_id}/close"))
    order_due(desk.runtime)
    assert (payout_of(desk.runtime, payout_id).status, payout_of(desk.runtime, payout_id).hold) == (
        "approved",
        "closed",
    )
    refused = desk.upload(csv_file((openid(1), "", "1", ""), header=("openid", "姓名", "金额", "备注")), programme_id)
    assert refused.status_code == 409 and "请选择一个开放的项目" in refused.text
    assert "还没有开放的项目" in desk.as_("li").get("/admin/lists/new").text
