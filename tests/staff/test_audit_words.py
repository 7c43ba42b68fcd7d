"""The audit log is read in words with links, and the console's sentences hold no codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import update

from tests.payouts.desk import Desk, desk_on, openid
from tests.payouts.stories import owe
from wxbot.orders.models import Order
from wxbot.payouts.models import Payout
from wxbot.payouts.place_orders import order_due
from wxbot.staff import audit
from wxbot.staff.audit_words import ACTION_WORDS, OUTCOME_WORDS, TARGETS, details_of, target_of, target_typed


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_on(sqlite_url, redis_url, tmp_path) as made:
        yield made


def test_every_action_and_outcome_has_its_words() -> None:
    assert [action for action in audit.ACTIONS if action not in ACTION_WORDS] == []
    assert set(audit.OUTCOMES) == set(OUTCOME_WORDS)


def test_every_target_leads_to_a_page_that_exists(desk: Desk) -> None:
    rules = {rule.endpoint: rule.arguments for rule in desk.app.url_map.iter_rules()}
    for word, page in TARGETS.values():
        assert word.zh and word.en
        if page is not None:
            assert rules[page[0]] == {page[1]}, page
    assert target_of("campaign:12").link == ("campaigns.page", "campaign_id", 12)
    assert target_of("campaign:x").link is None and target_of("payouts.index").said.zh == ""


@pytest.mark.parametrize("kind", TARGETS)
def test_a_subject_is_looked_for_as_the_log_shows_it(kind: str) -> None:
    said, word = target_of(f"{kind}:12").said, target_of(kind).said
    assert {target_typed(each, {}) for each in (said.zh, said.en, f"{word.zh}12", f"{word.zh}#12")} == {f"{kind}:12"}
    assert target_typed(word.zh, {}) == target_typed(word.en.upper(), {}) == f"{kind}:"
    assert target_typed(f"{kind}:12", {}) == f"{kind}:12" and target_typed("王财务", {"王财务": 4}) == "staff:4"


def test_the_log_is_filtered_by_words_and_says_who_by_name(desk: Desk) -> None:
    assert desk.fund() == 1
    desk.as_("wang").post("/admin/programmes/1/close")
    admin = desk.as_("chen")
    pages = {words: admin.get(f"/admin/audit?target={quote(words)}").text for words in SOUGHT}
    assert [words for words, page in pages.items() if "<td>关闭项目" in page] == list(SOUGHT)[:3]
    assert ">王" in pages["项目 1"] and 'title="wang.test"' in pages["项目 1"]
    assert 'value="项目 1"' in pages["programme:1"] and "campaign:" not in pages["项目 1"]


SOUGHT = ("项目 1", "项目", "programme:1", "项目 2", "活动 1")


def test_details_are_words_and_never_keys_or_codes() -> None:
    detail = {
        "reason": "four_eyes",
        "amount_fen": 880,
        "content": "0" * 64,
        "fields": ["begin_at"],
        "role": "cashier",
        "removed": True,
        "locked": False,
    }
    assert [said.zh for said in details_of(detail)] == ["原因：需要另一个人", "金额：¥8.80", "角色：财务", "移出"]
    assert [said.zh for said in details_of({"reason": "some_new_code"})] == ["原因：其他"]
    assert [said.zh for said in details_of({"reason": "照片模糊"})] == ["原因：照片模糊"]


def test_the_log_reads_as_words_with_links(desk: Desk) -> None:
    assert desk.as_("wang").post("/admin/merchant/stop", {"why": "对不上账"}).status_code == 303
    assert desk.as_("wang").post("/admin/payouts/1/cancel", {}).status_code == 404
    desk.know(1)
    owe(desk.runtime, desk.fund(), openid(1), 100)
    assert desk.as_("wang").post("/admin/payouts/1/cancel", {}).status_code == 303
    assert desk.as_("li").get("/admin/orders").status_code == 403
    page = re.sub(r'title="[^"]*"|<option.*?</option>', "", desk.as_("chen").get("/admin/audit").text)
    for word in ("停止所有付款", "原因：对不上账", "取消付款", "付款 1", "打开没有权限的页面", "原因：没有权限"):
        assert word in page, word
    assert not re.search(r">\s*(merchant_stop|payout_cancel|payout:1|orders\.index|reason=)", page)


def test_pages_of_money_say_what_a_code_means_and_keep_the_code_beside(desk: Desk) -> None:
    desk.know(1)
    payout_id = owe(desk.runtime, desk.fund(), openid(1), 880)
    order_due(desk.runtime)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Order).values(status="manual", err_code="NOTENOUGH"))
        session.execute(update(Payout).values(err_code="NOTENOUGH"))
    for path in ("/admin/payouts", "/admin/orders", f"/admin/payouts/{payout_id}", "/admin/orders/1"):
        page = desk.as_("wang").get(path).text
        assert "余额不足" in page and not re.search(r"<(b|strong)[^>]*>NOTENOUGH", page), path
        assert "NOTENOUGH" in page, "whoever looks a code up finds it"
        assert ">sendredpack" not in page, path
