"""Server-sent events from a real `wxbot live`: the whole state first, then what is newer, and who may hear what."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
import requests

from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from tests.live.stage import WAIT_S, Listener, LiveServer, LiveStage
from tests.waiting import until
from wxbot.hall.wire import SCREEN_S, ranks_channel, screen_key, state_key
from wxbot.runtime import Runtime


@pytest.fixture(scope="module", autouse=True)
def silent(live_stage: LiveStage, live: LiveServer) -> Iterator[Listener]:
    """A phone in a hall in which nothing happens, from the first test on."""
    live_stage.tell("ping", 1)
    with live_stage.phone(live, "ping", "oPhonePing") as phone:
        yield phone


def test_a_screen_hears_everything_and_a_phone_nobodys_name(live_stage: LiveStage, live: LiveServer) -> None:
    live_stage.tell("all", 3, newest=[{"no": 1, "name": "小明", "face": ""}], guests=1)
    with live_stage.screen(live, "all") as screen, live_stage.phone(live, "all", "oPhoneAll1") as phone:
        first = screen.next()
        assert first["id"] == "3" and json.loads(first["data"])["newest"][0]["name"] == "小明"
        seen = phone.next()
        assert seen["id"] == "3" and "小明" not in seen["data"] and json.loads(seen["data"])["scene"] == "wall"
        live_stage.tell("all", 4, scene="selection", selection={"d": 1, "prize": 2, "k": 1, "status": "armed"})
        assert screen.state()["v"] == 4
        assert phone.state()["selection"]["status"] == "armed"


def test_a_screen_that_listens_is_known_to_be_there(live_stage: LiveStage, live: LiveServer) -> None:
    live_stage.tell("there", 1)
    key = screen_key("there", 1)
    with live_stage.phone(live, "there", "oPhoneThere") as phone:
        assert phone.state()["v"] == 1
        with live_stage.screen(live, "there"):
            until(lambda: live_stage.redis.exists(key), "the screen is said to be there")
            assert 0 < live_stage.redis.ttl(key) <= SCREEN_S


def test_nobody_whom_the_host_hides_is_named_in_the_ranks_whenever_they_were_said(
    live_stage: LiveStage, live: LiveServer
) -> None:
    """A runner's name comes from their phone's socket, which has been open since before."""
    live_stage.tell("hide", 1)
    top = [{"no": no, "name": name, "team": "", "counted": 9} for no, name in ((1, "小明"), (2, "小红"))]
    ranks = {"game": 1, "epoch": 1, "at": 1.0, "people": 2, "final": True, "top": top, "teams": []}
    with live_stage.screen(live, "hide") as screen:  # phones hear no ranks
        assert screen.state()["v"] == 1
        live_stage.redis.publish(ranks_channel("hide"), json.dumps(ranks))
        assert _names(screen) == ["小明", "小红"]
        live_stage.tell("hide", 2, hidden=[1])
        assert _names(screen) == ["", "小红"]
        live_stage.redis.publish(ranks_channel("hide"), json.dumps(ranks))
        assert _names(screen) == ["", "小红"]
        live_stage.tell("hide", 3, hidden=[])
        assert _names(screen) == ["小明", "小红"]


def _names(listener: Listener) -> list[str]:
    """Of the next ranks."""
    while (event := listener.next())["event"] != "ranks":
        pass
    return [rank["name"] for rank in json.loads(event["data"])["top"]]


def test_a_stream_is_read_whole_whichever_http_is_spoken(live_stage: LiveStage, live: LiveServer) -> None:
    """To HTTP/1.0 nothing is said in chunks, and a HEAD has no body."""
    live_stage.tell("old", 1)
    asked = "{} /live/old/events HTTP/{}\r\nHost: x\r\nCookie: {}\r\n\r\n"
    for method, version, wanted in (
        ("GET", "1.0", b"\n\nid: 1\nevent: state"),
        ("GET", "1.1", b"\r\nid: 1\nevent: state"),
    ):
        with socket.create_connection(("127.0.0.1", live.port), timeout=WAIT_S) as old:
            old.sendall(asked.format(method, version, live_stage.cookie("oOld")).encode())
            came = b""
            while b"event: state" not in came and (more := old.recv(4096)):
                came += more
            assert wanted in came, came
    with socket.create_connection(("127.0.0.1", live.port), timeout=WAIT_S) as old:
        old.sendall(asked.format("HEAD", "1.1", live_stage.cookie("oOldHead")).encode())
        came = b""
        while b"\r\n\r\n" not in came:
            came += old.recv(4096)
        live_stage.tell("old", 2, scene="rest")
        with live_stage.phone(live, "old", "oOldLast") as last:
            until(lambda: last.state()["v"] == 2, "the second state was told")
        old.settimeout(0.2)
        with pytest.raises(TimeoutError):
            assert not old.recv(4096)
        assert came.endswith(b"\r\n\r\n")


def test_phones_hear_nothing_of_a_sign_in(live_stage: LiveStage, live: LiveServer) -> None:
    """Each of two thousand would ask for its own part."""
    live_stage.tell("quiet", 1, guests=1)
    with live_stage.screen(live, "quiet") as screen, live_stage.phone(live, "quiet", "oPhoneQuiet") as phone:
        assert (screen.state()["v"], phone.state()["v"]) == (1, 1)
        live_stage.tell("quiet", 2, guests=2, newest=[{"no": 2, "name": "b", "face": ""}])
        assert screen.state()["v"] == 2
        live_stage.tell("quiet", 3, guests=2, scene="rest")
        assert phone.state()["v"] == 3


def test_who_comes_back_is_told_only_what_is_newer(live_stage: LiveStage, live: LiveServer) -> None:
    live_stage.tell("back", 7)
    with live_stage.screen(live, "back", **{"Last-Event-ID": "7"}) as screen:
        assert screen.next()["event"] == "ping", "it is told at once that it knows the newest"
        live_stage.tell("back", 8, scene="rain")
        assert screen.state()["v"] == 8
    with live_stage.screen(live, "back", **{"Last-Event-ID": "6"}) as screen:
        assert screen.state()["v"] == 8


@pytest.mark.parametrize("seen", ["\u00b2", "9" * 5000, "-1"])
def test_what_is_no_number_of_a_state_is_as_none(live_stage: LiveStage, live: LiveServer, seen: str) -> None:
    live_stage.tell("odd", 7)
    with live_stage.screen(live, "odd", **{"Last-Event-ID": seen}) as screen:
        assert screen.state()["v"] == 7


def test_a_state_that_was_written_without_a_word_is_found_all_the_same(live_stage: LiveStage, live: LiveServer) -> None:
    """Words of Redis are lost when its connection is."""
    live_stage.tell("lost", 1)
    with live_stage.screen(live, "lost") as screen:
        assert screen.state()["v"] == 1
        live_stage.redis.set(state_key("lost"), json.dumps({"v": 2, "slug": "lost", "scene": "rest"}))
        assert screen.state()["v"] == 2


def test_a_slow_reader_is_told_the_newest_and_costs_no_memory(live_stage: LiveStage, live: LiveServer) -> None:
    """Forty states of 400 KB each, of which it reads nothing: more than what its connection and the kernel hold."""
    live_stage.tell("slow", 1)
    with live_stage.screen(live, "slow") as slow, live_stage.screen(live, "slow") as quick:
        assert quick.state()["v"] == 1
        for v in range(2, 42):
            live_stage.tell("slow", v, newest=[{"no": v, "name": "n" * 400_000, "face": ""}])
            assert quick.state()["v"] == v
        seen: list[int] = []
        while not seen or seen[-1] != 41:
            seen.append(slow.state()["v"])
        assert len(seen) < 30, "everything was kept for it"


@pytest.mark.parametrize(
    ("path", "cookie", "origin", "status"),
    [
        ("who/events", "", "", 401),
        ("who/events", "wxbot_person=oNobody.1.x..0123456789abcdef0123456789abcdef", "", 401),
        ("who/events?as=screen", "phone", "", 401),
        ("who/events?as=screen", "other", "", 401),
        ("none/events", "phone", "", 404),
        ("Up%2fdown/events", "phone", "", 404),
        ("who/events", "phone", "https://evil.example.com", 403),
        ("none/state.json", "", "", 404),
    ],
)
def test_who_is_turned_away(
    live_stage: LiveStage, live: LiveServer, path: str, cookie: str, origin: str, status: int
) -> None:
    live_stage.tell("who", 1)
    given = {"phone": live_stage.cookie("oPhoneWho"), "other": live_stage.screen_cookie("other")}.get(cookie, cookie)
    answer = live_stage.ask(live, path, given, **({"Origin": origin} if origin else {}))
    assert answer.status_code == status
    answer.close()


def test_one_person_has_six_streams_and_a_hall_as_many_as_there_are(live_stage: LiveStage, live: LiveServer) -> None:
    """All of them from one address: nothing is counted by it."""
    live_stage.tell("full", 1)
    path = "full/events"
    greedy = [live_stage.ask(live, path, live_stage.cookie("oGreedy")) for _ in range(7)]
    assert [answer.status_code for answer in greedy] == [200] * 6 + [429]
    others = [live_stage.ask(live, path, live_stage.cookie(f"oOther{n:03d}")) for n in range(34)]
    assert {answer.status_code for answer in others} == {200}
    more = live_stage.ask(live, path, live_stage.cookie("oMore"))
    assert (more.status_code, more.headers["Retry-After"]) == (503, "5")
    for answer in [*greedy, *others, more]:
        answer.close()
    until(
        lambda: live_stage.ask(live, path, live_stage.cookie("oMore")).status_code == 200, "a place that was given up"
    )


def test_who_polls_finds_the_same_and_so_does_nginx(live_stage: LiveStage, live: LiveServer) -> None:
    live_stage.tell("poll", 5, scene="rain", newest=[{"no": 1, "name": "小明", "face": ""}])
    told = requests.get(f"{live.base}/live/poll/state.json", timeout=10).json()
    when = told.pop("written")
    assert (told["v"], told["scene"]) == (5, "rain") and "小明" not in str(told)
    file = live_stage.folder / "states" / "poll.json"
    assert {**json.loads(file.read_text("utf-8")), "written": when} == {**told, "written": when}
    assert file.stat().st_mode & 0o777 == 0o644
    live_stage.tell("poll", 6, scene="rest")
    until(lambda: json.loads(file.read_text("utf-8"))["scene"] == "rest", "a newer file")
    until(lambda: json.loads(file.read_text("utf-8"))["written"] > when, "a file that is written again and again")


def test_no_stream_and_no_polled_file_tells_a_winner_before_the_stop(live_stage: LiveStage, live: LiveServer) -> None:
    """A real evening: what screens and phones hear while the ball rolls is what they heard before it."""
    with closing(Runtime(live_stage.settings)) as runtime:
        desk = Host(open_hall(runtime, guests=6, slug="sealed", terms={"mode": "seed"}))
        desk.freeze()
        desk.arm(k=3)
        desk.tell()
        file = live_stage.folder / "states" / "sealed.json"
        phones = [live_stage.phone(live, "sealed", openid) for openid in desk.stage.openids]
        with live_stage.screen(live, "sealed") as screen, ExitStack() as open_:
            ends = [screen, *(open_.enter_context(phone) for phone in phones)]

            def polled() -> dict[str, Any]:
                found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
                return found

            def heard(status: str) -> list[str]:
                """The state that comes to each, and that of the file that nginx answers who polls with."""
                desk.tell()
                states = [_standing(end, status) for end in ends]
                assert requests.get(f"{live.base}/live/sealed/state.json", timeout=10).status_code == 200
                until(lambda: (polled().get("selection") or {}).get("status") == status, "the file that is polled")
                return [_unmoved(json.dumps(state, ensure_ascii=False)) for state in [*states, polled()]]

            before = heard("armed")
            desk.start()
            assert heard("drawn") == before
            desk.reveal()
            screens, *others = heard("revealed")
            assert len(json.loads(screens)["selection"]["winners"]) == 3
            assert not any("winners" in each for each in others), "a phone asks for its own"


def _standing(listener: Listener, status: str) -> dict[str, Any]:
    """The first state in which the selection stands so."""
    while ((state := listener.state())["selection"] or {}).get("status") != status:
        pass
    return state


def _unmoved(text: str) -> str:
    """A state without what time and a start may change."""
    return re.sub(r'"(v|at|now|written|status|open)": ?("\w*"|[\d.]+)', '"":""', text)


def test_something_is_said_every_ten_seconds(silent: Listener) -> None:
    """Of those, the tests before have waited most."""
    silent.state()
    assert silent.next()["event"] == "ping"
