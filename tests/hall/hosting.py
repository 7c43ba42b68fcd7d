"""What a host does in an evening, each verb in a transaction of its own as the desk's pages do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from tests.hall.stage import OpenHall
from tests.staff.consoles import PASSWORD
from wxbot.campaigns.models import Campaign
from wxbot.hall import absent, confirm, gaps, journal, published, rosters, told, verify
from wxbot.hall import select as selecting
from wxbot.hall.absent import Word
from wxbot.hall.confirm import Confirmed
from wxbot.hall.models import Roster, Selection, Winner
from wxbot.instant.models import Prize
from wxbot.runtime import Runtime
from wxbot.staff import accounts

NUMBERS = ("AB12345678", "CD87654321", "EF11223344")


def numbers(d: int) -> list[str]:
    """Three bank notes that nobody held up before."""
    return [f"{each}{d}" for each in NUMBERS]


@dataclass
class Host:
    """The host of one hall."""

    stage: OpenHall

    def do(self, verb: Callable[..., Any], *args: Any) -> Any:
        """One verb behind a commit; the time is its last argument."""
        database = self.stage.runtime.database

        def carried(session: Session) -> Any:
            return verb(session, *args, database.now(session))

        with database.transaction() as session:
            return carried(session)

    @property
    def id(self) -> int:
        return self.stage.campaign_id

    def freeze(self) -> Roster:
        made: Roster = self.do(rosters.freeze, self.id)
        return made

    def arm(self, prize: int = 1, k: int = 1) -> Selection:
        """Armed, with its numbers where the mode asks for some."""
        armed: Selection = self.do(selecting.arm, self.id, prize, k)
        if self.stage.hall().mode == "hall":
            self.do(selecting.hold_up, self.id, numbers(armed.d))
        return armed

    def start(self) -> Selection:
        drawn: Selection = self.do(selecting.start, self.stage.runtime.vault, self.id)
        return drawn

    def reveal(self) -> Selection:
        shown: Selection = self.do(selecting.reveal, self.id)
        return shown

    def draw(self, prize: int = 1, k: int = 1) -> None:
        """Freeze, arm, start: the winners are drawn and nobody has seen them."""
        self.freeze()
        self.arm(prize, k)
        self.start()

    def show(self, prize: int = 1, k: int = 1) -> list[int]:
        """Arm, start, stop; the numbers of the winners."""
        self.arm(prize, k)
        self.start()
        return [line.guest_no for line in self.lines(self.reveal().d)]

    def mark(self, d: int, no: int, word: Word = "absent") -> None:
        self.do(absent.mark, self.id, d, no, word)

    def confirm(self, d: int) -> Confirmed:
        done: Confirmed = self.do(confirm.confirm, self.id, d)
        return done

    def tell(self) -> None:
        """What the desk's pages do after each verb: screens and phones hear how the hall stands."""
        told.tell(self.stage.runtime, self.id)

    def lines(self, d: int) -> list[Winner]:
        """All winners of a selection, revealed or not."""
        with self.stage.runtime.database.reading() as session:
            mine = (Winner.campaign_id == self.id) & (Winner.d == d)
            return list(session.scalars(select(Winner).where(mine).order_by(Winner.place)))

    def selections(self) -> list[Selection]:
        with self.stage.runtime.database.reading() as session:
            return list(session.scalars(select(Selection).order_by(Selection.d)))

    def foretold(self) -> list[int]:
        """Who wins the armed selection, by the published functions and the sealed seed."""
        runtime = self.stage.runtime
        with runtime.database.reading() as session:
            hall, armed = self.stage.hall(), self.selections()[0]
            seed = selecting.seed_of(session, runtime.vault, hall, armed.d)
            return selecting._winners(session, journal.evening(session, self.id), armed, seed)

    def left(self) -> list[int]:
        """Of each prize, how many are left by its row."""
        with self.stage.runtime.database.reading() as session:
            mine = select(Prize.left).where(Prize.campaign_id == self.id).order_by(Prize.ordinal)
            return list(session.scalars(mine))

    def open_slots(self, ordinal: int = 1) -> int:
        with self.stage.runtime.database.reading() as session:
            return journal.evening(session, self.id).open_slots(ordinal)

    def verified(self) -> Sequence[str]:
        """What the verifier finds in what is published now, as reasons; nothing when all of it follows."""
        with self.stage.runtime.database.reading() as session:
            campaign, hall = session.get_one(Campaign, self.id), self.stage.hall()
            lines = published.public_log(session, self.id)
            frozen = sum(line.kind == "frozen" for line in lines)
            mine = select(Roster.content).where(Roster.campaign_id == self.id).order_by(Roster.version)
            record = {
                "hall_id": campaign.slug,
                "commitment": hall.commitment,
                "chain_length": hall.chain_length,
                "rosters": list(session.scalars(mine))[:frozen],
                "log": [line._asdict() for line in lines],
            }
        return [finding.reason for finding in verify.verify(record, hall.commitment).findings]


def leap(desk: Host, to_d: int | None = None) -> None:
    """What a restore does to the database; `to_d`: behind so many used seeds that this selection is the next one."""
    database = desk.stage.runtime.database
    used = {desk.stage.hall().commitment: gaps.UsedNumbers(to_d - gaps.LEAP, 0)} if to_d is not None else None
    with database.transaction() as session:
        gaps.leap(session, "restored", database.now(session), used)


def people(runtime: Runtime, *logins: str) -> list[int]:
    """Members of staff, long since hired."""
    now = runtime.clock.now() - timedelta(days=30)
    return [accounts.hire(runtime.database, f"{each}.t", each, "marketer", PASSWORD, now) for each in logins]


@contextmanager
def statements(runtime: Runtime, is_counted: Callable[[str], bool] = bool) -> Iterator[list[str]]:
    """The statements that the database was given; a test may count some of them."""
    found: list[str] = []

    def note(*args: Any) -> None:
        if is_counted(args[2]):
            found.append(args[2])

    event.listen(runtime.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(runtime.database.engine, "before_cursor_execute", note)


def readings_of_the_log(runtime: Runtime) -> AbstractContextManager[list[str]]:
    """The statements that read more of a log than its last line."""
    return statements(runtime, lambda sql: "FROM hall_events" in sql and "LIMIT" not in sql)
