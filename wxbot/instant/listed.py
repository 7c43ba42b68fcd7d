"""Who may draw in a campaign that is open to its list only: read from a file, a person a line, with a report of every line."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.instant.models import AllowedPerson, RuleVersion
from wxbot.people import phones
from wxbot.text import Refusal, Text
from wxbot.vault import Vault

OPENID_CHARS = range(6, 65)
FAULTS_KEPT = 100
CHUNK = 500

LAUNCHED = Text(
    "活动已经公布规则，名单只能加人：去掉 --replace 再来一次。",
    "The rules are published: people can only be added. Do it again without --replace.",
)


@dataclass
class ListReport:
    """What became of the lines: (line from 1, what stood there) of those that are neither openid nor phone."""

    added: int = 0
    known: int = 0
    faulty: list[tuple[int, str]] = field(default_factory=list)
    faults: int = 0


def _subject(vault: Vault, text: str) -> tuple[str, str] | None:
    """(kind, subject) of one line: a phone is kept as its blind index alone."""
    try:
        return "phone", vault.index(phones.normalise(text))
    except phones.BadPhone:
        is_openid = len(text) in OPENID_CHARS and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
        return ("openid", text) if is_openid and not text.isdigit() else None


def read_in(session: Session, vault: Vault, campaign_id: int, lines: Iterable[str], *, replace: bool) -> ListReport:
    """Put these people on the campaign's list, or (`replace`) let the list be these people; blank lines are skipped.

    Raises Refusal to take somebody off once the campaign's rules are published: it may change only to people's advantage.
    """
    if replace and session.scalar(select(RuleVersion.version).where(RuleVersion.campaign_id == campaign_id).limit(1)):
        raise Refusal("launched", LAUNCHED)
    report, people = ListReport(), dict[str, str]()
    for number, line in enumerate(lines, 1):
        text = typed.line(line)
        if not text:
            continue
        found = _subject(vault, text)
        if found is None:
            report.faults += 1
            if len(report.faulty) < FAULTS_KEPT:
                report.faulty.append((number, text[:40]))
            continue
        people.setdefault(found[1], found[0])
    mine = AllowedPerson.campaign_id == campaign_id
    if replace:
        session.execute(delete(AllowedPerson).where(mine))
    subjects = sorted(people)
    for begin in range(0, len(subjects), CHUNK):
        chunk = subjects[begin : begin + CHUNK]
        there = set(session.scalars(select(AllowedPerson.subject).where(mine, AllowedPerson.subject.in_(chunk))))
        report.known += len(there)
        for subject in chunk:
            if subject not in there:
                session.add(AllowedPerson(campaign_id=campaign_id, subject=subject, kind=people[subject]))
                report.added += 1
        session.flush()
    return report
