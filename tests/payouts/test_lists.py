"""Pay a list: every bad row is named, nothing is owed before a second person agrees, and then each row exactly once."""

from __future__ import annotations

import csv
import io
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.conftest import Cast, simulator_settings
from tests.payouts.desk import Desk, csv_file, openid, phone, xlsx_file
from tests.payouts.stories import fund, pass_time, sound
from tests.payouts.test_rule_changes import answer
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from tests.staff.consoles import move_clock
from wxbot import quotas, sheets
from wxbot.confined import cells
from wxbot.money import yuan
from wxbot.payouts import list_read, list_results, lists
from wxbot.payouts.create import PayoutRequest, request
from wxbot.payouts.list_rows import request_rows
from wxbot.payouts.list_words import fault_text
from wxbot.payouts.lists import AlreadyUploaded, File
from wxbot.payouts.models import ListRow, PayList, Programme
from wxbot.people.models import Binding
from wxbot.runtime import Runtime
from wxbot.worker import run_until_quiet

EVIL = [
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "{{7*7}}",
    "</script><script>",
    '=HYPERLINK("http://x")',
    "＋1",
    "@cmd",
]


# --- the preview --------------------------------------------------------------------------------------------------


def test_every_bad_row_is_named_and_good_ones_are_not_touched(desk: Desk) -> None:
    programme_id = desk.fund(person_fen_per_month=5_000, needs_binding=True)
    for n in (1, 2, 3, 4, 5, 6):
        desk.know(n, status="held" if n == 3 else "active")
    desk.block(2)
    with desk.runtime.database.transaction() as session:
        quotas.take(session, f"programme:{programme_id}:{openid(6)}", "202603", 4_000)
    header = ("手机号", "openid", "姓名", "金额（元）", "备注")
    rows: list[tuple[Any, ...]] = [
        (phone(1), "", "甲", "8.80", "好"),
        (f"+86 {phone(1)[:3]}-{phone(1)[3:]}", "", "甲", "8.80", ""),
        (phone(2), "", "乙", "1", ""),
        (phone(3), "", "丙", "1", ""),
        (phone(9), "", "丁", "1", ""),
        ("12345", "", "", "1", ""),
        ("", "", "", "1", ""),
        ("", "x y", "", "1", ""),
        ("", openid(77), "", "1", ""),
        (phone(4), openid(5), "", "1", ""),
        (phone(5), "", "", "", ""),
        (phone(5), "", "", "1.005", ""),
        (phone(5), "", "", "0.99", ""),
        (phone(5), "", "", "200.01", ""),
        (phone(5), "", "", 12.3, ""),
        (phone(6), "", "", "10.01", ""),
        (phone(4), "", "=1+1", "1", ""),
    ]
    list_id = desk.uploaded(xlsx_file(*rows, header=header), programme_id)
    found = [row.fault.partition(":")[0] for row in desk.rows(list_id)]
    assert found == [
        "",
        "duplicate",
        "blocked",
        "held",
        "not_listed",
        "bad_phone",
        "no_person",
        "bad_openid",
        "needs_binding",
        "other_person",
        "no_amount",
        "bad_amount",
        "below_min",
        "above_max",
        "",
        "month_limit",
        "cell",
    ]
    pay_list = desk.list(list_id)
    assert (pay_list.rows, pay_list.good_rows, pay_list.total_fen) == (17, 2, 880 + 1_230)
    page = desk.as_("wang").get(f"/admin/lists/{list_id}").text
    for row in desk.rows(list_id):
        if row.fault:
            assert fault_text(row.fault, "zh") in page
            assert fault_text(row.fault, "en") != fault_text(row.fault, "zh")
    assert "13800000001" not in page and "+86" not in str([vars(row) for row in desk.rows(list_id)])


def test_a_row_that_becomes_good_is_found_by_looking_again(desk: Desk) -> None:
    programme_id = desk.fund()
    list_id = desk.uploaded(csv_file((phone(1), "甲", "2", ""), (phone(2), "乙", "3", "")), programme_id)
    assert desk.list(list_id).good_rows == 0
    desk.know(2)
    desk.do("wang", list_id, "check")
    assert [row.fault for row in desk.rows(list_id)] == ["not_listed", ""]
    assert (desk.list(list_id).good_rows, desk.list(list_id).total_fen) == (1, 300)
    with (
        desk.runtime.database.transaction() as session
    ):  # the phone goes to somebody else before the list is handed on (F79)
        binding = session.query(Binding).filter_by(openid=openid(2)).one()
        binding.openid = openid(8)
    assert "没有可以付款的行" in desk.do("wang", list_id, "submit", skip_faulty="1")
    assert [row.fault for row in desk.rows(list_id)] == ["not_listed", "other_person"]


