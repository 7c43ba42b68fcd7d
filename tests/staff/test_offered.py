"""A button to agree is offered to whom it would do, and says in its place why not to everybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, update

from tests.payouts.desk import Desk, csv_file, desk_on, openid, phone
from tests.staff.consoles import NOON, seed_story
from tests.vouchers.stage import Stage, lay_stage
from wxbot.campaigns.models import Campaign
from wxbot.payouts.create import PayoutRequest, request
from wxbot.payouts.models import BudgetChange
from wxbot.people.models import PersonMark
from wxbot.staff.models import Staff

WAITS = "不满 24 小时"
WANG = 4
"""The cashier who asks for everything here."""


class House:
    """One of everything that waits for a second person: who decides, where, and what the button leads to."""

    def __init__(self, desk: Desk, stage: Stage) -> None:
        self.desk, self.stage = desk, stage
        desk.know(7, "赵七")
        desk.know(8, "钱八", status="held")
        self.programme = desk.fund(budget_fen=50_000)
        self.list = desk.uploaded(csv_file((phone(7), "赵七", "8.80", "三月")), self.programme)
        assert "已提交" in desk.do("wang", self.list, "submit")
        desk.as_("wang").post(
            f"/admin/programmes/{self.programme}/changes",
            {"direction": "less", "amount": "100", "note": "年底收回"},
        )
        claim = PayoutRequest("manual", 1, self.programme, openid(7), 20_000, created_by=WANG)
        with desk.runtime.database.transaction() as session:
            self.payout = request(session, desk.runtime.settings, claim, desk.now).id
        self.voucher = stage.hand_in(1).id
        stage.hand_in(2)
        desk.as_("sun").post("/admin/vouchers/next", {})
        self.waiting = {
            "campaign": ("zhou", "/admin/campaigns/2", 'data-dialog="do-approve"'),
            "list": ("zhou", f"/admin/lists/{self.list}", 'data-dialog="do-approve"'),
            "budget": ("zhou", f"/admin/programmes/{self.programme}", 'data-dialog="approve-1"'),
            "payout": ("zhou", f"/admin/payouts/{self.payout}", 'data-dialog="approve"'),
            "binding": ("sun", "/admin/roster/bindings?view=held", "通过</button>"),
            "voucher": ("sun", "/admin/vouchers", "批准<kbd>a</kbd>"),
            "vouchers": ("sun", "/admin/vouchers/bulk", 'id="bulk-send"'),
        }

    def shows(self, name: str) -> tuple[bool, str]:
        """Whether the button is offered, and what stands in its place."""
        login, path, button = self.waiting[name]
        page = self.desk.as_(login).get(path).text
        why = re.findall(r'<span class="blocked">.*?</svg><span>(.*?)</span></span>', page, re.S)
        return button in page, " ".join(why)

    def hold(self) -> None:
        """Both deciders got a new password in the console a moment ago."""
        with self.desk.runtime.database.transaction() as session:
            session.execute(update(Staff).values(approves_from=NOON + timedelta(hours=24)))


@pytest.fixture
def house(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[House]:
    with desk_on(sqlite_url, redis_url, tmp_path) as desk:
        seed_story(desk.runtime.database, NOON, packets=20)
        yield House(desk, lay_stage(desk.runtime))


def test_who_may_agree_is_offered_it_and_an_account_that_waits_is_told_until_when(house: House) -> None:
    assert {name: house.shows(name) for name in house.waiting} == dict.fromkeys(house.waiting, (True, ""))
    zhou, asked = house.desk.as_("zhou"), list[str]()
    event.listen(house.desk.runtime.database.engine, "before_cursor_execute", lambda *call: asked.append(str(call[2])))
    assert zhou.get("/admin/campaigns/2/live").status_code == 200
    assert len([each for each in asked if "campaigns.keyword !=" in each]) == 1, "it is looked over once a poll"
    house.hold()
    for name in house.waiting:
        is_offered, why = house.shows(name)
        assert not is_offered and WAITS in why, (name, why)
    assert "您的账号" in house.desk.as_("zhou").get("/admin/").text


def test_what_would_be_refused_says_why_instead(house: House) -> None:
    with house.desk.runtime.database.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == 2).values(terms={"device_ids": []}))
        session.execute(update(BudgetChange).values(change_fen=-60_000))
        for who in (openid(8), house.stage.voucher(house.voucher).openid):
            mark = {"mark": "block", "kind": "openid", "subject": who, "phone_sealed": "", "reason": "假凭证"}
            session.add(PersonMark(**mark, created_at=NOON))
    house.desk.as_("wang").post(f"/admin/programmes/{house.programme}/close", {})
    said = {name: house.shows(name) for name in ("campaign", "budget", "list", "binding", "voucher")}
    assert [name for name, (is_offered, _) in said.items() if is_offered] == []
    words = {
        "campaign": "原因见下",
        "budget": "无法调减",
        "list": "项目已关闭",
        "binding": "黑名单",
        "voucher": "黑名单",
    }
    for name, word in words.items():
        assert word in said[name][1], (name, said[name][1])


def test_nobody_is_offered_their_own_and_a_launch_that_is_too_late_is_none(house: House) -> None:
    desk = house.desk
    asked = desk.as_("wang").get(f"/admin/payouts/{house.payout}").text
    assert "不能审批自己提出的付款" in asked and 'data-dialog="approve"' not in asked
    mine = desk.as_("wang").get(f"/admin/lists/{house.list}").text
    assert "不能审批自己上传的名单" in mine and 'data-dialog="do-approve"' not in mine
    over = {"status": "approved", "begin_at": NOON - timedelta(days=1), "end_at": NOON}
    with desk.runtime.database.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == 2).values(**over))
    late = desk.as_("li").get("/admin/campaigns/2").text
    assert "活动时间已经结束" in late and 'data-dialog="do-launch"' not in late
