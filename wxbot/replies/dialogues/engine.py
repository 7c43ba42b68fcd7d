"""Runs the declared dialogues: one row per person, every change conditional on the version that was read.

A message is applied once, however often and in whatever order WeChat delivers it: the row remembers the keys of the
newest messages and the newest CreateTime. What a step does inside the database is done in the transaction that moves
it. What it does outside is an errand: the message is claimed first, the errand runs without a transaction, its words
are written last; when the person had to be answered meanwhile, they become a notice in that same transaction, so that
nobody is answered twice or never.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from wxbot.db import changed, insert_into
from wxbot.logs import get_logger
from wxbot.people import languages, notices
from wxbot.replies.dialogues import actions
from wxbot.replies.dialogues.definitions import CANCEL, DIALOGUES, Declared, Step, Turn
from wxbot.replies.dialogues.words import (
    BUSY,
    CANCELLED,
    CANCELLED_PHOTOS,
    EXPIRED,
    FAILED,
    WAIT,
    WAY_OUT,
)
from wxbot.replies.models import Dialogue
from wxbot.replies.rules import normalise
from wxbot.runtime import Runtime
from wxbot.text import Text, lines

log = get_logger(__name__)

KEYS_KEPT = 24
"""Messages by which a repeat is known; WeChat repeats within seconds, a captured request lives ±300 s (security S02)."""

ERRAND = timedelta(seconds=60)
"""After so long without words an errand's process is taken for dead; its message may be sent again."""

ROUNDS = 8
"""How often a message is decided anew when another one of the same person was quicker."""

FUTURE_S = 300
"""A CreateTime further ahead than any clock may be wrong does not lock its person out."""


@dataclass(frozen=True)
class Said:
    """The answer: empty for silence."""

    words: str


@dataclass(frozen=True)
class NotOurs:
    """No dialogue takes this message."""


@dataclass(frozen=True)
class PendingAction:
    """Claimed by this message, to be done outside any transaction; without `turn` another delivery is at it."""

    openid: str
    version: int
    turn: Turn | None = None
    work: str = ""
    step: str = ""
    answers: Mapping[str, Any] | None = None
    carried: str = ""


Taken = Said | NotOurs | PendingAction


class Moved(Exception):
    """Another message of this person was quicker: look again."""


def concerns(session: Session, turn: Turn) -> bool:
    """Whether a dialogue is open for this person, or this message belongs to one that has just ended. One look by primary key."""
    row = session.get(Dialogue, turn.openid)
    return row is not None and (bool(row.step) or turn.key in row.messages or _is_late_photo(row, turn))


def open_openids(session: Session, since: datetime) -> list[str]:
    """Everybody who is in a dialogue, or was since then: a message of theirs may be delivered again."""
    return list(session.scalars(select(Dialogue.openid).where(or_(Dialogue.step != "", Dialogue.touched_at > since))))


def recent_openids(session: Session, since: datetime) -> frozenset[str]:
    """Everybody whose dialogue did something since then."""
    return frozenset(session.scalars(select(Dialogue.openid).where(Dialogue.touched_at > since)))


def apply(runtime: Runtime, turn: Turn, now: datetime) -> Taken:
    """Apply one message; raises what the database raises, and then nothing was applied."""
    for _round in range(ROUNDS):
        try:
            with runtime.database.transaction() as session:
                return _Turn(session, runtime, turn, now).take()
        except Moved:
            continue
    raise TimeoutError("the dialogue moved on every time it was looked at")


