"""A process dies by kill -9 at the very commit of a draw: who asks again with the same nonce gets what was stored, and one award."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from tests.instant import crowd
from tests.instant.stage import InstantStage, set_wheel
from wxbot.instant.models import InstantDraw
from wxbot.runtime import Runtime
from wxbot.settings import Settings


def die_drawing(settings: Settings, campaign_id: int, slug: str, who: crowd.Person, nonce: str, moment: str) -> None:
    """One draw through the door, in a process that is gone just before or after the commit that books it."""
    stage = InstantStage(Runtime(settings), campaign_id, slug)

    def before(session: Session) -> None:
        session.info["booked"] = session.scalar(select(func.count()).select_from(InstantDraw))
        if moment == "before":
            after(session)

    def after(session: Session) -> None:
        if session.info["booked"]:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Session, "before_commit", before)
    event.listen(Session, "after_commit", after)
    crowd.taps(stage, [(who, nonce)])


@pytest.mark.on_postgresql
@pytest.mark.parametrize(("moment", "stored"), [pytest.param("before", 0, marks=pytest.mark.proof), ("after", 1)])
def test_a_draw_whose_answer_died_with_its_process_is_answered_from_its_row(
    runtime: Runtime, moment: str, stored: int
) -> None:
    stage = set_wheel(runtime, {"stock": 3}, tries_per_person=3, tries_per_day=3)
    who = crowd.person(runtime)
    nonce = crowd.nonce(stage, who)
    given = (runtime.settings, stage.campaign_id, stage.slug, who, nonce, moment)
    dying = multiprocessing.get_context("spawn").Process(target=die_drawing, args=given)
    dying.start()
    dying.join()
    assert dying.exitcode == -signal.SIGKILL
    assert [len(stage.draws()), len(stage.awards())] == [stored, stored]
    first, again = (crowd.taps(stage, [(who, nonce)])[0] for _ in range(2))
    assert first == again and first["outcome"] == "won" and first["tries_left"] == 2
    (draw,), (award,) = stage.draws(), stage.awards()
    assert (draw.k, draw.nonce, first["award"]["id"]) == (1, nonce, award.public_id)
    stage.check_books()
