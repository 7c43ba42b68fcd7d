"""The fund bill: read strictly, matched line by line (money F86, T8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from tests.servers import SimulatedWeChat
from wxbot import ledger
from wxbot.clock import SHANGHAI
from wxbot.db import Database
from wxbot.orders.bill import READY_HOUR, UnreadableBill, book_bill, fetch_bills, parse_bill
from wxbot.orders.bill_faults import findings, look_again
from wxbot.orders.models import BillDay, BillLine, Order
from wxbot.runtime import Runtime

NOW = datetime(2026, 3, 16, 4, 0, tzinfo=UTC)
SENT = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)
HEAD = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号"


def bill(*lines: tuple[str, str, str, str, str], total: str | None = None) -> str:
    """A bill of (flow number, kind, direction, yuan, order number) lines."""
    body = [
        f"`2026-03-15 10:00:00,`d{n},`{n},`{kind},`{kind},`{way},`{yuan},`0.00,`API,`,`{billno}"
        for n, kind, way, yuan, billno in lines
    ]
    sums = {way: sum(round(float(line[3]) * 100) for line in lines if line[2] == way) for way in ("收入", "支出")}
    counted = {way: sum(1 for line in lines if line[2] == way) for way in ("收入", "支出")}
    summary = total or (
        f"`{len(lines)},`{counted['收入']},`{sums['收入'] / 100:.2f},`{counted['支出']},`{sums['支出'] / 100:.2f}"
    )
    return "\r\n".join([HEAD, *body, "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额", summary]) + "\r\n"


PAID = ("1", "现金红包发放", "支出", "1.13", "1900000001202603150000000011")
BACK = ("2", "现金红包退款", "收入", "1.13", "1900000001202603150000000011")
TOP_UP = ("3", "充值", "收入", "1000.00", "")
FOREIGN = ("4", "别的系统", "支出", "5.00", "9999")


def test_lines_are_read_with_a_bom_and_crlf() -> None:
    lines = parse_bill("\ufeff" + bill(PAID, BACK, TOP_UP))
    assert [(line.amount_fen, line.is_income) for line in lines] == [(113, False), (113, True), (100000, True)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<xml/>",
        bill(PAID).replace("记账时间", "time"),
        bill(PAID).replace("`支出", "`"),
        bill(PAID).replace("1.13,`0.00", "1.135,`0.00"),
        bill(PAID, total="`2,`0,`0.00,`1,`1.13"),
        bill(PAID, total="`1,`0,`0.00,`1,`1.14"),
        bill(PAID).split("资金流水总笔数")[0],
        bill(PAID).replace("`API,", ""),
    ],
)
def test_a_bill_with_other_columns_or_sums_is_refused_whole_F86(text: str) -> None:
    with pytest.raises(UnreadableBill):
        parse_bill(text)


def _order(database: Database, status: str) -> None:
    with database.transaction() as session:
        session.execute(
            insert(Order).values(
                channel="hbpreorder",
                reason_kind="packet",
                reason_id=1,
                attempt=1,
                budget_id=1,
                mch_billno=PAID[4],
                params="{}",
                params_sha256="x",
                amount_fen=113,
                status=status,
                holding="paid",
                created_at=NOW,
            )
        )


@pytest.mark.parametrize(
    ("status", "line", "fault"),
    [
        ("received", PAID, None),
        ("accepted", PAID, None),
        ("returned", BACK, None),
        ("failed", PAID, "paid_but_booked_failed"),
        ("received", BACK, "returned_but_booked_received"),
        ("received", (*PAID[:3], "1.14", PAID[4]), "amount_differs"),
        ("received", FOREIGN, "not_ours"),
        ("received", TOP_UP, None),
    ],
)
def test_each_class_of_difference_is_named_T8(
    database: Database, status: str, line: tuple[str, str, str, str, str], fault: str | None
) -> None:
    _order(database, status)
    lines = parse_bill(bill(line))
    with database.transaction() as session:
        assert book_bill(session, "20260315", lines, NOW) == (fault is not None)
    with database.transaction() as session:  # read again: nothing is booked twice
        assert book_bill(session, "20260315", lines, NOW) == 0
    with database.reading() as session:
        assert [row.fault for row in session.scalars(select(BillLine))] == [fault]
        balances = ledger.balances(session)
        assert balances["external"] == (-100000 if line is TOP_UP else 0)
        assert balances["suspense"] == (500 if line is FOREIGN else 0)
        assert ledger.unbalanced_accounts(session) == []


@pytest.mark.parametrize(
    ("status", "lines", "fault"),
    [
        ("received", [PAID, ("9", *PAID[1:])], "paid_twice"),
        ("returned", [PAID, BACK, ("9", *BACK[1:])], "returned_twice"),
        ("returned", [PAID, BACK], None),
    ],
)
def test_money_that_moved_twice_under_one_number_is_named_T8_I1(
    database: Database, status: str, lines: list[tuple[str, str, str, str, str]], fault: str | None
) -> None:
    """Also when the second line stands in another day's bill."""
    _order(database, status)
    for day, line in enumerate(lines):
        with database.transaction() as session:
            book_bill(session, f"2026031{day}", parse_bill(bill(line)), NOW)
    with database.reading() as session:
        assert [row.fault for row in session.scalars(select(BillLine).order_by(BillLine.id))][-1] == fault


