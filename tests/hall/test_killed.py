"""Processes die by kill -9 before every statement and right after every commit of an evening's verbs: the same people win, once, and
what two people agreed to is there once, whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from tests.hall.hosting import Host, numbers, people
from tests.hall.office import MORE, Office
from tests.hall.stage import OpenHall, open_hall
from tests.hall.test_added_games import RAIN, begin, sound
from wxbot import invariants
from wxbot.campaigns.models import Campaign
from wxbot.hall import absent, changes, confirm, games, told, void
from wxbot.hall import select as selecting
from wxbot.hall.log import Kind
from wxbot.hall.models import Game, Hall, Roster
from wxbot.instant import codes
from wxbot.instant.changes import SUBJECT, content_of
from wxbot.instant.models import PrizeCode, RuleVersion
from wxbot.payouts import rule_changes
from wxbot.payouts.models import RuleChange
from wxbot.runtime import Runtime
from wxbot.staff.models import Staff

Verb = Callable[[Host], Any]


def hold_up(desk: Host) -> None:
    if desk.selections()[0].entropy_text == "":
        desk.do(selecting.hold_up, desk.id, numbers(1))


def arm(desk: Host) -> None:
    if not desk.selections():
        desk.do(selecting.arm, desk.id, 1, 3)


VERBS: tuple[Verb, ...] = (
    arm,
    hold_up,
    lambda desk: desk.start(),
    lambda desk: desk.reveal(),
    lambda desk: desk.do(confirm.confirm, desk.id, 1),
)
"""An evening; whoever goes on after a death asks for the same again."""


def dies(desk: Host, verb: Verb, statement: int) -> bool:
    """Whether a process that is killed before its `statement`-th statement (the commit counts as one, and the moment after it)
    died of it; False when it came to its end before."""
    child = os.fork()
    if child == 0:
        _carry_out(desk, verb, statement)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _carry_out(desk: Host, verb: Verb, statement: int) -> None:
    """In the child: a runtime of its own, and death at that statement."""
    said = 0

    def count(*_: Any) -> None:
        nonlocal said
        said += 1
        if said == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        with closing(Runtime(desk.stage.runtime.settings)) as runtime:
            engine = runtime.database.engine
            for moment in ("before_cursor_execute", "commit"):
                event.listen(engine, moment, count)
            mine = Host(OpenHall(runtime, desk.id, desk.stage.slug, desk.stage.openids))
            verb(mine)
            count()
        os._exit(0)
    except BaseException:
        os._exit(3)


def deaths_of(desk: Host, verb: Verb) -> int:
    """Carry a verb out by processes of which each but the last dies one statement later; how many died."""
    statement = 1
    while dies(desk, verb, statement):
        statement += 1
    return statement - 1


@pytest.mark.proof
@pytest.mark.on_both
@pytest.mark.timeout(900)
def test_whoever_dies_wherever_the_same_people_win_once(runtime: Runtime) -> None:
    desk = Host(open_hall(runtime, guests=12))
    desk.freeze()
    deaths, expected = 0, list[int]()
    runtime.database.close()
    for verb in VERBS:
        deaths += deaths_of(desk, verb)
        if verb is hold_up:
            expected = desk.foretold()
    assert deaths > 40
    assert [line.guest_no for line in desk.lines(1)] == expected
    assert [award.openid for award in desk.stage.awards()] == [desk.stage.openids[no - 1] for no in expected]
    kinds = [line.kind for line in desk.stage.log()]
    assert [kinds.count(each) for each in ("armed", "entropy", "drawn", "revealed", "confirmed")] == [1] * 5
    assert desk.verified() == []
    assert not any(invariants.check(runtime.database).values())


REASON = "主持人念错了奖项"


def until(kind: Kind, n: int, verb: Verb) -> Verb:
    """The verb as somebody presses it who first looks whether the log has the n-th line of it already."""

    def pressed(desk: Host) -> None:
        if [line.kind for line in desk.stage.log()].count(kind) < n:
            verb(desk)

    return pressed


def undo(no: int) -> Verb:
    return lambda desk: desk.do(absent.take_back, desk.id, 1, no)


def withdraw(desk: Host) -> None:
    if desk.selections()[0].void_asked_by is not None:
        desk.do(void.withdraw, desk.id, 1)


@pytest.mark.proof
@pytest.mark.on_both
@pytest.mark.timeout(900)
def test_whoever_dies_wherever_what_is_said_of_winners_is_said_once(runtime: Runtime) -> None:
    """Freeze, absent, given up, taken back and void: each by processes that die, and what follows is as if none had."""
    desk = Host(open_hall(runtime, guests=12, terms={"mode": "seed"}))
    asker, other = people(runtime, "asker", "other")
    deaths = dict[str, int]()

    def press(name: str, verb: Verb) -> None:
        runtime.database.close()
        deaths[name] = deaths_of(desk, verb)

    def words() -> list[str]:
        return [line.status for line in desk.lines(1)]

    press("freeze", until("frozen", 1, lambda desk: desk.freeze()))
    first, second, third = desk.show(k=3)
    press("absent", until("absent", 1, lambda desk: desk.mark(1, first)))
    press("keep", until("forfeited", 1, lambda desk: desk.mark(1, second, "keep")))
    press("refill", until("forfeited", 2, lambda desk: desk.mark(1, third, "refill")))
    assert words() == ["absent", "forfeited", "passed_on"] and desk.open_slots() == 2
    for n, no in enumerate((first, second, third), 1):
        press(f"undo {n}", until("undone", n, undo(no)))
    assert words() == ["won"] * 3 and desk.open_slots() == 0
    desk.mark(1, second)
    press("ask", lambda desk: desk.do(void.ask, desk.id, 1, asker, REASON))
    press("withdraw", withdraw)
    desk.do(void.ask, desk.id, 1, asker, REASON)
    vault = runtime.vault
    press("agree", until("voided", 1, lambda desk: desk.do(void.agree, vault, desk.id, 1, other, REASON)))
    assert words() == ["voided"] * 3 and desk.open_slots() == 3
    assert min(deaths.values()) > 3 and sum(deaths.values()) > 80, deaths

    desk.stage.come(1)
    press("freeze again", until("frozen", 2, lambda desk: desk.freeze()))
    kept = desk.show(k=3)
    desk.confirm(2)
    assert [award.openid for award in desk.stage.awards()] == [desk.stage.openids[no - 1] for no in kept]
    kinds = [line.kind for line in desk.stage.log()]
    said: tuple[Kind, ...] = ("frozen", "absent", "forfeited", "undone", "voided", "confirmed")
    assert [kinds.count(each) for each in said] == [2, 2, 2, 3, 1, 1]
    with runtime.database.reading() as session:
        assert session.scalars(select(Roster.count).order_by(Roster.version)).all() == [12, 13]
    assert desk.verified() == []
    assert not any(invariants.check(runtime.database).values())


def lay_codes(desk: Host) -> None:
    lines = [(1, "KEY-1"), (2, "KEY-2")]

    def lay(session: Session, now: Any) -> None:
        changes.lay_codes(session, desk.stage.runtime.vault, desk.id, lines, now)

    desk.do(lay)


def ask(desk: Host, number: int, form: Mapping[str, Any]) -> None:
    """Somebody asks for the evening's change of this number, unless they find that they have."""

    def asked(session: Session, now: Any) -> None:
        if session.scalar(select(func.count()).select_from(RuleChange)) == number - 1:
            li = session.scalars(select(Staff.id).where(Staff.name == "li")).one()
            changes.ask(session, desk.id, changes.read(form), li, now)

    desk.do(asked)


