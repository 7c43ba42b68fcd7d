"""Codes of a prize come by paste or sheet, are sealed, counted as its stock, each once, and follow their prize."""

from __future__ import annotations

import io
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from tests.instant.test_prize_table import stored, wheel
from tests.staff.consoles import Browser
from wxbot.campaigns.models import Campaign, CampaignStatus
from wxbot.instant.models import Prize, PrizeCode
from wxbot.instant.terms import lay
from wxbot.runtime import Runtime


def two(runtime: Runtime, **changes: Any) -> dict[str, Any]:
    """A draft of two prizes of codes."""
    rows = {"prize_kind": ["code", "code"], "prize_name": ["月卡", "年卡"], "prize_amount": ["15", "150"]}
    return wheel(runtime, **{**rows, "prize_weights": ["", ""], "prize_release": ["once", "once"], **changes})


def opened(runtime: Runtime) -> dict[str, list[str]]:
    """Prize's name → its codes."""
    query = select(Prize.name, PrizeCode.code_sealed).join(PrizeCode, PrizeCode.prize_id == Prize.id)
    found: dict[str, list[str]] = {}
    with runtime.database.reading() as session:
        for name, sealed in session.execute(query.order_by(PrizeCode.ordinal)):
            assert "KEY" not in sealed
            found.setdefault(name, []).append(runtime.vault.open(sealed))
    return found


def stocks(runtime: Runtime) -> list[int]:
    return [prize["stock"] for prize in stored(runtime).terms["prizes"]]


def test_codes_are_pasted_with_a_report_of_doubled_lines_and_are_the_prizes_stock(
    marketer: Browser, runtime: Runtime
) -> None:
    place = marketer.post("/admin/campaigns/new", two(runtime)).headers["Location"]
    assert f"{place}/codes/1" in marketer.get(place).text
    assert "第 2 个奖品还缺 50 个卡密" in unescape(marketer.get(f"{place}/edit").text)
    pasted = f"KEY-0001\r\n\r\n KEY-0002 \r\nKEY-0001\r\n{'K' * 101}\r\n"
    told = unescape(marketer.post(f"{place}/codes/1", {"codes": pasted}).text)
    assert "新增 2 个，重复 1 行，不能用 1 行；现在共 2 个" in told
    assert "KEY-0001" not in told and "…01" in told and '<td class="num">4</td>' in told
    assert stocks(runtime) == [2, 50] and opened(runtime) == {"月卡": ["KEY-0001", "KEY-0002"]}
    again = unescape(marketer.post(f"{place}/codes/2", {"codes": "KEY-0002\nKEY-0003"}).text)
    assert "新增 1 个，重复 1 行" in again and stocks(runtime) == [2, 1]
    assert "个奖品还缺" not in unescape(marketer.get(f"{place}/edit").text)
    marketer.post(f"{place}/codes/1", {"codes": "KEY-0009", "replace": "1"})
    assert stocks(runtime) == [1, 1] and opened(runtime)["月卡"] == ["KEY-0009"]


def test_codes_come_from_a_sheet(marketer: Browser, runtime: Runtime) -> None:
    place = marketer.post("/admin/campaigns/new", two(runtime)).headers["Location"]
    file = (io.BytesIO("备注,卡密\na,KEY-0001\nb,KEY-0002\nc,KEY-0001\n".encode()), "codes.csv")
    told = unescape(marketer.post(f"{place}/codes/1", {"file": file}).text)
    assert "新增 2 个，重复 1 行" in told and '<td class="num">4</td>' in told
    assert opened(runtime) == {"月卡": ["KEY-0001", "KEY-0002"]}


def test_every_code_that_is_left_out_is_in_the_sheet_of_the_report(marketer: Browser, runtime: Runtime) -> None:
    place = marketer.post("/admin/campaigns/new", two(runtime)).headers["Location"]
    pasted = "\n".join(["KEY-0001"] * 131 + ["K" * 101])
    told = unescape(marketer.post(f"{place}/codes/1", {"codes": pasted}).text)
    assert "重复 130 行，不能用 1 行" in told and "只列出前 100 行。" in told and "下载整份检查结果（131 行）" in told
    address = told.partition('action="/admin/reports/')[2].partition(".")[0]
    _, *rows = marketer.post(f"/admin/reports/{address}.csv").get_data().decode("utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in rows] == [f'"{n}"' for n in range(2, 133)]
    assert "重复" in rows[0] and "不能用" in rows[-1] and "KEY-0001" not in "".join(rows), "codes stay masked"


def test_codes_follow_their_prize_to_another_line_and_go_with_it_or_with_the_draft(
    marketer: Browser, runtime: Runtime
) -> None:
    place = marketer.post("/admin/campaigns/new", two(runtime)).headers["Location"]
    for ordinal in (1, 2):
        marketer.post(f"{place}/codes/{ordinal}", {"codes": f"KEY-{ordinal}"})
    turned = {"prize_name": ["年卡", "月卡"], "prize_amount": ["150", "15"], "prize_stock": ["1", "1"]}
    for changes, kept in (
        (turned, {"月卡": ["KEY-1"], "年卡": ["KEY-2"]}),
        ({"prize_name": ["年卡", "月卡二"], "prize_stock": ["1", "1"]}, {"年卡": ["KEY-2"], "月卡二": ["KEY-1"]}),
        ({"prize_kind": ["money", "code"], "prize_name": ["红包", "月卡二"]}, {"月卡二": ["KEY-1"]}),
    ):
        marketer.post(f"{place}/edit", two(runtime, **changes))
        with runtime.database.transaction() as session:
            lay(session, session.scalars(select(Campaign)).one())
        assert opened(runtime) == kept
    assert marketer.post(f"{place}/delete").status_code == 303
    with runtime.database.reading() as session:
        assert session.scalars(select(Campaign)).all() == [] == session.scalars(select(PrizeCode)).all()


@pytest.mark.parametrize("status", ["submitted", "on"])
def test_what_was_approved_only_gets_the_codes_it_lacks(
    marketer: Browser, runtime: Runtime, status: CampaignStatus
) -> None:
    place = marketer.post("/admin/campaigns/new", two(runtime, prize_stock=["2", "1"])).headers["Location"]
    with runtime.database.transaction() as session:
        session.scalars(select(Campaign)).one().status = status
    marketer.post(f"{place}/codes/1", {"codes": "KEY-1\nKEY-2\nKEY-3"})
    assert opened(runtime) == {}
    marketer.post(f"{place}/codes/1", {"codes": "KEY-1\nKEY-2", "replace": "1"})
    assert opened(runtime) == {}
    marketer.post(f"{place}/codes/1", {"codes": "KEY-1\nKEY-2"})
    assert opened(runtime) == ({"月卡": ["KEY-1", "KEY-2"]} if status == "submitted" else {})
    assert stocks(runtime) == [2, 1]


def test_only_a_prize_of_codes_of_ones_own_campaign_has_the_page(marketer: Browser, runtime: Runtime) -> None:
    place = marketer.post("/admin/campaigns/new", wheel(runtime)).headers["Location"]
    for path in (f"{place}/codes/1", f"{place}/codes/9", "/admin/campaigns/99/codes/1"):
        assert marketer.get(path).status_code == 404
    assert marketer.post(f"{place}/codes/1", {"codes": "KEY-1"}).status_code == 404 and opened(runtime) == {}