# --- what the books and the bills do not agree about ------------------------------------------------------------------


def kinds(database: Database, now: datetime = NOW) -> dict[str, tuple[int, int]]:
    """Kind of finding → (how many, fen)."""
    with database.reading() as session:
        return {each.kind: (each.count, each.amount_fen) for each in findings(session, now)}


def read_bill(database: Database, day: str, *lines: tuple[str, str, str, str, str]) -> None:
    with database.transaction() as session:
        book_bill(session, day, parse_bill(bill(*lines)), NOW)
    with database.transaction() as session:
        look_again(session, NOW)


def test_foreign_lines_and_suspense_are_named_with_their_lines_I17(database: Database) -> None:
    read_bill(database, "20260315", FOREIGN, TOP_UP)
    assert kinds(database) == {"suspense": (1, 500), "not_ours": (1, 500)}
    with database.reading() as session:
        suspense, foreign = findings(session, NOW)
        assert [line.mch_billno for line in suspense.lines] == ["9999"]
        assert "5.00" in suspense.text.zh and "5.00" in foreign.text.en


def test_a_line_whose_order_becomes_known_leaves_suspense_I17(database: Database) -> None:
    """As after a restored copy has learnt of an order that it did not hold."""
    read_bill(database, "20260315", PAID)
    assert kinds(database) == {"suspense": (1, 113), "not_ours": (1, 113)}
    _order(database, "received")
    with database.transaction() as session:
        look_again(session, NOW)
        look_again(session, NOW)
    assert kinds(database) == {}
    with database.reading() as session:
        assert ledger.balances(session)["suspense"] == 0
        assert ledger.unbalanced_accounts(session) == []


@pytest.mark.parametrize(
    ("status", "lines", "found"),
    [
        ("received", [], "booked_never_paid"),
        ("accepted", [], "booked_never_paid"),
        ("returned", [PAID], "booked_never_returned"),
        ("received", [PAID], None),
        ("returned", [PAID, BACK], None),
        ("unknown", [], None),
        ("failed", [], None),
    ],
)
def test_what_is_booked_and_stands_in_no_bill_is_named_I17(
    database: Database, status: str, lines: list[tuple[str, str, str, str, str]], found: str | None
) -> None:
    _order(database, status)
    with database.transaction() as session:
        session.execute(update(Order).values(created_at=SENT, accepted_at=SENT, settled_at=SENT))
    read_bill(database, "20260314")
    assert kinds(database) == {}, "the bill of its day was not read yet"
    read_bill(database, "20260315", *lines)
    assert kinds(database) == ({found: (1, 113)} if found else {})
    if found:
        late = BACK if found == "booked_never_returned" else PAID
        read_bill(database, "20260317", late)
        assert kinds(database) == {}, "the line came with a later bill"


def test_around_midnight_and_for_transfers_that_wait_nothing_is_claimed_I17(database: Database) -> None:
    _order(database, "accepted")
    midnight = datetime(2026, 3, 15, 15, 58, tzinfo=UTC)  # 23:58 in Shanghai
    with database.transaction() as session:
        session.execute(update(Order).values(created_at=midnight, accepted_at=midnight))
    read_bill(database, "20260315")
    assert kinds(database) == {}
    read_bill(database, "20260316")
    assert kinds(database) == {"booked_never_paid": (1, 113)}
    with database.transaction() as session:
        session.execute(update(Order).values(channel="transfer_bills"))
        session.execute(delete(BillLine))
        look_again(session, NOW)
    assert kinds(database) == {}


def test_a_bill_that_was_never_read_is_named_F86(database: Database) -> None:
    _order(database, "unknown")
    for day, missing in ((16, 0), (17, 0), (18, 1), (19, 2)):
        found = kinds(database, datetime(2026, 3, day, 4, 0, tzinfo=UTC))
        assert found == ({"unread": (missing, 0)} if missing else {})


def test_a_bill_that_does_not_come_hides_no_other_day_and_is_asked_for_again_F86(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    local = runtime.clock.now().astimezone(SHANGHAI)
    morning = (local + timedelta(days=1)).replace(hour=READY_HOUR, minute=30)
    simulator.advance((morning - local).total_seconds())
    runtime.clock.refresh()
    _order(runtime.database, "received")
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(created_at=morning - timedelta(days=3)))
    days = [f"{morning - timedelta(days=back):%Y%m%d}" for back in (3, 2, 1)]

    def known() -> list[str]:
        with runtime.database.reading() as session:
            return list(session.scalars(select(BillDay.day).order_by(BillDay.day)))

    fault = {"kind": "refuse", "err_code": "SYSTEMERROR", "times": 1}
    simulator.control("PUT", "faults/pay/downloadfundflow", fault)
    assert (fetch_bills(runtime), known()) == (2, days[1:])  # on which no money moved: there is no bill, which is known
    assert (fetch_bills(runtime), known()) == (1, days)
    assert fetch_bills(runtime) == 0