def agree(desk: Host) -> None:
    """A cashier agrees to what the page shows now, if anything waits."""

    def agreed(session: Session, now: Any) -> None:
        change = rule_changes.open_one(session, SUBJECT, desk.id)
        if change is not None:
            campaign, hall = session.get_one(Campaign, desk.id), session.get_one(Hall, desk.id)
            proposal = changes.propose(session, campaign, hall, change.asked)
            wang = session.scalars(select(Staff.id).where(Staff.name == "wang")).one()
            changes.approve(session, change.id, wang, content_of(change, campaign, proposal), now)

    desk.do(agreed)


@pytest.mark.proof
@pytest.mark.on_both
@pytest.mark.timeout(900)
def test_whoever_dies_wherever_what_two_people_agreed_to_is_there_once(office: Office, runtime: Runtime) -> None:
    desk, before = office.host, office.host.stage.campaign()
    later = MORE | {"end_at": office.later(1), "prize_kind": "code", "prize_name": "月卡"}
    verbs: tuple[Verb, ...] = (
        lay_codes,
        lambda desk: ask(desk, 1, later),
        agree,
        lambda desk: ask(desk, 2, RAIN),
        agree,
        lambda desk: begin(desk, 3),
    )
    runtime.database.close()
    deaths = [deaths_of(desk, verb) for verb in verbs]
    with runtime.database.transaction() as session:
        game = session.scalars(select(Game)).one()
        assert game.begin_at is not None and game.end_at is not None
        game.begin_at, game.end_at = (at - timedelta(minutes=1) for at in (game.begin_at, game.end_at))
    runtime.database.close()
    desk.tell()
    assert told.has_running_game(runtime, desk.stage.slug)
    runtime.database.close()
    deaths.append(deaths_of(desk, lambda desk: games.settle_due(desk.stage.runtime, desk.stage.campaign())))
    assert not told.has_running_game(runtime, desk.stage.slug), (
        "screens hear of the end, though the first who settled it died"
    )
    assert min(deaths) > 3 and sum(deaths) > 100

    after = desk.stage.campaign()
    assert (after.budget_fen, after.version, desk.left()[:2]) == (2700, before.version + 2, [3, 2])
    assert after.end_at > before.end_at
    with runtime.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(RuleVersion)) == 3
        assert session.scalars(select(RuleChange.status).order_by(RuleChange.id)).all() == ["approved", "approved"]
        assert codes.ready(session, desk.id) == 0
        assert session.scalar(select(func.count()).select_from(PrizeCode).where(PrizeCode.prize_id.is_not(None))) == 2
    kinds = [line.kind for line in desk.stage.log()]
    new: tuple[Kind, ...] = ("prolonged", "prize_added", "game_added", "rain_begun", "game_ended")
    assert [kinds.count(each) for each in new] == [1] * len(new)
    assert sum(award.amount_fen for award in desk.stage.awards()) == 2400
    sound(desk)
