"""How a guest stands, on their own page: nothing before the reveal, then what they won; their line of the roster; words to the screen."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.draws.stage import BASE, Phone
from tests.hall.guests import enter, me
from tests.hall.hosting import Host
from tests.hall.stage import OpenHall, open_hall
from wxbot.campaigns.models import Campaign
from wxbot.demo.hall_story import tells_of
from wxbot.hall import danmaku, guests, selection, standing, state
from wxbot.hall.models import Danmaku, Guest, Hall
from wxbot.runtime import Runtime
from wxbot.text import Refusal

ROOT = Path(__file__).resolve().parents[2]


def test_guests_and_doubters_are_spoken_to_in_one_way() -> None:
    """你, as on every page of the phone; the console says 您 to whoever works there."""
    pages = [*(ROOT / "templates" / "hall").iterdir(), *(ROOT / "templates" / "h5").glob("hall*")]
    words = [ROOT / "wxbot" / "hall" / f"{name}.py" for name in ("phone_words", "screen_words", "rules_text", "verify")]
    assert len(pages) > 6
    assert [page.name for page in pages + words if "您" in page.read_text(encoding="utf-8")] == []


def say(phone: Phone, hall: OpenHall, words: str, mark: str) -> Any:
    headers = {"User-Agent": phone.agent, "Origin": BASE, "X-Form-Mark": mark, "Accept": "application/json"}
    return phone.client.post(f"{hall.path}/danmaku", base_url=BASE, headers=headers, data={"words": words})


def test_a_guest_learns_of_a_win_when_it_is_revealed_and_collects_it_when_it_is_confirmed(
    runtime: Runtime, ming: Phone
) -> None:
    hall = open_hall(runtime, [{"stock": 1, "per_selection": 1}])
    enter(ming, hall)
    host = Host(hall)
    host.draw()
    own = me(ming, hall)
    assert own["no"] == 1 and own["won"] == [], "what is drawn is in no browser before the roll is stopped"
    page = ming.open(hall.path).get_data(as_text=True)
    assert '"won": []' in page
    host.reveal()
    assert [(won["d"], won["prize"], won["status"], won["award"]) for won in me(ming, hall)["won"]] == [
        (1, "三等奖", "won", None)
    ]
    host.confirm(1)
    (won,) = me(ming, hall)["won"]
    assert won["status"] == "confirmed" and won["award"] == hall.awards()[0].public_id
    assert won["award"] in ming.get("/h5/awards").get_data(as_text=True)


def test_the_demo_can_see_a_phone_that_was_told_before_the_stop(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime, prizes=({"stock": 2},))
    enter(ming, hall)
    desk = Host(hall)
    desk.draw()
    assert not tells_of(me(ming, hall), 1)
    desk.reveal()
    assert tells_of(me(ming, hall), 1)
    desk.confirm(1)
    assert me(ming, hall)["won"] and not tells_of(me(ming, hall), 2), "what came before is no early result"
    won = {"d": None, "prize": "红包雨"}
    assert tells_of({"won": [won]}, 2), "an award that no selection gave came before its game"


def test_who_is_marked_absent_is_told_so(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime, [{"stock": 1, "per_selection": 1}])
    enter(ming, hall)
    host = Host(hall)
    host.draw()
    host.reveal()
    host.mark(1, 1)
    assert [won["status"] for won in me(ming, hall)["won"]] == ["absent"]


def test_a_guest_learns_what_the_host_decided_about_them_and_when_the_evening_is_over(
    runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    hall = open_hall(runtime, [{"absence": "slot"}])
    enter(ming, hall)
    host = Host(hall)
    host.draw()
    host.reveal()
    enter(hong, hall, name="小红")
    own = me(ming, hall)
    assert (own["is_hidden"], own["struck"], own["is_over"]) == (False, "", False)
    assert [(won["ordinal"], won["absence"]) for won in own["won"]] == [(1, "slot")]
    host.do(guests.strike, host.id, 1, "left")
    with runtime.database.transaction() as session:
        guests.hide(session, hall.campaign_id, 1, True)
        shown = state.public_state(session, session.get_one(Hall, hall.campaign_id))
        campaign = session.get_one(Campaign, hall.campaign_id)
        campaign.end_at = runtime.clock.now() - timedelta(seconds=1)
    own, other = me(ming, hall), me(hong, hall)
    assert (own["is_hidden"], own["struck"], own["is_over"]) == (True, "left", True)
    assert (other["is_hidden"], other["struck"]) == (False, "")
    assert shown["roster"]["last"] == 1 < other["no"], "so she knows that this roster is without her"


def test_nobody_is_told_of_others(runtime: Runtime, ming: Phone, hong: Phone) -> None:
    hall = open_hall(runtime)
    assert me(ming, hall) == {"outcome": "sign_in"}
    ming.open(hall.path)
    assert me(ming, hall) == {"outcome": "not_signed_in"}
    enter(ming, hall)
    enter(hong, hall, name="小红")
    first, second = hall.guests()
    told = hong.get(f"{hall.path}/me", Accept="application/json").get_data(as_text=True)
    assert second.salt in told and first.salt not in told and first.openid not in told and first.person not in told


def test_a_guest_proves_their_line_of_the_roster_and_late_ones_learn_that_they_are_not_in_it(
    runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    hall = open_hall(runtime)
    enter(ming, hall)
    assert ming.get(f"{hall.path}/line", Accept="application/json").status_code == 404
    Host(hall).freeze()
    enter(hong, hall, name="小红")
    mine = ming.get(f"{hall.path}/line", Accept="application/json").get_json()
    person = selection.person_id(bytes.fromhex(mine["salt"]), mine["hall"], mine["openid"])
    page = ming.get(hall.path).get_data(as_text=True)  # what the doubters' page asks for stands on one's own phone
    assert mine["salt"] in page and mine["openid"] in page and "/h5/hall/verify" in page
    file = ming.get(mine["file"]).get_data()
    assert mine["line"] == f"1\t1\t\t{person}" and mine["line"].encode() in file
    assert selection.roster_hash(file) == mine["sha256"]
    late = hong.get(f"{hall.path}/line", Accept="application/json").get_json()
    assert late["line"] is None and late["version"] == 1
    for nothing in ("/h5/hall/gala/roster/9", "/h5/hall/gala/roster/99999999999", "/h5/hall/none/roster/1"):
        assert ming.get(nothing).status_code == 404


def test_words_wait_for_somebody_who_looks_and_come_one_after_another(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime)
    enter(ming, hall)
    mark = ming.state_of(ming.open(hall.path))["mark"]
    assert say(ming, hall, "恭喜老板", "1.2").status_code == 409
    assert say(ming, hall, "傻 逼", mark).get_json()["outcome"] == "refused"
    assert say(ming, hall, "恭喜  老板", mark).get_json()["outcome"] == "sent"
    assert say(ming, hall, "再来", mark).status_code == 429
    with runtime.database.reading() as session:
        (kept,) = session.scalars(select(Danmaku)).all()
    assert (kept.words, kept.status, kept.guest_no) == ("恭喜 老板", "waiting", 1)


def test_who_sends_much_waits_until_it_was_looked_at_and_strangers_send_nothing(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=1)
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        for _ in range(danmaku.WAITING_MOST):
            danmaku.send(session, hall.campaign_id, hall.openids[0], "好", now)
        with pytest.raises(Refusal, match="审核"):
            danmaku.send(session, hall.campaign_id, hall.openids[0], "好", now)
        with pytest.raises(Refusal, match="签到"):
            danmaku.send(session, hall.campaign_id, "o-nobody", "好", now)


def test_a_line_is_found_by_its_whole_number(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=12)
    roster = Host(hall).freeze()
    for no in (1, 2, 12):
        line = standing.line_of(roster, no)
        assert line is not None and line.split("\t")[0] == str(no)
    assert standing.line_of(roster, 13) is None and isinstance(hall.guests()[0], Guest)