def test_warnings_name_what_was_paid_lately_and_what_looks_wrong(desk: Desk) -> None:
    programme_id = desk.fund()
    for n, name in ((1, "甲"), (2, "乙"), (3, "丙")):
        desk.know(n, name)
    with desk.runtime.database.transaction() as session:
        request(
            session,
            desk.runtime.settings,
            PayoutRequest("manual", 1, programme_id, openid(1), 500, created_by=4),
            desk.now,
        )
    desk.uploaded(csv_file((phone(2), "", "6", "")), programme_id)
    header = ("openid", "姓名", "金额", "备注")
    list_id = desk.uploaded(
        csv_file(
            (openid(1), "甲", "5", ""),
            (openid(2), "", "6", ""),
            (openid(3), "丁", "7", ""),
            (openid(9), "", "8", ""),
            header=header,
        ),
        programme_id,
    )
    page = desk.as_("wang").get(f"/admin/lists/{list_id}").text
    for sentence in ("24 小时内已有一笔同样金额的付款", "另一份名单里也有", "姓名和绑定的姓名不一样", "从未关注过本号"):
        assert sentence in page
    assert desk.list(list_id).good_rows == 4
    move_clock(desk.runtime, timedelta(hours=25))
    assert "24 小时内已有" not in desk.as_("wang").get(f"/admin/lists/{list_id}").text


def test_f30_every_amount_of_a_payout_comes_out_of_a_file_as_it_went_in(desk: Desk) -> None:
    amounts = list(range(100, 20_001))
    rows = [(openid(n), "", yuan(fen)) for n, fen in enumerate(amounts)]
    header = ("openid", "姓名", "金额")
    found = list_read.read(csv_file(*rows, header=header), desk.runtime.settings).rows
    assert [row.amount_fen for row in found] == amounts and not any(row.fault for row in found)
    some = amounts[::40]
    numbers = [(openid(n), "", fen / 100) for n, fen in enumerate(some)]  # what a spreadsheet keeps is binary
    read = list_read.read(xlsx_file(*numbers, header=header), desk.runtime.settings).rows
    assert [row.amount_fen for row in read] == some


# --- the dry run, four eyes ---------------------------------------------------------------------------------------


def test_a_dry_run_tells_the_truth_and_writes_nothing(desk: Desk) -> None:
    programme_id = desk.fund(1_000)
    desk.know_many(4)
    with desk.runtime.database.transaction() as session:
        for n in range(10):
            quotas.take(session, quotas.person(openid(2)), "20260315", 100 + n)
    list_id = desk.uploaded(csv_file(*[(phone(n), "", "4.00", "") for n in (1, 2, 3, 4)]), programme_id)
    before = desk.dump()
    page = desk.as_("wang").get(f"/admin/lists/{list_id}").text
    assert desk.dump() == before
    assert "预算差 ¥6.00，约 2 人付不了" in page
    assert "1 人今天已到上限" in page
    assert "只是推算" in page


def test_a_list_is_owed_only_after_a_second_person_agreed_to_what_they_saw(desk: Desk) -> None:
    programme_id = desk.fund(5_000)
    desk.know_many(2)
    list_id = desk.uploaded(
        csv_file((phone(1), "", "20", ""), (phone(2), "", "30", ""), ("1", "", "1", "")), programme_id
    )
    assert "有 1 行不会付款" in desk.do("wang", list_id, "submit")
    assert request_rows(desk.runtime) == 0
    desk.do("wang", list_id, "submit", skip_faulty="1")
    assert "不能审批自己上传的名单" in desk.approve("wang", list_id)
    assert "不一致" in desk.do("zhou", list_id, "approve", content_sha256="0" * 64)
    with desk.runtime.database.transaction() as session:
        session.get_one(Programme, programme_id).wishing = "改过的祝福语"
    assert "不一致" in desk.approve("zhou", list_id)
    desk.do("zhou", list_id, "send-back")
    desk.do("wang", list_id, "submit", skip_faulty="1")
    with desk.runtime.database.transaction() as session:
        session.get_one(ListRow, desk.rows(list_id)[0].id).amount_fen = 2_001
    assert "不一致" in desk.approve("zhou", list_id)
    desk.do("zhou", list_id, "send-back")
    desk.do("wang", list_id, "submit", skip_faulty="1")
    assert "预算不够" in desk.approve("zhou", list_id)
    with desk.runtime.database.transaction() as session:
        session.get_one(ListRow, desk.rows(list_id)[0].id).amount_fen = 2_000
    desk.do("zhou", list_id, "send-back")
    desk.do("wang", list_id, "submit", skip_faulty="1")
    assert desk.payouts() == []
    assert "已批准" in desk.approve("zhou", list_id)
    assert "状态已经变化" in desk.do("zhou", list_id, "approve", content_sha256=desk.list(list_id).content_sha256 or "")
    assert "状态已经变化" in desk.do("wang", list_id, "send-back")
    while request_rows(desk.runtime):
        pass
    assert [
        (payout.openid, payout.amount_fen, payout.status, payout.created_by, payout.approved_by)
        for payout in desk.payouts()
    ] == [
        (openid(1), 2_000, "approved", 4, 6),
        (openid(2), 3_000, "approved", 4, 6),
    ]
    assert desk.list(list_id).status == "done"
    assert {(row.phone_sealed, len(row.phone_masked)) for row in desk.rows(list_id)} == {(None, 11), (None, 0)}


