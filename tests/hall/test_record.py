"""The record: what it holds, that it is verified, sealed, and silent about what was not revealed."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from wxbot.hall import record, verify
from wxbot.runtime import Runtime


@pytest.fixture
def desk(runtime: Runtime) -> Host:
    desk = Host(open_hall(runtime, guests=12, terms={"mode": "seed"}))
    desk.freeze()
    return desk


def test_the_public_record_is_verified_and_its_names_are_masked(desk: Host, client: FlaskClient) -> None:
    winners = desk.show(k=3)
    desk.mark(1, winners[0])
    desk.confirm(1)
    desk.freeze()
    made = client.get("/hall/gala/record.json").json
    assert made is not None
    seen = verify.verify(made, desk.stage.hall().commitment)
    assert (seen.findings, seen.people, seen.winners) == ([], 12, 2)
    assert [line["no"] for line in made["winners"]] == winners
    assert [line["status"] for line in made["winners"]] == ["absent", "confirmed", "confirmed"]
    assert {line["name"] for line in made["winners"]} <= {"来**", "来***"}
    text = client.get("/hall/gala/rosters/1.txt").get_data(as_text=True)
    assert text == made["rosters"][0] and "来宾" not in text
    assert client.get("/hall/gala/rosters/3.txt").status_code == 404


def test_a_record_stops_before_what_was_not_revealed(desk: Host, client: FlaskClient) -> None:
    desk.arm(k=2)
    desk.start()
    made = client.get("/hall/gala/record.json").json
    assert made is not None and made["winners"] == []
    assert {line["kind"] for line in made["log"]}.isdisjoint({"drawn"})
    assert verify.verify(made).findings == []


def test_a_seal_tells_the_organiser_whether_a_file_is_theirs(desk: Host, client: FlaskClient) -> None:
    desk.show(k=2)
    vault = desk.stage.runtime.vault
    made = client.get("/hall/gala/record.json").json
    assert made is not None and record.is_ours(vault, made)
    made["winners"][0]["no"] += 1
    assert not record.is_ours(vault, made)


@pytest.mark.parametrize(("name", "shown"), [("", ""), ("王", "王"), ("王小明", "王**"), ("Alexandra", "A***")])
def test_a_name_is_masked(name: str, shown: str) -> None:
    assert record.masked(name) == shown
