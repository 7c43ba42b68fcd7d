"""The simulator's own pages at a desk: nothing on them keeps somebody out (axe-core), also where scripts have filled them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.axe import serious
from tests.servers import SimulatedWeChat

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("path", "figure"), [("/bank", "#balance"), ("/hall", "#counts dd.more")])
def test_the_figures_of_a_page_are_read_with_what_they_are(
    page: Any, simulator: SimulatedWeChat, path: str, figure: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(simulator.base + path)
    page.wait_for_function(
        "figure => !['', '--'].includes(document.querySelector(figure)?.textContent ?? '')", arg=figure
    )
    assert serious(page) == []
