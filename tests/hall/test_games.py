"""Red-packet rain and shake race: fixed before the doors open, handed out beforehand, claimed once, owed when they are over."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from tests.draws.stage import BASE, Phone
from tests.hall.guests import enter, me
from tests.hall.stage import RACE, RAIN, OpenHall, open_hall
from wxbot import invariants, lineage
from wxbot.hall import games, gaps, guests, rain, rain_rule
from wxbot.hall.models import Game, RaceCount, RainHit
from wxbot.hall.record import record_of
from wxbot.hall.state import public_state
from wxbot.hall.verify import verify
from wxbot.hall.wire import race_key
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.witness import Witness


@given(
    st.integers(1, 40),
    st.integers(1, 60),
    st.integers(1, 5),
    st.integers(1, 50),
    st.integers(0, 200),
    st.binary(min_size=32, max_size=32),
    st.data(),
)
def test_the_packets_of_a_rain_add_up_and_nobody_has_more_than_the_cap(
    people: int, packets: int, cap: int, low: int, above: int, seed: bytes, data: st.DataObject
) -> None:
    high = low + above
    total = data.draw(st.integers(packets * low, packets * high))
    terms, nos = rain_rule.RainTerms(20, packets, total, cap, low, high), list(range(1, people + 1))
    found = rain_rule.packets_of(rain_rule.rain_key(seed, "gala", 1, nos), nos, terms)
    assert found == rain_rule.packets_of(rain_rule.rain_key(seed, "gala", 1, nos), nos[::-1], terms)
    assert len(found) == min(packets, people * cap)
    assert all(low <= one.amount_fen <= high and 1000 <= one.at_ms < 18_000 for one in found)
    spent = sum(one.amount_fen for one in found)
    assert spent == total if len(found) == packets else spent < total
    assert max(sum(one.no == no for one in found) for no in nos) <= cap


def _begin(hall: OpenHall, ordinal: int) -> Game:
    with hall.runtime.database.transaction() as session:
        return games.begin(session, hall.runtime.vault, hall.campaign_id, ordinal, hall.runtime.database.now(session))


def _claim(hall: OpenHall, no: int, slot: int, now: datetime) -> int:
    with hall.runtime.database.transaction() as session:
        return rain.claim(session, hall.campaign_id, no, slot, now)


def _moment(game: Game, hit: RainHit, late_ms: int = 200) -> datetime:
    assert game.begin_at is not None
    return game.begin_at + timedelta(milliseconds=hit.at_ms + late_ms)


def _hits(hall: OpenHall) -> list[RainHit]:
    with hall.runtime.database.reading() as session:
        return list(session.scalars(select(RainHit).order_by(RainHit.at_ms)))


def _state(hall: OpenHall) -> dict[str, Any]:
    with hall.runtime.database.reading() as session:
        return public_state(session, session.get_one(type(hall.hall()), hall.campaign_id))


def _faults(hall: OpenHall) -> list[str]:
    with hall.runtime.database.reading() as session:
        record = record_of(session, hall.runtime.vault, hall.campaign_id)
    return [fault.reason for fault in verify(json.loads(json.dumps(record))).findings]


def _sound(runtime: Runtime) -> None:
    assert {name: n for name, n in invariants.check(runtime.database).items() if n} == {}


def test_a_packet_is_its_persons_alone_is_caught_once_and_is_owed_in_one_award_for_each_person(
    runtime: Runtime,
) -> None:
    hall = open_hall(runtime, (RAIN,), guests=5)
    game = _begin(hall, 1)
    assert _begin(hall, 1).begin_at == game.begin_at
    hits = _hits(hall)
    assert sum(hit.amount_fen for hit in hits) == 2400
    first = hits[0]
    with pytest.raises(Refusal):
        _claim(hall, first.guest_no, first.slot, runtime.clock.now())  # it has not begun
    caught: dict[int, int] = {}
    for hit in hits[:-1]:
        now = _moment(game, hit)
        with pytest.raises(Refusal):
            _claim(hall, hit.guest_no % 5 + 1, hit.slot, now)
        assert [_claim(hall, hit.guest_no, hit.slot, now) for _ in range(2)] == [hit.amount_fen] * 2
        caught[hit.guest_no] = caught.get(hit.guest_no, 0) + hit.amount_fen
    assert _state(hall)["game"]["claimed_fen"] == sum(caught.values())
    with pytest.raises(Refusal):
        _claim(hall, hits[-1].guest_no, hits[-1].slot, _moment(game, hits[-1], 5000))
    hall.over(game)
    hall.work()
    of = {openid: no for no, openid in enumerate(hall.openids, 1)}
    assert {of[award.openid]: award.amount_fen for award in hall.awards()} == caught
    assert len(hall.awards()) == len(caught)
    _sound(runtime)
    assert _faults(hall) == []


def test_what_nobody_caught_is_its_persons_where_the_rules_say_so(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RAIN | {"leftover": "person"},), guests=5)
    game = _begin(hall, 1)
    hits = _hits(hall)
    struck, other = hits[0].guest_no, next(hit for hit in hits if hit.guest_no != hits[0].guest_no)
    for hit in (hits[0], other):
        _claim(hall, hit.guest_no, hit.slot, _moment(game, hit))
    with runtime.database.transaction() as session:
        guests.strike(session, hall.campaign_id, struck, "left", runtime.database.now(session))
    hall.over(game)
    of = {openid: no for no, openid in enumerate(hall.openids, 1)}
    sums: dict[int, int] = {}
    for hit in hits:
        if hit.guest_no != struck:
            sums[hit.guest_no] = sums.get(hit.guest_no, 0) + hit.amount_fen
    assert {of[award.openid]: award.amount_fen for award in hall.awards()} == {**sums, struck: hits[0].amount_fen}
    _sound(runtime)
    assert _faults(hall) == []


def test_a_race_waits_for_its_last_row_and_not_for_ever(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RACE,), guests=2)
    game = _begin(hall, 1)
    assert game.begin_at is not None and game.end_at is not None
    with runtime.database.transaction() as session:
        row = RaceCount(game_id=game.id, guest_no=1, counted=50, last_seq=1, last_at=game.begin_at)
        session.add(row)
        ended = runtime.clock.now() - timedelta(seconds=10)
        session.execute(update(Game).values(begin_at=ended - timedelta(seconds=20), end_at=ended))
    hall.work()
    assert hall.awards() == []
    runtime.redis.hset(race_key(hall.slug), "ranks", json.dumps({"game": game.id + 1, "final": True}))
    hall.work()
    assert hall.awards() == []
    said = {"game": game.id, "final": True, "at": ended.timestamp() - 1}  # of the same race before a restore
    runtime.redis.hset(race_key(hall.slug), "ranks", json.dumps(said))
    hall.work()
    assert hall.awards() == []
    runtime.redis.hset(race_key(hall.slug), "ranks", json.dumps(said | {"at": ended.timestamp() + 3}))
    hall.work()
    assert len(hall.awards()) == 1


def test_a_race_is_won_by_who_came_furthest_and_earlier(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RACE,), guests=4)
    game = _begin(hall, 1)
    assert game.begin_at is not None
    with runtime.database.transaction() as session:
        for no, counted, at in ((1, 50, 9), (2, 80, 9), (3, 80, 8), (4, 0, 1)):
            last_at = game.begin_at + timedelta(seconds=at)
            session.add(RaceCount(game_id=game.id, guest_no=no, counted=counted, last_seq=1, last_at=last_at))
    assert not any(one["won"] for one in _state(hall)["game"]["ranks"]), "it is not over"
    hall.over(game)
    assert [award.openid for award in hall.awards()] == [hall.openids[2], hall.openids[1]]
    shown = _state(hall)["game"]
    assert (shown["prize"], [one["no"] for one in shown["ranks"] if one["won"]]) == (1, [3, 2])
    (of_race,) = _state(hall)["results"]
    assert (of_race["prize"], of_race["total"]) == (1, 2)
    assert [(one["no"], one["name"], one["counted"]) for one in of_race["winners"]] == [
        (3, "来宾3", 80),
        (2, "来宾2", 80),
    ]
    _sound(runtime)
    assert _faults(hall) == []


@pytest.mark.parametrize("way", ["rain", "race"])
def test_who_is_struck_during_a_game_gets_nothing_that_was_not_promised_before(runtime: Runtime, way: str) -> None:
    """A phone was told what it caught, and keeps it; a place in a race is promised to nobody before its end."""
    hall = open_hall(runtime, (RAIN if way == "rain" else RACE,), guests=2)
    game = _begin(hall, 1)
    mine = [hit for hit in _hits(hall) if hit.guest_no == 1]
    promised = 0
    if way == "rain":
        promised = _claim(hall, 1, mine[0].slot, _moment(game, mine[0]))
    else:
        with runtime.database.transaction() as session:
            session.add(RaceCount(game_id=game.id, guest_no=1, counted=9, last_seq=1, last_at=game.begin_at))
    with runtime.database.transaction() as session:
        guests.strike(session, hall.campaign_id, 1, "staff", runtime.database.now(session))
    if way == "rain":
        with pytest.raises(Refusal, match="没有接到"):
            _claim(hall, 1, mine[1].slot, _moment(game, mine[1]))
        assert _claim(hall, 1, mine[0].slot, _moment(game, mine[0], 9000)) == promised
    hall.over(game)
    assert sum(award.amount_fen for award in hall.awards()) == promised
    _sound(runtime)
    assert _faults(hall) == []


def test_only_one_thing_runs_at_a_time_and_each_game_is_played_once(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RAIN, RACE))
    with pytest.raises(Refusal, match="签到"):
        _begin(hall, 1)
    hall.come(2)
    game = _begin(hall, 1)
    with pytest.raises(Refusal, match="正在进行"):
        _begin(hall, 2)
    hall.over(game)
    with pytest.raises(Refusal, match="玩过"):
        _begin(hall, 1)
    assert _begin(hall, 2).status == "running"


def test_more_than_somebodys_packets_or_another_seed_is_found(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RAIN,), guests=3)
    game = _begin(hall, 1)
    for hit in _hits(hall):
        _claim(hall, hit.guest_no, hit.slot, _moment(game, hit))
    hall.over(game)
    with runtime.database.reading() as session:
        record = json.loads(json.dumps(record_of(session, hall.runtime.vault, hall.campaign_id)))
    line = next(one for one in record["log"] if one["kind"] == "game_ended")
    (of_rain,) = _state(hall)["results"]
    sums = [(one["no"], one["amount_fen"]) for one in of_rain["winners"]]
    assert sums == list(zip(line["body"]["nos"], line["body"]["sums"], strict=True)), (
        "the screen lists them with their sums"
    )
    first, *others = line["body"]["sums"]
    for change, reason in (({"seed": "ab" * 32}, "seed"), ({"sums": [first + 1, *others]}, "winners")):
        forged = json.loads(json.dumps(record))
        next(one for one in forged["log"] if one["kind"] == "game_ended")["body"] |= change
        assert reason in {fault.reason for fault in verify(forged).findings}


def test_the_log_fixes_a_game_before_the_doors_open(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RAIN, RACE))
    kinds = [line.kind for line in hall.log()]
    assert kinds == ["committed", "scheduled", "game_fixed", "game_fixed", "opened"]


def test_a_guest_catches_a_packet_of_theirs_by_the_phone_and_nobody_elses(
    runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    hall = open_hall(runtime, (RAIN | {"per_selection": 12, "seconds": 10},))
    enter(ming, hall)
    enter(hong, hall)
    game = _begin(hall, 1)
    with runtime.database.transaction() as session:  # every packet falls now
        session.execute(update(Game).where(Game.id == game.id).values(begin_at=runtime.clock.now()))
        session.execute(update(RainHit).values(at_ms=0))
    mine = me(ming, hall)["game"]["moments"]
    others = me(hong, hall)["game"]["moments"]
    assert len(mine) + len(others) == 12 and all(each["fen"] is None for each in mine)
    of_ming = next(each["slot"] for each in mine)
    caught = [_catch(ming, hall, of_ming) for _ in range(2)]
    assert caught[0].json == caught[1].json and caught[0].json["fen"] >= 100
    assert me(ming, hall)["game"]["moments"][0]["fen"] == caught[0].json["fen"]
    refused = _catch(hong, hall, of_ming)
    assert refused.status_code == 409 and refused.json["text"] == "没有接到"
    for slot in ("0", "x", "1e3", "99999999999"):
        assert _catch(ming, hall, slot).status_code == 409
    assert _catch(ming, hall, of_ming, mark="other").json["outcome"] == "stale"


def _catch(phone: Phone, hall: OpenHall, slot: Any, mark: str = "") -> Any:
    page = phone.open(hall.path).get_data(as_text=True)
    own = mark or json.loads(page.split('id="state">')[1].split("</script>")[0])["mark"]
    headers = {"User-Agent": phone.agent, "Origin": BASE, "X-Form-Mark": own, "Accept": "application/json"}
    return phone.client.post(f"{hall.path}/rain", base_url=BASE, headers=headers, data={"slot": slot})


@pytest.mark.on_both
def test_a_packet_that_is_being_caught_while_the_rain_is_settled_is_owed(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RAIN,), guests=5)
    game = _begin(hall, 1)
    hit = _hits(hall)[0]

    def settle() -> None:
        with runtime.database.transaction() as session:
            games._settle(session, runtime.vault, game.id, runtime.database.now(session))

    with ThreadPoolExecutor(1) as pool:
        with runtime.database.transaction() as session:
            fen = rain.claim(session, hall.campaign_id, hit.guest_no, hit.slot, _moment(game, hit))
            settling = pool.submit(settle)
            wait([settling], timeout=1)  # it goes on when this commit is there, however long that takes
        settling.result()
    assert [award.amount_fen for award in hall.awards()] == [fen]
    with pytest.raises(Refusal):
        _claim(hall, hit.guest_no, hit.slot, _moment(game, hit))


def test_a_game_that_ran_in_a_copy_gives_nothing_and_begins_anew_from_another_seed(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RAIN, RACE), guests=3)
    game = _begin(hall, 1)
    before = [(hit.guest_no, hit.amount_fen, hit.at_ms) for hit in _hits(hall)]
    _claim(hall, before[0][0], _hits(hall)[0].slot, _moment(game, _hits(hall)[0]))
    for _ in range(2):
        with runtime.database.transaction() as session:
            assert gaps.leap(session, "restored", runtime.database.now(session)) == [hall.campaign_id]
    hall.over(game)
    assert hall.awards() == [] and _hits(hall) == []
    assert _state(hall)["scene"] == "wall" and _state(hall)["game"] is None
    again = _begin(hall, 1)
    hits = _hits(hall)
    assert [(hit.guest_no, hit.amount_fen, hit.at_ms) for hit in hits] != before
    for hit in hits:
        _claim(hall, hit.guest_no, hit.slot, _moment(again, hit))
    hall.over(again)
    assert sum(award.amount_fen for award in hall.awards()) == sum(hit.amount_fen for hit in hits)
    hall.over(_begin(hall, 2))
    _sound(runtime)
    assert _faults(hall) == []


def test_a_rain_begins_anew_as_often_as_it_has_seeds(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rain_rule, "RESTORES_MAX", 1)
    hall = open_hall(runtime, (RAIN,), guests=3)
    for is_left in (True, False):
        with runtime.database.transaction() as session:
            gaps.leap(session, "restored", runtime.database.now(session))
        if is_left:
            _begin(hall, 1)
    with pytest.raises(Refusal, match="玩过"):
        _begin(hall, 1)


@given(st.binary(min_size=32, max_size=32), st.integers(0, rain_rule.RESTORES_MAX))
def test_what_the_log_fixes_of_a_rain_commits_to_all_its_seeds(last: bytes, restores: int) -> None:
    fixed = rain_rule.seed_hash(rain_rule.first_seed(last))
    seed = rain_rule.seed_after(last, fixed, restores)
    assert rain_rule.is_fixed(seed, fixed, restores)
    assert not rain_rule.is_fixed(seed, fixed, restores + 1) and not rain_rule.is_fixed(last[::-1], fixed, restores)


def test_a_restored_database_settles_no_game_before_it_knows_what_it_has_lost(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RAIN,), guests=5)
    game = _begin(hall, 1)
    hit = _hits(hall)[0]
    _claim(hall, hit.guest_no, hit.slot, _moment(game, hit))
    lineage.freeze_now(runtime, "older", Witness(9, 9))
    hall.over(game)
    with runtime.database.reading() as session:
        assert session.get_one(Game, game.id).status == "running"
    assert hall.awards() == [] and hall.log()[-1].kind == "game_begun"
