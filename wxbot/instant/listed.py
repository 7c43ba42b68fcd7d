"""Who may draw in a campaign that is open to its list only: read from a file, a person a line, with a report of every line."""

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from wxbot.instant.models import AllowedPerson, RuleVersion
from wxbot.people import imports
from wxbot.people.imports import ImportReport, NumberedLine
from wxbot.text import Refusal, Text
from wxbot.vault import Vault

LAUNCHED = Text(
    "活动已经公布规则，名单只能加人，不能换掉已有的人：不替换（命令行去掉 --replace）再来一次。",
    "The rules are published: people can only be added. Do it again without replacing (without --replace).",
)


def counts(session: Session, campaign_id: int) -> Mapping[str, int]:
    """How many are on a campaign's list: by `openid` and by `phone`."""
    query = select(AllowedPerson.kind, func.count()).where(AllowedPerson.campaign_id == campaign_id)
    return Counter({row[0]: row[1] for row in session.execute(query.group_by(AllowedPerson.kind))})


def read_in(
    session: Session, vault: Vault, campaign_id: int, lines: Iterable[NumberedLine], *, replace: bool
) -> ImportReport:
    """Put these people on the campaign's list, or (`replace`) let the list be these people; a phone is kept as its blind index.

    Raises Refusal to take somebody off once the campaign's rules are published: it may change only to people's advantage.
    """
    if replace and session.scalar(select(RuleVersion.version).where(RuleVersion.campaign_id == campaign_id).limit(1)):
        raise Refusal("launched", LAUNCHED)
    report, people = ImportReport(), dict[str, str]()
    for number, text in lines:
        found = imports.named(text)
        if found is None:
            report.refuse(number, text)
            continue
        kind, subject = found
        people.setdefault(vault.index(subject) if kind == "phone" else subject, kind)
    mine = AllowedPerson.campaign_id == campaign_id
    if replace:
        session.execute(delete(AllowedPerson).where(mine))
    for chunk in imports.chunks(sorted(people)):
        there = set(session.scalars(select(AllowedPerson.subject).where(mine, AllowedPerson.subject.in_(chunk))))
        report.known += len(there)
        for subject in chunk:
            if subject not in there:
                session.add(AllowedPerson(campaign_id=campaign_id, subject=subject, kind=people[subject]))
                report.added += 1
        session.flush()
    return report
