"""Which language a person is spoken to, in the chat and in notices: Chinese, unless they write or read otherwise.

What somebody wrote counts more than what their phone is set to; the newest of its kind wins. Only people who are not
spoken to in Chinese have a row, so a process can know them all without asking for every message.
"""

import re
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.db import insert_into
from wxbot.people.models import PersonLanguage

CHINESE = "zh"
ENGLISH = "en"

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
WORD = re.compile(r"[^\W\d_]{2,}")

LATE = timedelta(minutes=2)
"""Rows of a transaction that took so long are still found by the next look."""


def written(text: str) -> str | None:
    """The language that a free text shows: one Chinese character is Chinese, two words without any are not; else None.

    One word alone shows nothing: an "ok" or the name of a product is everybody's.
    """
    if HAN.search(text):
        return CHINESE
    return ENGLISH if len(WORD.findall(text)) >= 2 else None


def of(session: Session, openid: str) -> str:
    """ "zh" or "en" for this person."""
    row = session.get(PersonLanguage, openid)
    return row.language if row is not None else CHINESE


def is_news(row: PersonLanguage | None, language: str | None, *, is_written: bool) -> bool:
    """Whether a language that was shown changes what is known of a person; None shows nothing."""
    if language is None or (row is not None and row.is_written and not is_written):
        return False
    known = row.language if row is not None else CHINESE
    return language != known or (row is not None and is_written and not row.is_written)


def note(session: Session, openid: str, language: str | None, now: datetime, *, is_written: bool) -> str:
    """Remember what a person wrote (or only read), and return the language they are spoken to from now on.

    Writes only when that changes something; None shows nothing.
    """
    row = session.get(PersonLanguage, openid)
    if language is None or not is_news(row, language, is_written=is_written):
        return row.language if row is not None else CHINESE
    values = {"language": language, "is_written": is_written, "noted_at": now}
    statement = insert_into(session, PersonLanguage).values(openid=openid, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["openid"], set_=values))
    if row is not None:
        session.refresh(row)
    return language


class KnownLanguages:
    """Everybody who is not spoken to in Chinese, in this process; `refresh` asks only for what has changed."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._newest: datetime | None = None

    def refresh(self, session: Session) -> None:
        """Read what has changed since the last look."""
        query = select(PersonLanguage.openid, PersonLanguage.language, PersonLanguage.noted_at)
        if self._newest is not None:
            query = query.where(PersonLanguage.noted_at > self._newest - LATE)
        for openid, language, noted_at in session.execute(query):
            if language == CHINESE:
                self._known.pop(openid, None)
            else:
                self._known[openid] = language
            self._newest = max(noted_at, self._newest or noted_at)

    def of(self, openid: str) -> str:
        """ "zh" or "en", without asking the database."""
        return self._known.get(openid, CHINESE)