def test_a_closed_programme_holds_its_lists_and_an_open_one_goes_on(desk: Desk) -> None:
    programme_id = desk.fund()
    desk.know_many(2)
    list_id = desk.ready(csv_file((phone(1), "", "2", ""), (phone(2), "", "3", "")), programme_id)
    wang = desk.as_("wang")
    assert "有一份已批准的名单正在付款" in wang.post(f"/admin/programmes/{programme_id}/edit", PROGRAMME).text
    wang.post(f"/admin/programmes/{programme_id}/close")
    assert request_rows(desk.runtime) == 0
    assert [row.fault for row in desk.rows(list_id)] == ["", ""]
    assert "项目已关闭" in wang.get(f"/admin/lists/{list_id}/live").text
    wang.post(f"/admin/programmes/{programme_id}/open")
    assert "已批准" in answer(desk, "zhou", "approve"), "also while its list waits to be paid"
    while request_rows(desk.runtime):
        pass
    assert len(desk.payouts()) == 2
    assert wang.post(f"/admin/programmes/{programme_id}/edit", PROGRAMME).status_code == 303


PROGRAMME = {
    "department": "市场部",
    "name": "新名",
    "send_name": "小店",
    "act_name": "奖励",
    "wishing": "辛苦",
    "remark": "奖励",
}


# --- F81 ----------------------------------------------------------------------------------------------------------


def test_f81_the_same_file_is_taken_once_and_leads_to_the_first(desk: Desk) -> None:
    programme_id = desk.fund()
    desk.know(1)
    raw = csv_file((phone(1), "", "2", ""))
    first = desk.uploaded(raw, programme_id)
    again = desk.upload(raw, programme_id, name="改了名.csv")
    assert again.status_code == 409
    assert f"/admin/lists/{first}" in again.text and "不会付第二次" in again.text
    desk.do("wang", first, "submit")
    assert desk.upload(raw, programme_id, "li").status_code == 409
    stranger, owner = desk.upload(raw, programme_id, "li").text, desk.upload(raw, programme_id).text
    with desk.runtime.database.reading() as session:
        name = session.get_one(PayList, first).name
    assert f"/admin/lists/{first}" not in stranger and f">{name}" not in stranger  # not theirs to see (S29)
    assert "这个文件已经上传过" in stranger and f"/admin/lists/{first}" in owner and name in owner
    desk.do("wang", first, "drop")
    assert desk.uploaded(raw, programme_id) != first
    assert [row.phone_sealed for row in desk.rows(first)] == [None]


@pytest.mark.on_both
def test_f81_two_uploads_of_one_file_at_once_make_one_list(desks: Desk) -> None:
    programme_id = desks.fund()
    desks.know(1)
    raw, gate = csv_file((phone(1), "", "2", "")), threading.Barrier(4)
    found = lists.read(desks.runtime, File(raw, "a.csv", ""))

    def upload(_n: int) -> str:
        gate.wait()
        parts = desks.runtime.vault, desks.runtime.settings, found, programme_id, 4, desks.now
        try:
            desks.runtime.database.twice(lambda session: lists.keep(session, *parts))
        except AlreadyUploaded as refused:
            assert refused.list_id is not None
            return refused.reason
        return "taken"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(upload, range(4))) == ["known_file"] * 3 + ["taken"]


