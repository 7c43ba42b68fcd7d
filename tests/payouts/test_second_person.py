"""Ways to be both people that were tried: the second person cannot be avoided (money rule 14, security S56)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.payouts.desk import Desk, csv_file, openid, phone
from tests.payouts.stories import owe
from tests.payouts.test_pages import form
from tests.staff.consoles import PASSWORD, Browser, move_clock
from wxbot.payouts.list_rows import request_rows
from wxbot.payouts.models import PayList, Payout
from wxbot.quotas import Quota
from wxbot.staff import accounts
from wxbot.staff.models import Staff


def paid_by_hand(desk: Desk, programme_id: int, *amounts: str, login: str = "wang", who: int = 1) -> Sequence[str]:
    """Statuses of payouts that one cashier asks for, one after the other."""
    for amount in amounts:
        values = form(desk, programme_id, who, amount)
        page = desk.as_(login).get("/admin/payouts/new").text
        values["form_token"] = re.findall(r'name="form_token" value="([^"]+)"', page)[0]
        answer = desk.as_(login).post("/admin/payouts/new", values)
        assert answer.status_code == 303, answer.text
    return [payout.status for payout in desk.payouts()][-len(amounts) :]


def test_a_cashier_who_pays_a_little_less_four_times_needs_a_second_one_from_the_sum_on_S56(desk: Desk) -> None:
    for n in range(1, 5):
        desk.know(n)
    programme_id = desk.fund()
    assert paid_by_hand(desk, programme_id, "99.99") == ["approved"]
    assert paid_by_hand(desk, programme_id, "99.99", who=2) == ["requested"]
    assert paid_by_hand(desk, programme_id, "1.00", who=3) == ["requested"], "all later ones of the day, however small"
    assert paid_by_hand(desk, programme_id, "1.00", login="zhou", who=4) == ["approved"], "another cashier's own sum"
    move_clock(desk.runtime, timedelta(hours=12))  # the next Shanghai day: NOON is noon there
    browser = desk.as_("wang")
    assert browser.sign_in("wang").status_code == 303
    assert paid_by_hand(desk, programme_id, "99.99", who=3) == ["approved"]


def test_two_cashiers_cannot_share_one_payee_below_the_sum_S56(desk: Desk) -> None:
    desk.know(1)
    programmes = desk.fund(), desk.fund(n=2)
    assert paid_by_hand(desk, programmes[0], "60.00") == ["approved"]
    assert paid_by_hand(desk, programmes[1], "40.00", login="zhou") == ["requested"], "exactly the threshold, elsewhere"


def test_what_a_list_pays_counts_and_what_is_refused_or_sent_twice_does_not_S56(desk: Desk) -> None:
    desk.know_many(2)
    programme_id = desk.fund(person_fen_per_month=12_000)
    list_id = desk.ready(csv_file((phone(1), "", "90.00", "")), programme_id)
    request_rows(desk.runtime)
    assert desk.list(list_id).status == "done"
    too_much = form(desk, programme_id, 1, "40.00")
    for _ in range(2):
        assert "上限" in desk.as_("zhou").post("/admin/payouts/new", too_much).text
    with desk.runtime.database.reading() as session:
        sums = {quota.name: quota.fen for quota in session.scalars(select(Quota))}
    assert sums[f"payee:{openid(1)}"] == 9_000
    assert paid_by_hand(desk, programme_id, "10.00", login="zhou") == ["requested"]
    owe(desk.runtime, programme_id, openid(2), 100, source_id=77)
    owe(desk.runtime, programme_id, openid(2), 100, source_id=77)
    with desk.runtime.database.reading() as session:
        assert session.get_one(Quota, (f"payee:{openid(2)}", f"{desk.now:%Y%m%d}")).fen == 100


@pytest.mark.on_both
def test_many_at_once_let_no_sum_be_passed_alone_S56(desks: Desk) -> None:
    desks.know_many(8)
    programme_id = desks.fund()

    def ask(n: int) -> int:
        return owe(desks.runtime, programme_id, openid(n), 3_000, source_id=n)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(1, 9)))
    alone = [payout for payout in desks.payouts() if payout.status == "approved"]
    assert sum(payout.amount_fen for payout in alone) == 9_000


# --- who may still act ---------------------------------------------------------------------------------------------


def disable(desk: Desk, login: str) -> None:
    with desk.runtime.database.reading() as session:
        staff_id = session.scalars(select(Staff.id).where(Staff.login == f"{login}.test")).one()
    with desk.runtime.database.transaction() as session:
        accounts.set_active(session, staff_id, False)


@pytest.mark.on_postgresql
def test_after_a_cashier_is_disabled_none_of_their_running_requests_pays_S26(desks: Desk) -> None:
    desks.know_many(8)
    programme_id, zhou = desks.fund(), desks.as_("zhou")
    ids = [owe(desks.runtime, programme_id, openid(n % 8 + 1), 20_000, source_id=n) for n in range(1, 25)]
    seen = {payout.id: payout.content_sha256 for payout in desks.payouts()}
    token, cookies = zhou.token(), [zhou.client.get_cookie(name) for name in ("staff", "wxbot")]

    def approve(payout_id: int) -> tuple[int, int]:
        client = desks.app.test_client()
        for cookie in cookies:
            assert cookie
            client.set_cookie(cookie.key, cookie.value)
        values = {"csrf_token": token, "content_sha256": seen[payout_id]}
        return payout_id, client.post(f"/admin/payouts/{payout_id}/approve", data=values).status_code

    def disable_between() -> set[int]:
        disable(desks, "zhou")
        return {payout.id for payout in desks.payouts() if payout.status == "approved"}

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(approve, payout_id) for payout_id in ids[:4]]
        disabling = pool.submit(disable_between)
        running += [pool.submit(approve, payout_id) for payout_id in ids[4:20]]
        paid_then = disabling.result()
        running += [pool.submit(approve, payout_id) for payout_id in ids[20:]]
        [each.result() for each in running]
    assert {payout.id for payout in desks.payouts() if payout.status == "approved"} == paid_then
    assert len(paid_then) < len(ids)


class SlowBody(io.BytesIO):
    """A body during which something happens."""

    def __init__(self, raw: bytes, then: Callable[[], object]) -> None:
        super().__init__(raw)
        self.then: Callable[[], object] | None = then

    def _meanwhile(self) -> None:
        then, self.then = self.then, None
        if then is not None:
            then()

    def read(self, size: int | None = -1) -> bytes:
        self._meanwhile()
        return super().read(size)

    def readinto(self, buffer: Any) -> int:
        self._meanwhile()
        return super().readinto(buffer)

    def readline(self, size: int | None = -1) -> bytes:
        self._meanwhile()
        return super().readline(size)


def test_an_upload_asks_who_it_is_after_its_body_too_S26(desk: Desk) -> None:
    programme_id, zhou = desk.fund(), desk.as_("zhou")
    token = zhou.token()
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (("csrf_token", token), ("programme", programme_id))
    ]
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    raw = b"".join((*parts, head, csv_file((phone(1), "", "1.00", "")), b"\r\n--x--\r\n"))
    body = SlowBody(raw, lambda: ThreadPoolExecutor(1).submit(disable, desk, "zhou").result())
    answer = zhou.client.post(
        "/admin/lists/new", input_stream=body, content_length=len(raw), content_type="multipart/form-data; boundary=x"
    )
    assert body.then is None
    assert answer.headers["Location"].endswith("/admin/sign-in")
    with desk.runtime.database.reading() as session:
        assert session.scalars(select(PayList)).all() == []


# --- accounts that an admin could be -------------------------------------------------------------------------------


def given_password(desk: Desk, path: str, values: dict[str, str] | None = None) -> str:
    """What the admin's page of a new password shows once."""
    answer = desk.as_("chen").post(path, values or {})
    assert answer.status_code == 200, answer.text
    return re.findall(r"<code[^>]*>([A-Za-z2-9]{14})</code>", answer.text)[0]


