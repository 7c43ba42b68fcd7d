"""The doors of the big screen: what an unpaired browser gets, who rolls over the screen, and that nobody learns a winner from it."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.hall.stage import OpenHall, open_hall
from wxbot.hall import cards, door_code, rosters, screen_pass
from wxbot.hall import select as selecting
from wxbot.hall.models import Guest, Selection, Winner
from wxbot.runtime import Runtime

GUESTS = 12


@pytest.fixture
def hall(runtime: Runtime) -> OpenHall:
    return open_hall(runtime, guests=GUESTS)


def pair(hall: OpenHall, client: FlaskClient, epoch: int = 1) -> None:
    """This browser is the hall's screen from now on."""
    runtime = hall.runtime
    client.set_cookie(
        screen_pass.cookie_name(runtime, hall.slug), screen_pass.write(runtime, hall.slug, epoch), domain="127.0.0.1"
    )


def armed(hall: OpenHall) -> Selection:
    with hall.runtime.database.transaction() as session:
        now = hall.runtime.database.now(session)
        rosters.freeze(session, hall.campaign_id, now)
        selecting.arm(session, hall.campaign_id, 1, 3, now)
        return selecting.hold_up(session, hall.campaign_id, ("11112222", "33334444", "55556666"), now)


def drawn(hall: OpenHall) -> list[int]:
    with hall.runtime.database.transaction() as session:
        selecting.start(session, hall.runtime.vault, hall.campaign_id, hall.runtime.database.now(session))
        return list(session.scalars(select(Winner.guest_no)))


def rolling(client: FlaskClient, d: int = 1) -> list[dict[str, Any]]:
    people: list[dict[str, Any]] = client.get(f"/hall/gala/pool?d={d}").get_json()["people"]
    return people


def test_a_browser_that_is_not_paired_sees_where_to_type_the_digits_and_nothing_else(
    hall: OpenHall, client: FlaskClient
) -> None:
    page = client.get("/hall/gala/screen").get_data(as_text=True)
    assert 'id="pair-code"' in page and '"state": null' in page
    assert "wall-grid" not in page
    assert client.get("/hall/gala/pool?d=1").status_code == 401
    assert client.get("/hall/none/screen").status_code == 404
    pair(hall, client)
    assert "wall-grid" in client.get("/hall/gala/screen").get_data(as_text=True)


def test_the_pass_of_one_hall_opens_no_other_and_a_forged_one_none(hall: OpenHall, client: FlaskClient) -> None:
    runtime = hall.runtime
    for value in (screen_pass.write(runtime, "other", 1), "gala.1.1.0000", ""):
        client.set_cookie(screen_pass.cookie_name(runtime, "gala"), value, domain="127.0.0.1")
        assert client.get("/hall/gala/pool?d=1").status_code == 401


def test_who_rolls_is_the_pool_before_and_after_the_draw_alike_and_nobody_after_the_reveal(
    hall: OpenHall, client: FlaskClient
) -> None:
    pair(hall, client)
    assert rolling(client) == []
    armed(hall)
    everybody = rolling(client)
    assert [person["no"] for person in everybody] == list(range(1, GUESTS + 1))
    assert drawn(hall)
    assert rolling(client) == everybody  # whoever is missing here would be a winner
    with hall.runtime.database.transaction() as session:
        selecting.reveal(session, hall.campaign_id, hall.runtime.database.now(session))
    assert rolling(client) == []


def test_a_big_pool_is_shown_in_part_and_a_hidden_guest_by_their_number(
    hall: OpenHall, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "MOST", 5)
    pair(hall, client)
    armed(hall)
    with hall.runtime.database.transaction() as session:
        session.execute(update(Guest).values(is_hidden=True))
    people = rolling(client)
    assert len({person["no"] for person in people}) == 5
    assert {(person["name"], person["face"]) for person in people} == {("", "")}


def test_the_page_says_the_servers_time_and_names_each_script_by_its_hash(hall: OpenHall, client: FlaskClient) -> None:
    pair(hall, client)
    assert abs(client.get("/hall/gala/now").get_json()["now"] - hall.runtime.clock.unix()) < 60
    page = client.get("/hall/gala/screen")
    assert '"/static/hall/screen.js": "/static/hall/screen.js?v=' in page.get_data(as_text=True)
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self' 'nonce-" in policy and "unsafe" not in policy


def test_the_sign_in_code_is_shown_to_a_paired_screen_alone(hall: OpenHall, client: FlaskClient) -> None:
    assert client.get("/hall/gala/code").status_code == 401  # a photo from outside would be as good as being there
    pair(hall, client)
    told = client.get("/hall/gala/code").json
    assert told is not None and told["picture"].startswith("data:image/svg+xml")
    assert 0 < told["until"] - told["now"] <= door_code.STEP_S
    assert told["address"] == "127.0.0.1:8000"