@pytest.mark.parametrize(
    "at", [pytest.param(2, marks=pytest.mark.proof), 101, pytest.param(160, marks=pytest.mark.proof)]
)
def test_f81_a_worker_killed_at_any_row_leaves_nothing_half_and_the_next_run_ends_it(desk: Desk, at: int) -> None:
    programme_id = desk.fund()
    desk.know_many(1)
    rows = [(openid(n), "", "1.00", "") for n in range(160)]
    list_id = desk.ready(csv_file(*rows, header=("openid", "姓名", "金额", "备注")), programme_id)
    seen = 0

    def die(_c: Any, _cursor: Any, statement: str, _p: Any, _x: Any, _many: bool) -> None:
        nonlocal seen
        seen += statement.startswith("INSERT INTO payouts")
        if seen == at:
            raise KeyboardInterrupt

    engine = desk.runtime.database.engine
    event.listen(engine, "before_cursor_execute", die)
    try:
        with pytest.raises(KeyboardInterrupt):
            request_rows(desk.runtime)
    finally:
        event.remove(engine, "before_cursor_execute", die)
    assert len(desk.payouts()) == (at - 1) // 100 * 100 == sum(1 for row in desk.rows(list_id) if row.payout_id)
    while request_rows(desk.runtime):
        pass
    _each_once(desk, list_id, 160)


@pytest.mark.on_postgresql
def test_f81_workers_at_once_ask_for_each_row_once(desks: Desk) -> None:
    programme_id = desks.fund()
    rows = [(openid(n), "", "1.00", "") for n in range(250)]
    list_id = desks.ready(csv_file(*rows, header=("openid", "姓名", "金额", "备注")), programme_id)
    gate = threading.Barrier(3)

    def work(_n: int) -> int:
        gate.wait()
        return request_rows(desks.runtime)

    with ThreadPoolExecutor(3) as pool:
        asked = sum(pool.map(work, range(3)))
    assert asked == 250
    request_rows(desks.runtime)
    _each_once(desks, list_id, 250)


def _each_once(desk: Desk, list_id: int, rows: int) -> None:
    payouts = desk.payouts()
    assert {payout.source_id for payout in payouts} == {row.id for row in desk.rows(list_id)}
    assert len(payouts) == rows == len({payout.openid for payout in payouts})
    assert {row.id: row.payout_id for row in desk.rows(list_id)} == {payout.source_id: payout.id for payout in payouts}
    assert desk.list(list_id).status == "done"
    sound(desk.runtime)


def test_a_row_that_meets_its_limit_at_the_last_moment_is_named_and_the_others_go_on(desk: Desk) -> None:
    programme_id = desk.fund(person_fen_per_month=500)
    desk.know_many(2)
    list_id = desk.ready(csv_file((phone(1), "", "4", ""), (phone(2), "", "4", "")), programme_id)
    with desk.runtime.database.transaction() as session:
        request(
            session,
            desk.runtime.settings,
            PayoutRequest("manual", 1, programme_id, openid(1), 200, created_by=4),
            desk.now,
        )
    while request_rows(desk.runtime):
        pass
    first, second = desk.rows(list_id)
    assert first.payout_id is None and "上限" in fault_text(first.fault, "zh")
    assert second.payout_id is not None and desk.list(list_id).status == "done"
    assert "上限" in desk.as_("wang").get(f"/admin/lists/{list_id}").text


# --- doors --------------------------------------------------------------------------------------------------------


def test_s29_another_marketers_list_is_as_absent_as_none(desk: Desk) -> None:
    programme_id = desk.fund()
    desk.know(1)
    list_id = desk.uploaded(csv_file((phone(1), "", "2", "")), programme_id, "li")
    other = desk.as_("zhao")
    for verb in ("", "/live"):
        theirs, absent = other.get(f"/admin/lists/{list_id}{verb}"), other.get(f"/admin/lists/999{verb}")
        assert theirs.status_code == absent.status_code == 404 and theirs.text == absent.text
    for verb in ("submit", "check", "drop", "send-back", "results.csv", "results.xlsx", "faulty.csv"):
        assert other.post(f"/admin/lists/{list_id}/{verb}").status_code == 404, verb
    assert "三月" not in other.get("/admin/lists").text and "三月" in desk.as_("li").get("/admin/lists").text
    assert desk.list(list_id).status == "draft"