def enter(desk: Desk, login: str, temporary: str) -> Browser:
    """Sign in with the password that an admin gave, choose an own one, sign in anew."""
    browser = Browser(desk.app, login, temporary)
    own = {"old": temporary, "password": PASSWORD, "again": PASSWORD}
    assert browser.post("/admin/password", own).status_code == 303
    return Browser(desk.app, login)


def approve_as(desk: Desk, browser: Browser, payout_id: int) -> str:
    with desk.runtime.database.reading() as session:
        seen = session.get_one(
            Payout, payout_id
        ).content_sha256  # whom the page offers no button may send it all the same
    return desk.told(browser, browser.post(f"/admin/payouts/{payout_id}/approve", {"content_sha256": seen}))


HIRED = {"login": "gao.test", "name": "高财务", "role": "cashier"}


def test_an_admin_who_gives_themselves_a_cashiers_password_waits_a_day_and_everybody_sees_it_S56(desk: Desk) -> None:
    desk.know_many(2)
    programme_id = desk.fund()
    payout_id = owe(desk.runtime, programme_id, openid(1), 20_000, source_id=900)
    with desk.runtime.database.reading() as session:
        zhou_id = session.scalars(select(Staff.id).where(Staff.login == "zhou.test")).one()
    hired = enter(desk, "gao", given_password(desk, "/admin/staff", HIRED))
    reset = enter(desk, "zhou", given_password(desk, f"/admin/staff/{zhou_id}/reset"))
    for browser, name in ((hired, "高财务"), (reset, "周财务")):
        assert "之后才能审批" in approve_as(desk, browser, payout_id)
        for reader in ("li", "sun", "wang", "chen"):
            place = {"sun": "/admin/vouchers", "chen": "/admin/staff"}.get(reader, "/admin/")
            assert name in desk.as_(reader).client.get(place, follow_redirects=True).text, "everybody sees it"
    desk._browsers["gao"] = hired
    assert paid_by_hand(desk, programme_id, "1.00", login="gao", who=2) == ["requested"], "nor alone"
    move_clock(desk.runtime, timedelta(hours=24))
    later = Browser(desk.app, "gao")
    assert "高财务" not in later.get("/admin/payouts").text.partition("</aside>")[2]
    assert "已批准" in approve_as(desk, later, payout_id)


