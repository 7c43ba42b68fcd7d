"""People who bind phones: a deployment against the simulator, with a short roster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import simulator_settings
from tests.servers import SimulatedWeChat
from tests.staff.consoles import StillClock, move_clock
from wxbot.people import bindings, outbox
from wxbot.people.models import Binding, RosterEntry, SmsOut
from wxbot.runtime import Runtime

MING, HONG, GUI = "oMINGxxxxxxxxxxxxxxxxxxxxxxx", "oHONGxxxxxxxxxxxxxxxxxxxxxxx", "oGUIxxxxxxxxxxxxxxxxxxxxxxxx"
LISTED, OTHER, STRANGE = "+8613800138000", "+8613900139000", "+8618612345678"


@dataclass
class Town:
    """A runtime whose clock stands still, and the simulated phones."""

    runtime: Runtime
    simulator: SimulatedWeChat

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def later(self, **by: float) -> None:
        move_clock(self.runtime, timedelta(**by))

    def set(self, **changes: Any) -> None:
        self.runtime.settings = self.runtime.settings.model_copy(update=changes)

    def ask(self, openid: str = MING, phone: str = LISTED, ip: str = "") -> str:
        return bindings.ask_code(self.runtime, openid, phone, ip, self.now).name

    def send(self) -> int:
        return outbox.send_due(self.runtime)

    def code(self, phone: str = LISTED) -> str:
        """The code in the newest message of a simulated phone."""
        got = self.simulator.control("GET", f"sms?phone={phone.replace('+', '%2B')}")["messages"]
        found = re.search(r"验证码是 (\d{6})", got[-1]["text"])
        assert found
        return found[1]

    def confirm(self, code: str, openid: str = MING) -> str:
        return bindings.confirm(self.runtime, openid, code, self.now).name

    def bind(self, openid: str = MING, phone: str = LISTED) -> str:
        """The whole way, at once."""
        asked = self.ask(openid, phone)
        self.send()
        return self.confirm(self.code(phone), openid) if asked == "sent" else asked

    def rows(self, model: Any, *where: Any) -> list[Any]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(model).where(*where).order_by(model.__table__.c[0])))

    def live(self) -> dict[str, str]:
        """openid → status of every binding that is not ended."""
        return {row.openid: row.status for row in self.rows(Binding, Binding.status != "ended")}

    def messages(self) -> list[str]:
        return [row.status for row in self.rows(SmsOut)]


def enlist(runtime: Runtime, phone: str, name: str, is_active: bool = True) -> None:
    with runtime.database.transaction() as session:
        session.add(
            RosterEntry(
                name=name,
                phone_sealed=runtime.vault.seal(phone),
                phone_index=runtime.vault.index(phone),
                is_active=is_active,
                created_at=runtime.clock.now(),
                updated_at=runtime.clock.now(),
            )
        )


def make_town(runtime: Runtime, simulator: SimulatedWeChat) -> Town:
    """陈一 and 林二 are on the roster."""
    runtime.clock = runtime.database.clock = StillClock(runtime.clock.now())
    enlist(runtime, LISTED, "陈一")
    enlist(runtime, OTHER, "林二")
    return Town(runtime, simulator)


@pytest.fixture
def town(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Town]:
    """A town for stories in which the database makes no difference."""
    with closing(Runtime(simulator_settings(simulator, sqlite_url, redis_url, tmp_path))) as runtime:
        yield make_town(runtime, simulator)


@pytest.fixture
def each_town(runtime: Runtime, simulator: SimulatedWeChat) -> Town:
    """The same, once on SQLite and once on PostgreSQL: for counts, races and first ways through."""
    return make_town(runtime, simulator)
