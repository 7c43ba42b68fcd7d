"""The page for doubters in a real browser: the published example, a good record, and the same faults as the command line finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.axe import serious
from tests.hall import evenings, frauds, vector
from tests.hall.night import Night, openid_of, prize, salt_of
from wxbot.hall import quicknet
from wxbot.hall.verify import verify
from wxbot.runtime import Runtime

pytestmark = pytest.mark.browser


@pytest.fixture
def saved(site: Runtime, page: Any, tmp_path: Path) -> Any:
    """The page as somebody has downloaded it, opened from their disk and without a network."""
    answer = page.request.get(f"{site.settings.public_url}/h5/hall/verify?download")
    assert "attachment" in answer.headers["content-disposition"]
    file = tmp_path / "verify.html"
    file.write_bytes(answer.body())
    page.context.set_offline(True)
    page.goto(file.as_uri())
    page.locator("#self[data-ok=true]").wait_for()
    yield page
    page.context.set_offline(False)


def checked(page: Any, record: Any, noted: str = "") -> list[tuple[int | None, str]]:
    """What the page finds in a record: lines and reasons."""
    words = record if isinstance(record, str) else json.dumps(record)
    page.evaluate("document.getElementById('result').hidden = true")
    page.locator("#file").set_input_files({"name": "r.json", "mimeType": "application/json", "buffer": words.encode()})
    page.locator("#noted").fill(noted)
    page.locator("#check").click()
    page.locator("#verdict").wait_for()
    shown = page.evaluate(
        "[...document.querySelectorAll('#findings li')].map(each => [each.dataset.line, each.dataset.reason])"
    )
    assert (page.locator("#verdict").get_attribute("data-true") == "true") == (not shown)
    return [(int(line) if line else None, reason) for line, reason in shown]


def found(record: Any, noted: str | None = None) -> list[tuple[int | None, str]]:
    """What Python finds in it."""
    return [(finding.line, finding.reason) for finding in verify(record, noted).findings]


def drand_night() -> Night:
    night = Night([prize(1, 2)], "drand", at=quicknet.published_at(vector.ROUND) - 15 - 7)
    night.sign_in(4, weight=3)
    night.freeze()
    night.arm(1, 2)
    night.at += 20
    night.late(quicknet.DrandRound(vector.ROUND, vector.RANDOMNESS, vector.SIGNATURE).text, vector.SIGNATURE)
    night.draw()
    return night


def odd_records() -> Iterator[Any]:
    """Records that are hardly any."""
    yield {"hall_id": "x", "commitment": "", "rosters": [], "log": []}
    for change in (
        {"body": {"no": 1.5}},
        {"kind": "rigged"},
        {"kind": "absent", "body": {"d": 9, "no": 1}},
        {"seq": 10**30},
    ):
        record = evenings.gala().record()
        record["log"][3] |= change
        yield record
    unknown = evenings.gala().record()
    frauds.lines(unknown, "armed")[0]["body"]["prize"] = 77
    yield frauds.chained(unknown)
    late = drand_night().record()
    frauds.lines(late, "entropy")[0]["at"] -= 30
    yield frauds.chained(late)


@pytest.mark.parametrize("stride", [6, pytest.param(1, marks=pytest.mark.proof)])
def test_the_page_says_the_same_as_the_command_line_of_good_records_and_of_every_fraud(saved: Any, stride: int) -> None:
    for night in (evenings.gala(), evenings.gala("seed"), evenings.resumed(), drand_night()):
        record = night.record()
        assert checked(saved, record, record["commitment"]) == found(record) == []
    assert str(vector.ROUND) in saved.locator("#notes").inner_text()
    seen: dict[str, list[tuple[int | None, str]]] = {}
    for fraud in list(frauds.FRAUDS)[::stride]:
        record = frauds.committed(fraud)
        seen[fraud.__name__] = checked(saved, record)
        assert seen[fraud.__name__] == found(record), fraud.__name__
    assert all(seen.values())
    for record in odd_records():
        assert checked(saved, record) == found(record) != []
    copied = frauds.gala().record()
    assert checked(saved, copied, " ".join(copied["commitment"][at : at + 8] for at in range(0, 64, 8)) + "\t") == []
    assert checked(saved, "no JSON") == [(None, "file")]
    assert checked(saved, evenings.gala().record(), "12" * 32) == [(None, "noted")]


def test_a_person_finds_their_own_line(saved: Any) -> None:
    checked(saved, evenings.gala().record())
    saved.locator("#salt").fill(salt_of(5).hex())
    for no, lines in ((5, 2), (6, 0)):
        saved.locator("#openid").fill(openid_of(no))
        saved.locator("#me button").click()
        saved.locator("#mine p[data-no]" if lines else "#mine p:not([data-no])").first.wait_for()
        assert saved.locator("#mine [data-no='5']").count() == lines


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.proof)])
def test_the_page_as_it_is_served_loads_nothing_and_reads_well(site: Runtime, page: Any, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{site.settings.public_url}/h5/hall/verify")
    page.locator("#self[data-ok=true]").wait_for()
    checked(page, frauds.committed(frauds.other_winner))
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert (
        policy.split(";")[0] == "default-src 'none'"
    )  # part of the file, so a saved copy cannot speak to anybody either
    assert asked == [f"{site.settings.public_url}/h5/hall/verify"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert serious(page) == []
    assert page.locator("#download").get_attribute("href") == "?download"
    page.locator("#language").click()
    page.locator("#verdict").wait_for()
    heights = page.evaluate("[...document.querySelectorAll('button, input')].map(each => each.offsetHeight)")
    assert min(heights) >= 44
