"""Name and picture from WeChat by a tap, fetched from WeChat's hosts alone; what is forgotten, when, and what stays of somebody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests.conftest import Cast
from tests.draws.stage import Phone
from tests.hall.guests import code_of, enter, fields_of, send, shown
from tests.hall.hosting import Host
from tests.hall.stage import OpenHall, open_hall
from tests.servers import SimulatedWeChat
from wxbot import oauth
from wxbot.campaigns.models import Campaign
from wxbot.hall import coming, erasure, faces, standing, wire
from wxbot.hall import told as telling
from wxbot.hall.models import Danmaku, Guest, GuestFace
from wxbot.people import erasure as people_erasure
from wxbot.people.models import Withdrawal
from wxbot.runtime import Runtime
from wxbot.timeline.halls import HALLS
from wxbot.timeline.sources import Names


def follows(simulator: SimulatedWeChat, cast: Cast) -> None:
    """WeChat asks followers nothing: the question needs a finger, which these stories have not."""
    simulator.control("POST", f"people/{cast.ming.id}/follow", {})
    simulator.control("PUT", "switches", {"userinfo_silent_for_followers": True})


def share(phone: Phone, hall: OpenHall) -> dict[str, str]:
    """Tap “with my WeChat name”; the fields of the form that comes back."""
    form = fields_of(shown(phone.open(f"{hall.path}?code={code_of(hall)}")))
    page = shown(phone.open(f"{hall.path}/share?token={form['pass']}"))
    name = page.split('id="name"')[1].split('value="')[1].split('"')[0]
    return {**fields_of(page), "name": name}


def test_a_guest_shares_name_and_picture_by_a_tap_and_the_worker_fetches_it(
    app: Flask, runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    hall = open_hall(runtime)
    follows(simulator, cast)
    form = share(ming, hall)
    assert form["shared"] == "1" and form["name"] == cast.ming.nickname
    assert send(ming, hall, form).status_code == 303
    (guest,) = hall.guests()
    assert guest.has_shared and guest.face == "" and guest.face_from.startswith(runtime.settings.api_base)
    assert faces.fetch_due(runtime) == 1
    (guest,) = hall.guests()
    assert len(guest.face) == 64 and guest.face_from == ""
    picture = ming.get(f"{hall.path}/face/{guest.face}")
    assert picture.data[:2] == b"\xff\xd8" and picture.mimetype == "image/jpeg"
    assert guest.face in shown(ming.open(hall.path))
    for name in ("0" * 64, "..", "x"):
        assert ming.get(f"{hall.path}/face/{name}").status_code == 404
    assert faces.fetch_due(runtime) == 0


def test_who_did_not_agree_has_no_picture_whatever_the_form_says(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime)
    assert enter(ming, hall, shared="1").status_code == 303
    (guest,) = hall.guests()
    assert not guest.has_shared and guest.face_from == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/mmopen/1/132",
        "https://thirdwx.qlogo.cn.evil.example/a",
        "https://thirdwx.qlogo.cn@evil.example/a",
        "https://user:pw@thirdwx.qlogo.cn/a",
        "https://thirdwx.qlogo.cn:8080/a",
        "https://thirdwx.qlogo.cn:99999/a",
        "https://127.0.0.1/a",
        "file:///etc/passwd",
        "https://thirdwx.qlogo.cn\\@evil.example/a",
        "https://thirdwx.qlogo.cn/" + "a" * 400,
        "",
    ],
)
def test_nothing_is_fetched_from_anywhere_else(runtime: Runtime, url: str) -> None:
    assert faces.address_of(runtime, url) == ""
    assert oauth.profile_of(runtime, "o-nobody") is None


def test_a_picture_of_wechats_own_hosts_is_fetched_by_https(runtime: Runtime) -> None:
    found = faces.address_of(runtime, "http://thirdwx.qlogo.cn/mmopen/vi_32/abc/132?x=1")
    assert found == "https://thirdwx.qlogo.cn/mmopen/vi_32/abc/132"


def test_what_is_no_picture_and_a_host_that_is_silent_leave_a_guest_without_one(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=2)
    base = runtime.settings.api_base
    with runtime.database.transaction() as session:
        session.execute(update(Guest).where(Guest.no == 1).values(face_from=f"{base}/_sim/people"))
        session.execute(update(Guest).where(Guest.no == 2).values(face_from=f"{base}/mmopen/nothing/here"))
    assert faces.fetch_due(runtime) == 0
    assert [(guest.face, guest.face_from) for guest in hall.guests()] == [("", ""), ("", f"{base}/mmopen/nothing/here")]
    with runtime.database.transaction() as session:
        session.execute(update(Guest).values(signed_in_at=runtime.clock.now() - faces.TRIED_FOR))
    assert faces.fetch_due(runtime) == 0
    assert [guest.face_from for guest in hall.guests()] == ["", ""]


# --- forgetting ---------------------------------------------------------------------------------------------------


def erase(runtime: Runtime, openid: str) -> None:
    """The person asked WeChat for it, and it was carried out."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        session.add(Withdrawal(openid=openid, event="user_authorization_revoke", asked_at=now))
    assert people_erasure.erase_due(runtime) == 1
    erasure.erase_due(runtime)