class _Turn:
    """One message in front of one person's row, inside one transaction."""

    def __init__(self, session: Session, runtime: Runtime, turn: Turn, now: datetime) -> None:
        self.session, self.runtime, self.turn, self.now = session, runtime, turn, now
        query = select(Dialogue).where(Dialogue.openid == turn.openid)
        self.row = session.scalar(query.with_for_update())
        self.language = languages.note(session, turn.openid, turn.shows, now, is_written=True)

    def take(self) -> Taken:
        """What becomes of the message."""
        row, turn = self.row, self.turn
        if row is None:
            return self._start() if turn.start else NotOurs()
        if turn.key in row.messages:
            return self._repeat(row)
        if _is_late_photo(row, turn):
            said = actions.add_late_photo(self.session, row.answers, turn.media_id, self.now)
            return self._write("", row.answers, said)
        if self._is_late(row):
            return Said("") if row.step or turn.start else NotOurs()
        if not row.step:
            return self._start() if turn.start else NotOurs()
        if self._is_pending(row):
            return Said(WAIT.within(self.language))
        declared = DIALOGUES[row.name]
        step = declared.step(row.step)
        if self.now >= row.expires_at and step.at_timeout == "end":
            return self._expired(declared)
        return self._step(row, declared, step)

    def _repeat(self, row: Dialogue) -> Taken:
        if self.turn.key != row.messages[-1]:
            return Said("")  # an earlier message again: it was answered when it was the newest
        return PendingAction(row.openid, row.version) if self._is_pending(row) else Said(row.words)

    def _is_pending(self, row: Dialogue) -> bool:
        """Whether an errand is under way for the last message."""
        return bool(row.step) and not row.words and self.now - row.touched_at < ERRAND

    def _is_late(self, row: Dialogue) -> bool:
        """Older than what was applied before. Photos sent together may overtake each other: their order means nothing."""
        is_photo = self.turn.kind == "photo" and bool(row.step) and "photos_since" in row.answers
        return bool(self.turn.created_unix < (row.answers["photos_since"] if is_photo else row.message_unix))

    def _step(self, row: Dialogue, declared: Declared, step: Step) -> Taken:
        turn = self.turn
        if turn.kind == "text" and normalise(turn.text) in CANCEL:
            ended = CANCELLED_PHOTOS if row.answers.get("photos") else CANCELLED
            return self._write("", {}, ended.format(title=declared.title))
        heard = step.hear(turn, row.answers)
        if heard.sorry and not heard.stays:
            return self._not_understood(row, declared, step, heard.sorry)
        if heard.go:
            following, answers, said = _asked(declared, heard.go, row.answers, actions.NOTHING, turn.created_unix)
            return self._write(following, answers, lines(said, WAY_OUT))
        answers = dict(row.answers)
        if heard.value is not None:
            answers[step.name] = heard.value
        work = heard.work or ("" if heard.stays else step.work)
        if work in actions.OUTSIDE:
            self._write(step.name, row.answers, actions.NOTHING)
            return PendingAction(turn.openid, row.version + 1, turn, work, step.name, answers, heard.carried)
        if heard.stays:
            return self._write(step.name, answers, heard.sorry or actions.NOTHING)
        worked = actions.INSIDE[work](self.session, self.runtime, turn.openid, answers, self.now) if work else None
        return self._write(*_moved_on(declared, step, answers, worked, turn.created_unix))

    def _not_understood(self, row: Dialogue, declared: Declared, step: Step, sorry: Text) -> Taken:
        """Not an answer to the question. Another dialogue asked for: at once, or after this one; else say it again."""
        wanted = DIALOGUES.get(self.turn.start)
        if wanted is None:
            return self._write(step.name, row.answers, lines(sorry, WAY_OUT))
        if wanted.is_instant:
            return self._write(step.name, row.answers, self._opened(wanted).words)
        if wanted.name == declared.name:
            return self._write(step.name, row.answers, lines(step.prompt(row.answers), WAY_OUT))
        return self._write(step.name, row.answers, BUSY.format(title=declared.title, keyword=wanted.keyword))

    def _expired(self, declared: Declared) -> Taken:
        if self.turn.start:
            return self._start()
        expired = EXPIRED.format(title=declared.title, keyword=declared.keyword)
        said = self._write("", {}, expired)
        return NotOurs() if self.turn.is_answered_elsewhere else said

    def _opened(self, wanted: Declared) -> actions.Opened:
        return actions.OPENINGS[wanted.name](self.session, self.runtime, self.turn.openid, self.now)

    def _start(self) -> Taken:
        """Open the dialogue that the message asks for; a photo that asked for it counts as the first one."""
        turn, wanted = self.turn, DIALOGUES[self.turn.start]
        opened = self._opened(wanted)
        greeting = f"{turn.greeting}\n" if turn.greeting else ""
        if wanted.is_instant or not opened.step:
            return Said(greeting + opened.words.within(self.language))
        answers = {**opened.answers, "token": turn.key}
        if turn.kind == "photo" and any(step.name == "photos" for step in wanted.steps):
            answers["photos"] = [turn.media_id]
        step, answers, said = _asked(wanted, opened.step, answers, opened.words, turn.created_unix)
        said = lines(said, WAY_OUT)
        return self._write(step, answers, Text(greeting + said.zh, greeting + said.en), name=wanted.name)

    def _write(self, step: str, answers: Mapping[str, Any], text: Text, name: str = "") -> Said:
        """Put the row where it belongs, with this message applied; raises Moved when it was changed meanwhile."""
        row, turn, said = self.row, self.turn, text.within(self.language)
        known = row.messages if row else []
        newest = min(turn.created_unix, int(self.now.timestamp()) + FUTURE_S)
        timeout = DIALOGUES[name or (row.name if row else "")].step(step).timeout if step else timedelta()
        values: dict[str, Any] = {
            "step": step,
            "answers": dict(answers),
            "words": said,
            "is_late": False,
            "touched_at": self.now,
            "messages": [*known, turn.key][-KEYS_KEPT:],
            "expires_at": self.now + timeout,
            "message_unix": max(newest, row.message_unix if row else 0),
        }
        if name:
            values |= {"name": name, "opened_at": self.now}
        if row is None:
            statement = insert_into(self.session, Dialogue).values(openid=turn.openid, version=1, **values)
            added = statement.on_conflict_do_nothing(index_elements=["openid"]).returning(Dialogue.openid)
            if self.session.scalar(added) is None:
                raise Moved
        elif not change(self.session, row.openid, row.version, values):
            raise Moved
        return Said(said)


