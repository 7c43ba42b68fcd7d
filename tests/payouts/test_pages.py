"""The cashier's pages of payouts and orders, through the door: what is shown, who may do what, and that clicks are counted once."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from openpyxl import load_workbook
from sqlalchemy import func, select, update

from tests.payouts.desk import Desk, openid, phone
from tests.payouts.stories import owe, payout_of
from wxbot.orders.models import LaneState, Mark, Order
from wxbot.payouts import create as asking
from wxbot.payouts import listing
from wxbot.payouts.models import ManualRequest, Payout
from wxbot.payouts.place_orders import order_due
from wxbot.quotas import Quota
from wxbot.staff.models import AuditEvent
from wxbot.text import Refusal

WHY = "三月活动漏发，店长确认"


def form(desk: Desk, programme_id: int, who: int = 1, amount: str = "8.80", **changes: str) -> dict[str, str]:
    page = desk.as_("wang").get("/admin/payouts/new").text
    token = re.search(r'name="form_token" value="([^"]+)"', page)
    assert token
    values = {
        "form_token": token[1],
        "programme": str(programme_id),
        "openid": openid(who),
        "amount": amount,
        "reason": WHY,
    }
    return values | changes


def ordered(desk: Desk, programme_id: int, **order: Any) -> tuple[int, int]:
    """A payout with an order in some state; (payout id, order id)."""
    with desk.runtime.database.reading() as session:
        used = int(session.execute(select(func.count()).select_from(Payout)).scalar_one())
    payout_id = owe(desk.runtime, programme_id, openid(1), source_id=1000 + used)
    assert order_due(desk.runtime) == 1
    with desk.runtime.database.transaction() as session:
        order_id = payout_of(desk.runtime, payout_id).order_id
        assert order_id
        if order:
            session.execute(update(Order).where(Order.id == order_id).values(**order))
    return payout_id, order_id


def test_somebody_is_paid_by_hand_and_found_by_phone_name_and_number(desk: Desk) -> None:
    desk.know(1, "张三")
    wang, programme_id = desk.as_("wang"), desk.fund()
    for text in (phone(1), f"+86 {phone(1)}", "张", openid(1)):
        found = wang.client.get("/admin/payouts/who", query_string={"who": text}).text
        assert "张三" in found
        assert f"{phone(1)[:3]}****{phone(1)[-4:]}" in found
        assert phone(1) not in found
    answer = wang.post("/admin/payouts/new", form(desk, programme_id))
    assert answer.status_code == 303
    (payout,) = desk.payouts()
    assert (payout.status, payout.openid, payout.amount_fen, payout.note) == ("approved", openid(1), 880, WHY)
    page = wang.get(answer.headers["Location"]).text
    assert WHY in page
    assert "几秒内下单" in page
    assert order_due(desk.runtime) == 1
    (line,) = listing_of(desk)
    assert line.order is not None
    to = wang.client.get("/admin/payouts", query_string={"q": line.order.mch_billno}).headers["Location"]
    assert to == f"/admin/payouts/{payout.id}"


def listing_of(desk: Desk, tab: str = "") -> list[listing.PayoutLine]:
    with desk.runtime.database.reading() as session:
        return listing.page(session, listing.Sought(tab))


FAULTY = (
    ({"openid": "oNOBODYatall000000000000001"}, "请先查找并选定收款人"),
    ({"openid": ""}, "请先查找并选定收款人"),
    ({"amount": "8.888"}, "请填写金额"),
    ({"amount": "0.01"}, "单笔金额须在"),
    ({"reason": " 短 "}, "请写明原因"),
    ({"programme": "999"}, "项目不存在"),
    ({"channel": "hbpreorder"}, "没有这种付款方式"),
    ({"form_token": "x"}, "页面已过期"),
)


def test_a_faulty_form_says_what_to_do_and_owes_nothing(desk: Desk) -> None:
    desk.know(1)
    programme_id = desk.fund()
    for changes, sentence in FAULTY:
        answer = desk.as_("wang").post("/admin/payouts/new", form(desk, programme_id) | changes)
        assert answer.status_code == 422, changes
        assert sentence in answer.text
    assert desk.payouts() == []


def test_one_form_sent_many_times_at_once_is_one_payout_F24(desks: Desk) -> None:
    desks.know(1)
    programme_id = desks.fund()
    browser = desks.as_("wang")
    values = form(desks, programme_id) | {"csrf_token": browser.token()}
    cookies = browser.client.get_cookie("staff")
    assert cookies

    def click(_number: int) -> int:
        client = desks.app.test_client()
        for name in ("staff", "wxbot"):
            cookie = browser.client.get_cookie(name)
            assert cookie
            client.set_cookie(name, cookie.value)
        return client.post("/admin/payouts/new", data=values).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(click, range(16))) == {303}
    assert len(desks.payouts()) == 1
    with desks.runtime.database.reading() as session:
        assert session.execute(select(func.count()).select_from(ManualRequest)).scalar_one() == 1
    foreign = desks.as_("zhou").post("/admin/payouts/new", values | {"csrf_token": desks.as_("zhou").token()})
    assert "页面已过期" in foreign.text
    other = browser.post("/admin/payouts/new", values | {"amount": "9.90"})
    assert "已按另外的金额" in other.text
    assert len(desks.payouts()) == 1


def test_a_large_one_waits_for_another_cashier_who_sees_what_they_approve_F24(desk: Desk) -> None:
    desk.know(1)
    wang, zhou = desk.as_("wang"), desk.as_("zhou")
    path = wang.post("/admin/payouts/new", form(desk, desk.fund(), amount="200.00")).headers["Location"]
    (payout,) = desk.payouts()
    assert payout.status == "requested"
    assert "请另一位财务处理" in wang.get(path).text
    own = wang.post(f"{path}/approve", {"content_sha256": payout.content_sha256})
    assert "不能审批自己提出的付款" in desk.told(wang, own)
    stale = zhou.post(f"{path}/approve", {"content_sha256": "0" * 64})
    assert "内容与看到的不一致" in desk.told(zhou, stale)
    seen = re.search(r'name="content_sha256" value="(\w+)"', zhou.get(path).text)
    assert seen
    assert "已批准" in desk.told(zhou, zhou.post(f"{path}/approve", {"content_sha256": seen[1]}))
    again = zhou.post(f"{path}/approve", {"content_sha256": seen[1]})
    assert "不在等待审批" in desk.told(zhou, again)
    (payout,) = desk.payouts()
    assert (payout.status, payout.approved_by is not None) == ("approved", True)


def test_cancelled_only_while_nothing_was_ordered_F82(desk: Desk) -> None:
    desk.know(1)
    programme_id, wang = desk.fund(), desk.as_("wang")
    early = owe(desk.runtime, programme_id, openid(1), source_id=1)
    assert "已取消" in desk.told(wang, wang.post(f"/admin/payouts/{early}/cancel"))
    late, _order_id = ordered(desk, programme_id, status="sending")
    assert "不能取消" in desk.told(wang, wang.post(f"/admin/payouts/{late}/cancel"))
    assert [payout.status for payout in desk.payouts()] == ["cancelled", "ordered"]
    assert "不能撤回" in desk.told(wang, wang.post(f"/admin/payouts/{late}/take-back"))
    transfer, order_id = ordered(desk, programme_id, status="accepted", channel="transfer_bills", holding="unclaimed")
    assert "以微信的答复为准" in desk.told(wang, wang.post(f"/admin/payouts/{transfer}/take-back"))
    with desk.runtime.database.reading() as session:
        order = session.get_one(Order, order_id)
    assert (order.status, order.is_cancel_wanted, order.next_step) == ("accepted", True, "query")
    assert payout_of(desk.runtime, transfer).status == "ordered"


def test_approved_and_cancelled_by_many_at_once_each_counts_once_F24_F82(desks: Desk) -> None:
    desks.know(1)
    programme_id = desks.fund(person_fen_per_month=20_000)
    database = desks.runtime.database
    for turn in range(3):
        payout_id = owe(desks.runtime, programme_id, openid(1), 20_000, source_id=turn + 1)
        seen, staff_id = payout_of(desks.runtime, payout_id).content_sha256, 99

        def click(number: int, payout_id: int = payout_id, seen: str = seen, staff_id: int = staff_id) -> str:
            try:
                with database.transaction() as session:
                    if number % 2:
                        return "cancelled" if asking.cancel(session, payout_id, desks.now) else ""
                    asking.approve(session, payout_id, staff_id, seen, desks.now)
                    return "approved"
            except Refusal:
                return ""

        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(click, range(16)))
        assert done.count("cancelled") == 1
        assert done.count("approved") <= 1
        assert payout_of(desks.runtime, payout_id).status == "cancelled"
        with database.reading() as session:  # given back once: the next turn may use it, and no more than it
            assert [
                (quota.n, quota.fen)
                for quota in session.scalars(select(Quota).where(Quota.name.startswith("programme:")))
            ] == [(0, 0)]


def test_what_came_back_is_issued_once_more_and_never_without_a_second_person_F83(desks: Desk) -> None:
    desks.know(1)
    payout_id = owe(desks.runtime, desks.fund(), openid(1), 100)
    browser = desks.as_("wang")
    path = f"/admin/payouts/{payout_id}/reissue"
    assert "只有已退回或失败" in desks.told(browser, browser.post(path))
    with desks.runtime.database.transaction() as session:
        session.execute(update(Payout).values(status="returned", due_at=None, settled_at=desks.now))
    token = browser.token()

    def click(_number: int) -> str:
        client = desks.app.test_client()
        for name in ("staff", "wxbot"):
            cookie = browser.client.get_cookie(name)
            assert cookie
            client.set_cookie(name, cookie.value)
        return client.post(path, data={"csrf_token": token}).headers["Location"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(click, range(16)))) == 1
    old, made = desks.payouts()
    assert (made.source_kind, made.source_id, made.amount_fen, made.openid) == ("reissue", old.id, 100, old.openid)
    assert made.status == "requested"  # below second_person_fen, and still two people
    own = browser.post(f"/admin/payouts/{made.id}/approve", {"content_sha256": made.content_sha256})
    assert "不能审批自己" in desks.told(browser, own)
    assert f"已补发为 #{made.id}" in browser.get(f"/admin/payouts/{old.id}").text


def test_each_tab_holds_what_it_says_and_says_what_comes_next(desk: Desk) -> None:
    desk.know(1, "李四")
    programme_id, later = desk.fund(), desk.now + timedelta(minutes=95)
    ordered(desk, programme_id, status="unknown", err_code="SYSTEMERROR", next_step="query", next_check_at=later)
    ordered(desk, programme_id, status="manual", err_code="FATAL_ERROR", next_check_at=None)
    ordered(desk, programme_id, status="accepted", holding="unclaimed", expires_at=later, next_check_at=later)
    ordered(desk, programme_id, send_after=desk.now + timedelta(hours=20), err_code="PERSON_DAY")
    held = owe(desk.runtime, programme_id, openid(1), 100, source_id=10)
    owe(desk.runtime, programme_id, openid(1), 20_000, source_id=9)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Payout).where(Payout.id == held).values(hold="budget", due_at=later))
    wang = desk.as_("wang")
    for tab, sentence in (
        ("unknown", "将于 14:05 再次查询"),
        ("person", "核对商户平台资金账单"),
        ("waiting", "14:05 未领自动退回"),
        ("queued", "将于 03-16 08:30 发出（今天的上限已满）"),
        ("requested", "等第二位财务审批"),
        ("held", "预算已用完"),
    ):
        page = wang.get(f"/admin/payouts?tab={tab}").text
        assert sentence in page, tab
        assert page.count("<tr>") == 2, tab
        assert len(listing_of(desk, tab)) == 1, tab
    with desk.runtime.database.reading() as session:
        counts = listing.counts(session)
    assert {tab: n for tab, n in counts.items() if n} == {
        "unknown": 1,
        "person": 1,
        "waiting": 1,
        "queued": 1,
        "requested": 1,
        "held": 1,
    }
    nobody = wang.client.get("/admin/payouts", query_string={"q": "没有这个人"}).text
    assert "没有找到" in nobody
    assert "李四" not in nobody


def test_rule14_a_manual_order_is_settled_from_its_page_by_two_cashiers(desk: Desk) -> None:
    desk.know(1)
    payout_id, order_id = ordered(desk, desk.fund(), status="manual", err_code="FATAL_ERROR")
    wang, zhou, path = desk.as_("wang"), desk.as_("zhou"), f"/admin/orders/{order_id}"
    assert "请写明依据" in wang.post(f"{path}/mark", {"after": "failed", "evidence": "短"}).text
    why = {"after": "received", "evidence": "资金账单 2026-03-15 流水 4200001 已支出"}
    assert "等另一位财务确认" in desk.told(wang, wang.post(f"{path}/mark", why))
    with desk.runtime.database.reading() as session:
        mark_id = session.scalars(select(Mark.id)).one()
    assert "核对无误，确认" not in wang.get(path).text
    assert "second" not in wang.get(path).text
    assert "不能确认自己" in desk.told(wang, wang.post(f"{path}/confirm", {"mark": str(mark_id)}))
    assert zhou.post(f"/admin/orders/{order_id + 1}/confirm", {"mark": str(mark_id)}).status_code == 404
    assert why["evidence"] in zhou.get(f"/admin/payouts/{payout_id}").text
    assert "已确认" in desk.told(zhou, zhou.post(f"{path}/confirm", {"mark": str(mark_id)}))
    with desk.runtime.database.reading() as session:
        assert session.get_one(Order, order_id).status == "received"
        said = session.scalars(select(AuditEvent.action).where(AuditEvent.outcome == "done")).all()
    assert [action for action in said if action.startswith("order_")] == ["order_mark", "order_confirm"]


def test_the_stop_button_shows_everywhere_and_holds_back_orders_F85(desk: Desk) -> None:
    desk.know(1)
    programme_id, wang, li = desk.fund(), desk.as_("wang"), desk.as_("li")
    owe(desk.runtime, programme_id, openid(1))
    answer = wang.post("/admin/merchant/stop", {"back": "payouts.index"})
    assert answer.headers["Location"] == "/admin/payouts"
    assert order_due(desk.runtime) == 0
    for page in (wang.get("/admin/payouts").text, li.get("/admin/campaigns").text, wang.get("/admin/ledger").text):
        assert "付款已停止" in page
    assert wang.post("/admin/merchant/open", {"back": "//evil.test"}).headers["Location"] == "/admin/orders"
    assert "付款已停止" not in li.get("/admin/campaigns").text
    with desk.runtime.database.reading() as session:
        assert session.scalars(select(LaneState.stopped_code)).one() is None
    assert order_due(desk.runtime) == 1


def test_the_export_runs_no_formula_and_follows_the_filters_S45(desk: Desk) -> None:
    desk.know(1)
    programme_id, wang = desk.fund(), desk.as_("wang")
    wang.post("/admin/payouts/new", form(desk, programme_id, reason="=HYPERLINK(1,2)"))
    owe(desk.runtime, programme_id, openid(1), 20_000, source_id=7)
    csv = wang.post("/admin/payouts.csv", {"tab": "queued"}).text
    assert '"\'=HYPERLINK(1,2)"' in csv
    assert csv.count("\r\n") == 2
    sheet = load_workbook(io.BytesIO(wang.post("/admin/payouts.xlsx", {}).data)).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert len(rows) == 3
    assert rows[1][11] == "=HYPERLINK(1,2)"
    assert sheet["L2"].data_type == "s"


def test_hostile_names_and_reasons_stay_texts_S41(desk: Desk) -> None:
    evil = "<img src=x onerror=alert(1)>"
    desk.know(1, evil)
    wang = desk.as_("wang")
    path = wang.post("/admin/payouts/new", form(desk, desk.fund(), reason=evil)).headers["Location"]
    for page in (path, "/admin/payouts", f"/admin/payouts/who?who={openid(1)}"):
        assert "<img src=x" not in wang.get(page).text
