"""Codes that were given since the copy: `wxbot db restore --replace` reads who has which, and nobody gets one a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select

from tests.conftest import simulator_settings
from tests.hall.hosting import Host
from tests.hall.stage import RACE, OpenHall, launched, open_hall
from tests.hall.test_added_games import begin
from tests.instant.crowd import Person, nonce, person, taps
from tests.instant.stage import InstantStage, approved, archive_of, set_wheel
from tests.servers import SimulatedWeChat
from tests.test_cli import Operator, environment
from wxbot import invariants
from wxbot.app import create_app
from wxbot.campaigns.models import Campaign
from wxbot.hall import gaps, sign_in
from wxbot.hall.models import RaceCount
from wxbot.instant import archive, awards, codes, codes_lost
from wxbot.instant.models import Award
from wxbot.migrations import _config
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Refusal

CODE = {"kind": "code", "name": "月卡", "min_fen": 0, "max_fen": 0, "value_fen": 1500}
MANY: dict[str, Any] = {"tries_per_person": 500, "tries_per_day": 500}


@pytest.fixture
def operator(settings: Settings) -> Operator:
    return Operator(environment(settings))


@pytest.fixture
def copy(tmp_path: Path) -> str:
    return str(tmp_path / "copy.tar")


def read_in(runtime: Runtime, campaign_id: int, serials: Sequence[str]) -> codes.CodeReport:
    with runtime.database.transaction() as session:
        return codes.read_in(session, runtime.vault, campaign_id, 1, enumerate(serials, 1))


def wheel_of(runtime: Runtime, *serials: str) -> InstantStage:
    """A wheel that runs and gives these codes."""
    stage = set_wheel(runtime, CODE | {"stock": len(serials)}, **MANY)
    read_in(runtime, stage.campaign_id, serials)
    stage.work()
    return stage


def given(runtime: Runtime) -> Mapping[str, str]:
    """Code → who has it."""
    with runtime.database.reading() as session:
        won = session.scalars(select(Award).where(Award.kind == "code").order_by(Award.k)).all()
        found = {awards.code_of(session, runtime.vault, award): award.openid for award in won}
        assert len(found) == len(won)
        return {str(code): openid for code, openid in found.items()}


def broken(runtime: Runtime) -> dict[str, int]:
    """Invariants that do not hold."""
    return {name: n for name, n in invariants.check(runtime.database).items() if n}


def draw(stage: InstantStage, who: Person | None = None) -> dict[str, Any]:
    who = who or person(stage.runtime)
    (answer,) = taps(stage, [(who, nonce(stage, who))])
    return answer


def seen(runtime: Runtime, who: Person, path: str = "/h5/awards") -> dict[str, Any]:
    """What a page answers to this person's phone."""
    headers = {"Cookie": who.cookie, "Accept": "application/json"}
    with create_app(runtime).test_client(use_cookies=False) as client:
        answer: dict[str, Any] = client.get(path, base_url=runtime.settings.public_url, headers=headers).get_json()
    return answer