def _is_late_photo(row: Dialogue, turn: Turn) -> bool:
    """A photo sent before the word that ended its dialogue, delivered after it."""
    if row.step or turn.kind != "photo" or "voucher_id" not in row.answers or turn.key in row.messages:
        return False
    return bool(row.answers["photos_since"] <= turn.created_unix <= row.message_unix)


def change(session: Session, openid: str, version: int, values: Mapping[str, Any]) -> bool:
    """Write a row that is still as it was read; False when it has changed since."""
    guarded = update(Dialogue).where(Dialogue.openid == openid, Dialogue.version == version)
    return changed(session, guarded.values(**values, version=version + 1)) > 0


def _asked(
    declared: Declared, step: str, answers: Mapping[str, Any], said: Text, created_unix: int
) -> tuple[str, dict[str, Any], Text]:
    """(step, answers, words) of the next question, with what is said before it."""
    kept = dict(answers)
    if step == "photos":
        kept["photos_since"] = created_unix
    return step, kept, lines(said, declared.step(step).prompt(kept))


def _moved_on(
    declared: Declared, step: Step, answers: Mapping[str, Any], worked: actions.ActionResult | None, created_unix: int
) -> tuple[str, dict[str, Any], Text]:
    """(step, answers, words) after a step was answered and its work done; an ended dialogue keeps only what its work says."""
    worked = worked or actions.ActionResult()
    following = step.then(answers) if worked.go is None else worked.go
    if not following:
        return "", dict(worked.keep), worked.words
    if following == step.name:
        return following, dict(answers) | dict(worked.keep), lines(worked.words, WAY_OUT)
    return _asked(declared, following, dict(answers) | dict(worked.keep), worked.words, created_unix)


# --- errands ------------------------------------------------------------------------------------------------------


def run(runtime: Runtime, errand: PendingAction, now: datetime) -> Said:
    """Do what a claimed message asks for, write its words, and return them; tells them as a notice when it took too long."""
    turn, answers = errand.turn, dict(errand.answers or {})
    if turn is None:
        raise ValueError("this errand belongs to another delivery of the message")
    try:
        worked = actions.OUTSIDE[errand.work](runtime, turn.openid, answers, errand.carried, now)
    except Exception:
        log.exception("dialogue_errand_failed", work=errand.work)
        worked = actions.ActionResult(FAILED, go=errand.step)
    return _conclude(runtime, errand, worked, now)


def _conclude(runtime: Runtime, errand: PendingAction, worked: actions.ActionResult, now: datetime) -> Said:
    with runtime.database.transaction() as session:
        row = session.scalar(select(Dialogue).where(Dialogue.openid == errand.openid).with_for_update())
        turn = errand.turn
        if row is None or turn is None or row.version != errand.version or not row.step:
            spoken = worked.words.within(languages.of(session, errand.openid))
            return Said(spoken)  # ended meanwhile: the work is done, and its words are all there is to say
        declared = DIALOGUES[row.name]
        step, answers, text = _moved_on(
            declared, declared.step(errand.step), dict(errand.answers or {}), worked, turn.created_unix
        )
        timeout = declared.step(step).timeout if step else timedelta()
        said = text.within(languages.of(session, row.openid))
        values = {
            "step": step,
            "answers": answers,
            "words": said,
            "touched_at": now,
            "expires_at": now + timeout,
            "is_late": False,
        }
        if not change(session, row.openid, row.version, values):
            raise Moved
        if row.is_late:
            notices.tell(session, row.openid, "dialogue", turn.key, text, now=now)
            return Said("")
        return Said(said)


def look(runtime: Runtime, errand: PendingAction, turn: Turn) -> Said | None:
    """The words of an errand that may be done by now; None while it is not."""
    with runtime.database.reading() as session:
        row = session.get(Dialogue, errand.openid)
    if row is None or (row.version == errand.version and not row.words and row.step):
        return None
    return Said(row.words if row.messages and row.messages[-1] == turn.key and not row.is_late else "")


def leave(runtime: Runtime, errand: PendingAction) -> bool:
    """No time left: WeChat is answered `success`, the errand's words shall go as a notice. False when it has just ended."""
    with runtime.database.transaction() as session:
        guarded = update(Dialogue).where(
            Dialogue.openid == errand.openid, Dialogue.version == errand.version, Dialogue.words == ""
        )
        return changed(session, guarded.values(is_late=True)) > 0