def test_an_account_that_lay_disabled_while_its_day_passed_waits_once_more_S56(desk: Desk) -> None:
    payout_id = owe(desk.runtime, desk.fund(), openid(1), 20_000)
    with desk.runtime.database.reading() as session:
        zhou_id = session.scalars(select(Staff.id).where(Staff.login == "zhou.test")).one()
    temporary = given_password(desk, f"/admin/staff/{zhou_id}/reset")
    assert desk.as_("chen").post(f"/admin/staff/{zhou_id}/disable").status_code == 303
    move_clock(desk.runtime, timedelta(hours=25))
    desk._browsers.pop("chen")
    assert desk.as_("chen").post(f"/admin/staff/{zhou_id}/enable").status_code == 303
    assert "之后才能审批" in approve_as(desk, enter(desk, "zhou", temporary), payout_id)


def test_a_payout_that_waits_says_which_sum_made_it_wait_S56(desk: Desk) -> None:
    for n in range(1, 5):
        desk.know(n)
    programmes = desk.fund(), desk.fund(n=2)

    def step(*paid: Any, **who: Any) -> str:
        paid_by_hand(desk, *paid, **who)
        page = desk.as_("zhou").get(f"/admin/payouts/{desk.payouts()[-1].id}").text
        return "；".join(re.findall(r"等第二位财务审批：([^<]*)", page)[:1])

    assert step(programmes[0], "60.00") == ""
    assert step(programmes[0], "40.00", who=2) == "申请人当天合计 ¥100.00"
    assert step(programmes[1], "45.00", login="zhou") == "给此人的当天合计 ¥105.00"
    assert step(programmes[1], "100.00", who=3, login="zhou") == "这一笔达到须复核的金额 ¥100.00"
    assert step(programmes[0], "1.00", who=1) == "申请人当天合计 ¥101.00；给此人的当天合计 ¥106.00"
    assert "给此人的当天合计 ¥106.00" in desk.as_("zhou").get("/admin/payouts?tab=requested").text