def test_a_code_that_was_drawn_since_the_copy_is_out_of_the_prize_in_every_life_that_follows(
    settings: Settings, operator: Operator, copy: str
) -> None:
    with closing(Runtime(settings)) as runtime:
        stage = wheel_of(runtime, "KEY-1", "KEY-2", "KEY-3", "KEY-4")
        assert draw(stage)["outcome"] == "won"
    operator.ok("db", "backup", copy)
    with closing(Runtime(settings)) as runtime:
        stage = InstantStage(runtime, stage.campaign_id, stage.slug)
        lucky = person(runtime)
        won = draw(stage, lucky)
        assert list(given(runtime)) == ["KEY-1", "KEY-2"] and won["outcome"] == "won"
    for life, serial in enumerate(["KEY-3", "KEY-4"], 1):
        told = operator.ok("db", "restore", copy, "--replace", "--yes")
        assert f"备份以后发出的卡密有 {life} 个" in told and f"{life} 个停用" in told
        assert ("1 code was given after the copy" if life == 1 else "2 codes were given after the copy") in told
        with closing(Runtime(settings)) as runtime:
            stage = InstantStage(runtime, stage.campaign_id, stage.slug)
            assert [prize.left for prize in stage.prizes()] == [3 - life]
            (mine,) = seen(runtime, lucky)["awards"]
            assert (mine["code"], mine["name"], mine["state"], mine["slug"]) == ("KEY-2", "月卡", "given", stage.slug)
            assert "恢复以前" in mine["text"] and seen(runtime, lucky, f"{stage.path}/state")["mine"] == [mine]
            assert seen(runtime, lucky, f"/h5/awards/{mine['id']}/state") == mine
            stranger = person(runtime)
            assert seen(runtime, stranger)["awards"] == []
            assert seen(runtime, stranger, f"/h5/awards/{mine['id']}/state") == {"outcome": "gone"}
            draw(stage)
            assert list(given(runtime)) == ["KEY-1", serial]
            assert broken(runtime) == {}
    with closing(Runtime(settings)) as runtime:
        stage = InstantStage(runtime, stage.campaign_id, stage.slug)
        report = read_in(runtime, stage.campaign_id, ["KEY-2", "KEY-3", "KEY-5"])
        assert (report.added, report.doubled) == (1, 2), "the same sheet once more gives nobody's code again"
        assert draw(stage)["outcome"] == "sold_out", "what was given is out of the stock"
        with runtime.database.reading() as session:
            assert codes_lost.aside_of(session, stage.campaign_id, 1) == 2
        stage.reveal()
        lines = archive_of(stage)
        assert '"lost":[[2,{"1":2}]]' in lines[0] and archive.checked(lines).is_true
        assert not archive.checked([lines[0].replace('{"1":2}', '{"1":1}'), *lines[1:]]).is_true


def test_whoever_won_a_code_in_a_hall_since_the_copy_has_this_very_code_again(
    settings: Settings, operator: Operator, copy: str
) -> None:
    with closing(Runtime(settings)) as runtime:
        hall = launched(runtime, (CODE | {"stock": 5, "per_selection": 3}, {}), terms={"mode": "seed"})
        read_in(runtime, hall.campaign_id, [f"KEY-{n}" for n in range(1, 6)])
        hall.work()
        hall.come(3)
        host = Host(hall)
        host.freeze()
        host.show(k=1)
        host.confirm(1)
    operator.ok("db", "backup", copy)
    with closing(Runtime(settings)) as runtime:
        host = Host(OpenHall(runtime, hall.campaign_id, hall.slug, hall.openids))
        host.stage.come(1)
        host.freeze()
        host.show(k=3)
        host.confirm(2)
        before = given(runtime)
        assert len(before) == 4 and hall.openids[3] in before.values()
    told = operator.ok("db", "restore", copy, "--replace", "--yes")
    assert "3 个记回了现场抽奖中奖者的名下" in told and "停用" not in told and "3 went back to their winners" in told
    with closing(Runtime(settings)) as runtime:
        host = Host(OpenHall(runtime, hall.campaign_id, hall.slug, hall.openids))
        assert given(runtime) == before and host.open_slots() == 1 and host.left() == [1, 3]
        assert [line.kind for line in host.stage.log()][-4:] == ["restored", "found", "found", "found"]
        assert sorted(line.body["no"] for line in host.stage.log()[-3:])[0] == 0, "one of them has no number here"
        with runtime.database.transaction() as session:
            entry = sign_in.GuestDetails("来宾4")
            sign_in.sign_in(session, host.id, hall.openids[3], entry, runtime.database.now(session))
        assert host.stage.log()[-1].kind == "returned"
        host.freeze()
        with pytest.raises(Refusal, match="名单里能中这个奖的只有 0 人"):
            host.arm(k=1)  # all four have won this evening
        host.stage.come(1)
        host.freeze()
        host.show(k=1)
        host.confirm(host.selections()[-1].d)
        assert len(given(runtime)) == 5 and host.left() == [0, 3]
        assert host.verified() == [] and broken(runtime) == {}


def raced(host: Host, counts: Mapping[int, int]) -> None:
    """The hall's first prize is a race; these guests shook so often, and it is over."""
    game = begin(host, 1)
    with host.stage.runtime.database.transaction() as session:
        for no, counted in counts.items():
            session.add(RaceCount(game_id=game.id, guest_no=no, counted=counted, last_seq=1, last_at=game.begin_at))
    host.stage.over(game)


