"""Processes die by kill -9 before every statement and right after every commit of an evening's verbs: the same people win, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event

from tests.hall.hosting import Host, numbers
from tests.hall.stage import OpenHall, open_hall
from wxbot import invariants
from wxbot.hall import confirm
from wxbot.hall import select as selecting
from wxbot.runtime import Runtime

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


@pytest.mark.proof
@pytest.mark.on_both
@pytest.mark.timeout(900)
def test_whoever_dies_wherever_the_same_people_win_once(runtime: Runtime) -> None:
    desk = Host(open_hall(runtime, guests=12))
    desk.freeze()
    deaths, expected = 0, list[int]()
    runtime.database.close()
    for verb in VERBS:
        statement = 1
        while dies(desk, verb, statement):
            statement += 1
            deaths += 1
        if verb is hold_up:
            expected = desk.foretold()
    assert deaths > 40
    assert [line.guest_no for line in desk.lines(1)] == expected
    assert [award.openid for award in desk.stage.awards()] == [desk.stage.openids[no - 1] for no in expected]
    kinds = [line.kind for line in desk.stage.log()]
    assert [kinds.count(each) for each in ("armed", "entropy", "drawn", "revealed", "confirmed")] == [1] * 5
    assert desk.verified() == []
    assert not any(invariants.check(runtime.database).values())
