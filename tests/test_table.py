"""Tables at a terminal: words stay whole, however narrow it is."""

from __future__ import annotations

import contextlib
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from wxbot.cli.desk import show

COLUMNS = ("#", "状态", "金额 元", "openid", "下一步")
ROW = (
    7,
    "TEMPORARILY_UNAVAILABLE",
    "199.99",
    "oTESTming00000000000000000001",
    "几秒内下单，请运行 wxbot order show 查看",
)
WHOLE = ("TEMPORARILY_UNAVAILABLE", "199.99", "oTESTming00000000000000000001", "wxbot", "order", "show")


def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int | None) -> str:
    if width is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", str(width))
    show("付款 Payouts", COLUMNS, [ROW], "没有")
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_no_word_number_or_openid_is_broken_at_any_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = shown(capsys, monkeypatch, width)
    for word in WHOLE:
        assert re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", told), f"{word} is broken at {width}:\n{told}"


def test_a_pipe_gets_each_row_in_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told = shown(capsys, monkeypatch, None)
    (line,) = [line for line in told.splitlines() if "199.99" in line]
    assert all(word in line for word in WHOLE)


@given(
    st.lists(st.text(st.sampled_from("ab1_-，。中文（）/ "), min_size=1, max_size=30), min_size=1, max_size=4),
    st.integers(10, 60),
)
def test_whatever_the_cells_hold_every_run_of_ascii_stands_in_one_line(cells: list[str], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            show("", [f"c{at}" for at in range(len(cells))], [cells], "")
    lines = told.getvalue().splitlines()
    for cell in cells:
        for word in re.findall(r"[!-~]+", cell):
            assert any(word in line for line in lines), f"{word!r} of {cell!r} at {width}:\n{told.getvalue()}"
    if not any("：" in line for line in lines):
        assert all(cell_len(line) <= width for line in lines)