def test_s16_only_the_upload_takes_a_large_body_and_only_from_who_may(desk: Desk) -> None:
    programme_id = desk.fund()
    large = random.Random(16).randbytes(400_000)
    assert desk.upload(large, programme_id).status_code == 422
    body, kind = b"x" * (sheets.BYTES_MAX + 200_000), "multipart/form-data; boundary=x"
    assert desk.as_("wang").client.post("/admin/lists/new", data=body, content_type=kind).status_code == 413
    assert desk.as_("wang").post("/admin/programmes/new", {"name": "x" * 200_000}).status_code == 413
    nobody = desk.app.test_client()
    sent = {"file": (io.BytesIO(large), "a.csv")}
    assert nobody.post("/admin/lists/new", data=sent, content_type="multipart/form-data").status_code in (302, 413)


def test_s42_s45_what_comes_in_with_a_list_neither_runs_in_a_page_nor_in_a_spreadsheet(desk: Desk) -> None:
    programme_id = desk.fund()
    desk.know_many(len(EVIL))
    raw = csv_file(*[(phone(n), cells.safe_cell(text), "2", cells.safe_cell(text)) for n, text in enumerate(EVIL, 1)])
    answer = desk.upload(raw, programme_id, name="<script>alert(1)</script>../../<b>三月.csv")
    list_id = int(answer.headers["Location"].rsplit("/", 1)[1])
    assert [row.name for row in desk.rows(list_id)] == EVIL
    for path in (f"/admin/lists/{list_id}", "/admin/lists"):
        page = desk.as_("wang").get(path).text
        assert "<img src=x" not in page and "<script>" not in page and "<svg/onload" not in page and "49" not in EVIL
    desk.do("wang", list_id, "submit")
    desk.approve("zhou", list_id)
    browser = desk.as_("zhou")
    table = list(
        csv.reader(io.StringIO(browser.post(f"/admin/lists/{list_id}/results.csv").text.removeprefix("\ufeff")))
    )
    assert not any(cell.startswith(cells.DANGEROUS) for row in table for cell in row)
    for raw in (
        browser.post(f"/admin/lists/{list_id}/results.csv").data,
        browser.post(f"/admin/lists/{list_id}/results.xlsx").data,
    ):
        back = list_read.read(raw, desk.runtime.settings).rows
        assert [(row.name, row.note, row.amount_fen) for row in back if row.name] == [
            (text, text, 200) for text in EVIL
        ]
    desk.do("wang", list_id, "drop")
    assert desk.list(list_id).status == "approved"


# --- to the wallet ------------------------------------------------------------------------------------------------


def test_a_list_is_paid_to_the_wallet_and_its_results_say_so(
    sqlite_url: str, redis_url: str, tmp_path: Path, simulator: SimulatedWeChat, cast: Cast
) -> None:
    simulator.control("POST", "bank/topup", {"amount_fen": 100_000})
    with closing(Runtime(simulator_settings(simulator, sqlite_url, redis_url, tmp_path))) as runtime:
        programme_id = fund(runtime, 10_000)
        header = ("openid", "姓名", "金额", "备注")
        raw = csv_file(
            ("oNOBODYofthisaccount00000001", "外人", "3", ""), (cast.ming.openid, "阿明", "1.13", "好"), header=header
        )
        found, now = lists.read(runtime, File(raw, "三月.csv", "")), runtime.clock.now()
        parts = runtime.vault, runtime.settings
        list_id = in_one(runtime.database, lists.keep, *parts, found, programme_id, 4, now)
        in_one(runtime.database, lists.submit, list_id)
        with runtime.database.transaction() as session:
            seen = session.get_one(PayList, list_id).content_sha256 or ""
            lists.approve(session, list_id, 6, seen, runtime.clock.now())
        run_until_quiet(runtime)
        for packet in simulator.control("GET", f"people/{cast.ming.id}/packets")["packets"]:
            simulator.control("POST", f"people/{cast.ming.id}/packets/{packet['detail_id']}/open")
        pass_time(runtime, simulator, 90)
        table = [row for batch in list_results.batches(runtime.database, list_id, "zh_CN") for row in batch]
        assert [(row[1], row[4], row[6]) for row in table] == [("外人", "3.00", "付款中"), ("阿明", "1.13", "已领取")]
        assert "该 openid 不属于本公众号" in str(table[0][7]) and len(str(table[1][8])) == 28
        assert simulator.control("GET", f"people/{cast.ming.id}/wallet")["wallet_fen"] == 113
        sound(runtime)