def test_whoever_won_a_code_in_a_race_since_the_copy_has_this_very_code_again_and_the_race_has_been_played(
    settings: Settings, operator: Operator, copy: str
) -> None:
    with closing(Runtime(settings)) as runtime:
        hall = launched(runtime, (CODE | RACE | {"stock": 3}, {}), terms={"mode": "seed"})
        read_in(runtime, hall.campaign_id, ["KEY-1", "KEY-2", "KEY-3"])
        hall.work()
        hall.come(4)
    operator.ok("db", "backup", copy)
    with closing(Runtime(settings)) as runtime:
        raced(Host(OpenHall(runtime, hall.campaign_id, hall.slug, hall.openids)), {1: 9, 2: 8})
        before = given(runtime)
        assert list(before.values()) == hall.openids[:2]
    told = operator.ok("db", "restore", copy, "--replace", "--yes")
    assert "2 个记回了现场抽奖中奖者的名下" in told and "停用" not in told
    with closing(Runtime(settings)) as runtime:
        host = Host(OpenHall(runtime, hall.campaign_id, hall.slug, hall.openids))
        assert given(runtime) == before and host.left() == [1, 3]
        assert [line.kind for line in host.stage.log()][-3:] == ["restored", "found", "found"]
        with pytest.raises(Refusal, match="played"):
            begin(host, 1)
        assert host.verified() == [] and broken(runtime) == {}


def test_a_bare_machine_says_nothing_of_codes(
    simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path, copy: str
) -> None:
    settings = simulator_settings(simulator, sqlite_url, redis_url, tmp_path)
    with closing(Runtime(settings)) as runtime:
        stage = wheel_of(runtime, "KEY-1", "KEY-2")
        draw(stage)
    Operator(environment(settings)).ok("db", "backup", copy)
    bare = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/bare/wxbot.db", "data_dir": tmp_path})
    told = Operator(environment(bare)).ok("db", "restore", copy)
    assert "卡密" not in told and "备份之后付出的钱" in told
    with closing(Runtime(bare)) as runtime:
        assert list(given(runtime)) == ["KEY-1"] and broken(runtime) == {}


def test_a_copy_of_before_the_launch_starts_when_the_codes_that_were_given_are_made_up_for(
    settings: Settings, operator: Operator, copy: str
) -> None:
    with closing(Runtime(settings)) as runtime:
        stage = approved(runtime, CODE | {"stock": 2}, **MANY)
        read_in(runtime, stage.campaign_id, ["KEY-1", "KEY-2"])
    operator.ok("db", "backup", copy)
    with closing(Runtime(settings)) as runtime:
        stage = InstantStage(runtime, stage.campaign_id, stage.slug)
        stage.work()
        draw(stage)
    operator.ok("db", "restore", copy, "--replace", "--yes")
    with closing(Runtime(settings)) as runtime:
        stage = InstantStage(runtime, stage.campaign_id, stage.slug)
        stage.work()
        with runtime.database.reading() as session:
            assert session.get_one(Campaign, stage.campaign_id).status == "launching", "a code is missing"
            assert codes.counts(session, stage.campaign_id) == {1: 1}
        assert read_in(runtime, stage.campaign_id, ["KEY-1", "KEY-3"]).added == 1
        stage.work()
        assert [draw(stage)["outcome"] for _ in range(3)] == ["won", "won", "lost"]
        assert list(given(runtime)) == ["KEY-2", "KEY-3"] and broken(runtime) == {}


def test_a_database_of_the_version_before_says_which_codes_it_gave_and_how_far_its_halls_had_come(
    settings: Settings, operator: Operator, copy: str
) -> None:
    with closing(Runtime(settings)) as runtime:
        stage = wheel_of(runtime, "KEY-1", "KEY-2")
        hall = open_hall(runtime, guests=1, slug="party")
    operator.ok("db", "backup", copy)
    with closing(Runtime(settings)) as runtime:
        draw(InstantStage(runtime, stage.campaign_id, stage.slug))
        Host(OpenHall(runtime, hall.campaign_id, hall.slug, hall.openids)).stage.come(2)
        command.downgrade(_config(runtime.database), "0043")
    assert "备份以后发出的卡密有 1 个" in operator.ok("db", "restore", copy, "--replace", "--yes")
    with closing(Runtime(settings)) as runtime:
        draw(InstantStage(runtime, stage.campaign_id, stage.slug))
        assert list(given(runtime)) == ["KEY-2"] and broken(runtime) == {}
        there = OpenHall(runtime, hall.campaign_id, hall.slug, hall.openids)
        assert there.hall().next_no == 4 + gaps.LEAP_NO and there.hall().lost_prizes == []
