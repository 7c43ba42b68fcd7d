"""What waits for exactly this person stands on their home page and in their side bar; what they asked for themselves does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.payouts.desk import Desk, csv_file, desk_on, openid, phone
from tests.payouts.stories import owe
from tests.staff.consoles import NOON, seed_story
from wxbot import inbox
from wxbot.orders.models import Order
from wxbot.payouts import programmes
from wxbot.payouts.place_orders import order_due
from wxbot.staff.console import roles_of
from wxbot.staff.models import ROLES


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_on(sqlite_url, redis_url, tmp_path) as made:
        yield made


def waiting(desk: Desk, login: str, path: str = "/admin/") -> dict[str, tuple[int, str]]:
    """Words → (count, address) of a person's inbox on the overview."""
    page = desk.as_(login).get(path).text
    found = re.findall(r'<li><a href="([^"]+)"><span>([^<]+)</span><b class="waits num">(\d+)</b>', page)
    return {word: (int(count), url.replace("&amp;", "&")) for url, word, count in found}


def beside(desk: Desk, login: str, path: str) -> dict[str, str]:
    """Address → count of the side bar."""
    page = desk.as_(login).get(path).text
    return dict(
        re.findall(
            r'<a class="[^"]*" href="(/admin/[^"]*)"[^>]*>(?:(?!</a>).)*<b class="waits num"[^>]*>(\S+?)</b>', page
        )
    )


def by_hand(desk: Desk, programme_id: int, token: str) -> int:
    """Wang owes somebody so much that a second cashier must agree; returns the payout's id."""
    form = {
        "form_token": token,
        "programme": str(programme_id),
        "openid": openid(1),
        "amount": "200",
        "reason": "地推奖励",
    }
    answer = desk.as_("wang").post("/admin/payouts/new", form)
    assert answer.status_code == 303, answer.text
    return int(answer.headers["Location"].rsplit("/", 1)[1])


def test_a_payout_that_needs_a_second_person_waits_for_the_other_cashier_alone(desk: Desk) -> None:
    desk.know(1)
    assert waiting(desk, "zhou") == {} and "现在没有等您处理的事" in desk.as_("zhou").get("/admin/").text
    payout_id = by_hand(desk, desk.fund(), "a" * 30)
    assert waiting(desk, "zhou") == {"付款待审批": (1, f"/admin/payouts/{payout_id}")}, "a single one is opened at once"
    assert waiting(desk, "wang") == {}, "who asked for it is not the second person"
    assert waiting(desk, "li") == {}
    by_hand(desk, desk.fund(n="2"), "b" * 30)
    assert waiting(desk, "zhou") == {"付款待审批": (2, "/admin/payouts?tab=requested")}
    assert beside(desk, "zhou", "/admin/payouts") == {"/admin/payouts": "2"}
    assert beside(desk, "wang", "/admin/payouts") == {}


def test_lists_budgets_orders_and_campaigns_wait_for_whom_they_concern(desk: Desk) -> None:
    desk.know(1)
    programme_id = desk.fund()
    list_id = desk.uploaded(csv_file((phone(1), "", "8.80", "")), programme_id, "li")
    assert waiting(desk, "li") == {"付款名单待提交": (1, f"/admin/lists/{list_id}")}
    desk.do("li", list_id, "submit")
    with desk.runtime.database.transaction() as session:
        programmes.ask_change(session, programme_id, 5_000, "四月", 4, desk.now)
    owe(desk.runtime, programme_id, openid(1), 100)
    order_due(desk.runtime)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Order).values(status="manual", err_code="FATAL_ERROR"))
    _, submitted_id = seed_story(desk.runtime.database, NOON, packets=1)
    assert waiting(desk, "li") == {}
    both = {"付款名单待审批": (1, f"/admin/lists/{list_id}"), "活动待审批": (1, f"/admin/campaigns/{submitted_id}")}
    assert waiting(desk, "wang") == both | {"订单待人工判断": (1, "/admin/orders/1")}
    assert waiting(desk, "zhou") == waiting(desk, "wang") | {"预算调整待审批": (1, f"/admin/programmes/{programme_id}")}
    mark = {"after": "failed", "evidence": "资金账单 2026-03-15 没有这个单号的支出"}
    assert desk.as_("wang").post("/admin/orders/1/mark", mark).status_code == 303
    assert waiting(desk, "wang") == both, "a mark of one's own waits for somebody else"
    assert waiting(desk, "zhou")["订单处理意见待确认"] == (1, "/admin/orders/1")
    assert "订单待人工判断" not in waiting(desk, "zhou")


def test_every_source_can_be_asked_and_leads_to_a_page_of_its_role(desk: Desk) -> None:
    views = desk.app.view_functions
    for source in inbox.SOURCES:
        assert source.role in ROLES
        places = [source.entry, source.place or source.entry] + ([source.single[0]] if source.single else [])
        for endpoint in places:
            assert source.role in roles_of(views[endpoint]), (source.said.zh, endpoint)
        with desk.runtime.database.reading() as session:
            assert session.scalars(source.waiting(4, desk.now)).all() == []


def test_the_stop_is_told_once_with_who_and_why(desk: Desk) -> None:
    stopped = desk.as_("wang").post("/admin/merchant/stop", {"why": "账户余额对不上", "back": "payouts.index"})
    assert stopped.status_code == 303
    for path in ("/admin/", "/admin/payouts", "/admin/orders", "/admin/lists"):
        page = desk.as_("zhou").get(path).text
        assert page.count("账户余额对不上") == 1 and page.count("付款已停止") == 1, path
        assert "wang.test" in page and "STOPPED_BY_STAFF" not in page
    assert desk.as_("wang").post("/admin/merchant/open", {}).status_code == 303
    assert "付款已停止" not in desk.as_("zhou").get("/admin/").text