def counted(runtime: Runtime, model: Any) -> int:
    with runtime.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_somebody_erased_keeps_their_code_in_the_roster_and_nothing_else(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=2)
    Host(hall).freeze()
    before = hall.guests()[0]
    coming.remember(runtime, hall.slug, before)
    runtime.redis.hset(wire.race_key(hall.slug), "ranks", '{"ranks": [{"no": 1, "name": "来宾1", "count": 9}]}')
    assert "来宾1" in str(telling.text_of(runtime, hall.slug))
    with runtime.database.transaction() as session:
        session.execute(update(Guest).values(face="a" * 64))
        session.add(GuestFace(campaign_id=hall.campaign_id, sha256="a" * 64, content=b"x"))
        session.add(Danmaku(campaign_id=hall.campaign_id, guest_no=1, words="我", sent_at=runtime.clock.now()))
    erase(runtime, before.openid)
    first, second = hall.guests()
    assert (first.name, first.face, first.openid) == ("", "", before.openid), "while it is open nobody gets two numbers"
    assert second.name == "来宾2" and counted(runtime, GuestFace) == 1, "somebody else has the same picture"
    assert counted(runtime, Danmaku) == 0
    assert "来宾1" not in str(runtime.redis.get(wire.state_key(hall.slug))), "the screen forgets them at once"
    assert runtime.redis.get(wire.guest_key(hall.slug, before.openid)) is None
    assert runtime.redis.exists(wire.race_key(hall.slug)) == 0, "nor do the last ranks of a race keep their name"
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(status="closing"))
    hall.work()
    assert erasure.erase_due(runtime) == 1
    first, second = hall.guests()
    assert (first.openid, first.salt, first.name, first.person) == ("erased-1", "", "", before.person)
    assert second.openid == hall.openids[1] and second.salt
    with runtime.database.reading() as session:
        roster = standing.roster_of(session, hall.campaign_id, 1)
    assert roster is not None and before.person in roster.content
    assert erasure.erase_due(runtime) == 0


def test_a_week_after_the_end_what_was_shared_is_gone_and_what_was_typed_stays(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=2)
    closed_at = runtime.clock.now() - timedelta(days=erasure.SHARED_DAYS) + timedelta(minutes=1)
    with runtime.database.transaction() as session:
        session.execute(update(Guest).where(Guest.no == 1).values(has_shared=True, face="a" * 64))
        session.add(GuestFace(campaign_id=hall.campaign_id, sha256="a" * 64, content=b"x"))
        session.execute(update(Campaign).values(status="closed", closed_at=closed_at))
    assert erasure.erase_due(runtime) == 0 and counted(runtime, GuestFace) == 1
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(closed_at=closed_at - timedelta(minutes=2)))
    assert erasure.erase_due(runtime) == 1
    assert counted(runtime, GuestFace) == 0
    assert [(guest.name, guest.face) for guest in hall.guests()] == [("", ""), ("来宾2", "")]
    assert hall.hall().faces_deleted_at is not None and erasure.erase_due(runtime) == 0


def test_a_persons_story_tells_of_the_hall_and_not_before_the_reveal(runtime: Runtime) -> None:
    hall = open_hall(runtime, [{"stock": 1, "per_selection": 1}], guests=1)
    host = Host(hall)
    host.draw()

    def told() -> list[str]:
        with runtime.database.reading() as session:
            names = Names.read(session, runtime.vault)
            found = [each for source in HALLS for each in source.moments(session, names, hall.openids[0], None, 9)]
        return [moment.said.zh for moment in found]

    assert told() == ["现场签到，1 号"]
    host.reveal()
    assert told() == ["现场签到，1 号", "大屏抽中，第 1 次抽取"]
