"""Dialogues for a door that has seconds to answer: one message in, words out, or silence now and a notice later."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from wxbot.logs import get_logger
from wxbot.replies.dialogues import engine
from wxbot.replies.dialogues.definitions import Turn
from wxbot.replies.dialogues.engine import NotOurs, PendingAction, Said
from wxbot.runtime import Runtime

LEAVE_S = 0.7
"""How long it may take to write down that the words come later; WeChat's fifth second is near by then."""

LOOK_AGAIN_S = 0.1

log = get_logger(__name__)


class Talks:
    """Keeps the threads in which errands go on after their door has answered."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._rows = ThreadPoolExecutor(max_workers=8, thread_name_prefix="dialogue")
        self._errands = ThreadPoolExecutor(max_workers=8, thread_name_prefix="errand")

    def concerns(self, turn: Turn, timeout_s: float) -> bool:
        """Whether a dialogue takes this message, asked of the database; raises what it raises, and TimeoutError."""

        def look() -> bool:
            with self._runtime.database.reading() as session:
                return engine.concerns(session, turn)

        return self._rows.submit(look).result(timeout=timeout_s)

    def take(self, turn: Turn, deadline: float, now: datetime) -> Said | NotOurs:
        """Apply the message and answer by `deadline` (time.monotonic).

        Raises TimeoutError or what the database raises when nothing was written in time: then WeChat shall send the
        message again, and what was written after all is found by its next delivery.
        """
        taken = self._rows.submit(engine.apply, self._runtime, turn, now).result(timeout=_left(deadline))
        return self._wait(taken, turn, deadline, now) if isinstance(taken, PendingAction) else taken

    def _wait(self, errand: PendingAction, turn: Turn, deadline: float, now: datetime) -> Said:
        """The errand's words while there is time, else silence and the promise of a notice."""
        said = self._run(errand, deadline, now) if errand.turn else self._watch(errand, turn, deadline)
        if said is not None:
            return said
        log.info("dialogue_answers_later", work=errand.work)
        if self._rows.submit(engine.leave, self._runtime, errand).result(timeout=LEAVE_S):
            return Said("")
        return engine.look(self._runtime, errand, turn) or Said("")

    def _run(self, errand: PendingAction, deadline: float, now: datetime) -> Said | None:
        try:
            return self._errands.submit(engine.run, self._runtime, errand, now).result(timeout=_left(deadline))
        except TimeoutError:
            return None

    def _watch(self, errand: PendingAction, turn: Turn, deadline: float) -> Said | None:
        """Another delivery of the message is at it: wait for its words."""
        while time.monotonic() + LOOK_AGAIN_S < deadline:
            said = engine.look(self._runtime, errand, turn)
            if said is not None:
                return said
            time.sleep(LOOK_AGAIN_S)
        return None

    def close(self) -> None:
        """Let the threads end; an errand under way is finished first, its words go as a notice."""
        self._rows.shutdown(wait=True, cancel_futures=True)
        self._errands.shutdown(wait=True)


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.1)
