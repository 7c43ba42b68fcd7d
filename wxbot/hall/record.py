"""The record of an evening: everything from which anybody works out its selections again, and what it gave, with masked names (results.py).

What `wxbot hall verify` reads stands in it (verify.py has its shape), and a seal by which the organiser knows it again (seal.py).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import journal, published, results, seal
from wxbot.hall.log import LogLine
from wxbot.hall.models import Hall, Roster
from wxbot.hall.results import Results
from wxbot.hall.seal_digest import digest_of
from wxbot.instant import versions
from wxbot.vault import Vault

Record = dict[str, Any]


class Seen(NamedTuple):
    """What may be seen of an evening now, read once for whoever shows and writes it."""

    record: Record
    results: Results
    lines: list[LogLine]


def record_of(session: Session, vault: Vault, campaign_id: int) -> Record | None:
    """The record as far as it may be seen now, sealed; None where there is no hall."""
    seen = seen_of(session, vault, campaign_id)
    return None if seen is None else seen.record


def seen_of(session: Session, vault: Vault, campaign_id: int) -> Seen | None:
    """The record with what it was made from; None where there is no hall."""
    hall = session.get(Hall, campaign_id)
    if hall is None:
        return None
    campaign = session.get_one(Campaign, campaign_id)
    lines = published.public_log(session, campaign_id)
    given = results.of(session, campaign_id, lines)
    last = journal.last(session, campaign_id)
    end = versions.newest(session, campaign_id).config["end"]
    # What is not shown yet may be the line that puts the end later: then the rules' end is not shown yet either. Where the lines
    # say that end already it stays, or a record would tell by it that something has been decided.
    shown = [line.body["until"] for line in lines if line.kind in ("scheduled", "prolonged")]
    is_end_shown = shown[-1:] == [end] or (last is not None and lines[-1:] == [last])
    made: Record = {
        "hall_id": campaign.slug,
        "name": campaign.act_name,
        "organiser": campaign.organiser,
        "rehearsal": int(hall.is_rehearsal),
        "commitment": hall.commitment,
        "chain_length": hall.chain_length,
        **({"end": end} if is_end_shown else {}),
        "rosters": list(_rosters(session, campaign_id, sum(line.kind == "frozen" for line in lines))),
        "log": [{**line._asdict(), "body": dict(line.body)} for line in lines],
        "winners": [line._asdict() for line in given.won],
        "void": [line._asdict() for line in given.void],
        "sums": [line._asdict() for line in given.sums],
    }
    return Seen(made | {"seal": seal.seal_of(vault, digest_of(made))}, given, lines)


def _rosters(session: Session, campaign_id: int, n: int) -> Iterator[str]:
    mine = (Roster.campaign_id == campaign_id) & (Roster.version <= n)
    yield from session.scalars(select(Roster.content).where(mine).order_by(Roster.version))
