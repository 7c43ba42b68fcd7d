"""A person's story: the moments of all sources, newest first, in pages that neither skip nor repeat one."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from wxbot.timeline.halls import HALLS
from wxbot.timeline.sources import SOURCES, Moment, Names
from wxbot.vault import Vault

PAGE_MOMENTS = 40
AT_ONCE = 200
"""Moments of one source that may share one microsecond without being lost between two pages."""


@dataclass(frozen=True)
class Chapter:
    """A page of moments, and the mark of the next one (None at the end)."""

    moments: list[Moment]
    older: str | None


def tell(
    session: Session,
    vault: Vault,
    openid: str,
    mark: str = "",
    limit: int = PAGE_MOMENTS,
    *,
    is_masked: bool = False,
) -> Chapter:
    """The newest moments of a person, or those after `mark` (which a chapter gave); equal answers in a row are one."""
    before, shown = _read(mark)
    names = Names.read(session, vault, is_masked=is_masked)
    slack = AT_ONCE if before is not None else 0
    found: list[tuple[datetime, int, int, Moment]] = []
    for rank, source in enumerate((*SOURCES, *HALLS)):
        moments = source.moments(session, names, openid, before, limit + 1 + slack)
        found += [(moment.at, rank, -number, moment) for number, moment in enumerate(moments)]
    found.sort(key=lambda one: one[:3], reverse=True)
    left = found[shown:]
    page = [moment for _, _, _, moment in left[:limit]]
    return Chapter(_folded(page), _mark(page, before, shown) if len(left) > limit else None)


def _folded(page: list[Moment]) -> list[Moment]:
    """Equal answers of WeChat about one order, with none between them that says something else, are one line with a count."""
    told: list[Moment] = []
    last: dict[tuple[str, str, int], int] = {}
    for moment in page:
        if moment.kind == "answer" and moment.link is not None:
            at = last.get(moment.link)
            if at is not None and (told[at].said, told[at].detail) == (moment.said, moment.detail):
                told[at] = replace(told[at], times=told[at].times + 1, since=moment.at)
                continue
            last[moment.link] = len(told)
        told.append(moment)
    return told


def _mark(page: list[Moment], before: datetime | None, shown: int) -> str:
    """Where the next page begins: the last moment's time, and how many moments of that very time were shown."""
    last = page[-1].at
    seen = sum(1 for moment in page if moment.at == last) + (shown if last == before else 0)
    return f"{int(last.timestamp() * 1_000_000)}-{seen}"


def _read(mark: str) -> tuple[datetime | None, int]:
    moment, _, seen = mark.partition("-")
    if not (moment.isascii() and moment.isdigit() and seen.isascii() and seen.isdigit()) or len(mark) > 30:
        return None, 0
    seconds, micros = divmod(int(moment), 1_000_000)
    if seconds > 4_000_000_000:
        return None, 0
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros), int(seen)
