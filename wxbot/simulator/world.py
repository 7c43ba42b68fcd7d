"""The world: every subject, one lock around them, saved to a file and read back."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from wxbot.simulator import accounts, grants, media, menus, messages, pay_v3_keys, people, push, qrcodes, shares
from wxbot.simulator.bank import Bank
from wxbot.simulator.cash import CASH_SWITCHES, CashPackets
from wxbot.simulator.config import SimulatorConfig
from wxbot.simulator.faults import Faults
from wxbot.simulator.ground import Chance, Clock, Ground, Switches
from wxbot.simulator.hall_crowd import Crowd
from wxbot.simulator.hall_wall import Wall
from wxbot.simulator.pay_orders import BANK_SWITCHES
from wxbot.simulator.pay_v3_texts import TRANSFER_SWITCHES
from wxbot.simulator.pinned import Pinned
from wxbot.simulator.requestlog import RequestLog
from wxbot.simulator.shake import SHAKE_SWITCHES, Shake
from wxbot.simulator.sms import Sms
from wxbot.simulator.transfers import Transfers
from wxbot.simulator.transfers_notify import Notices

log = logging.getLogger(__name__)

SAVE_EVERY_S = 2.0
SWITCHES = (
    *accounts.SWITCHES,
    *people.SWITCHES,
    *messages.SWITCHES,
    *menus.SWITCHES,
    *media.SWITCHES,
    *qrcodes.SWITCHES,
    *grants.SWITCHES,
    *push.SWITCHES,
    *shares.SWITCHES,
    *BANK_SWITCHES,
    *CASH_SWITCHES,
    *SHAKE_SWITCHES,
    *TRANSFER_SWITCHES,
)

#: Subjects that worlds saved by earlier versions lack.
LATER_SUBJECTS = ("cash", "sms", "transfers", "notices", "pinned", "shares")


class Subject(Protocol):
    """A part of the world that is saved with it."""

    def to_state(self) -> dict[str, Any]: ...

    def load_state(self, saved: dict[str, Any]) -> None: ...


class World:
    """Composes the subjects. Whoever touches one holds `lock`; the server does so around every view."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.lock = threading.RLock()
        self.clock = Clock()
        self.log = RequestLog()
        self.faults = Faults()
        self.account = config.account()
        self.http_url = self.https_url = self.proxy_url = ""
        self.certificate_paths: dict[str, Path] = {}
        self.is_dirty = False
        self.is_running = False
        self.resets = 0
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._compose(config.seed)

    def _compose(self, seed: int) -> None:
        config = self.config
        self.seed = seed
        self.chance = Chance(seed)
        self.switches = Switches(SWITCHES)
        self.ground = Ground(
            self.clock, self.account, self.switches, self.chance, config.balance_fen, self.http_url, self.https_url
        )
        self.accounts = accounts.Accounts(self.ground)
        self.people = people.People(self.ground)
        self.grants = grants.Grants(self.ground)
        self.menu = menus.Menu(self.ground)
        self.media = media.MediaStore(self.ground)
        self.qrcodes = qrcodes.QrCodes(self.ground)
        self.push = push.Push(self.ground, self.people, self.media, self.faults, self.lock)
        self.bank = Bank(self.ground)
        self.cash = CashPackets(self.ground, self.bank, self.people)
        self.sms = Sms(self.ground)
        self.pinned = Pinned()
        self.shares = shares.Shares(self.ground)
        self.shake = Shake(self.ground, self.bank, self.push.event)
        self.transfers = Transfers(self.ground, self.bank, self.people)
        self.hall, self.wall = Crowd(), Wall()
        self.notices = Notices(self.ground, self.faults, self.lock, lambda: self.platform_keys)
        self.transfers.on_final = self.notices.announce
        self.clock.on_advance = [self.cash.settle, self.bank.expire, self.transfers.due]
        self.clock.on_advance += [self.push.wake, self.notices.wake]
        self.subjects: dict[str, Subject] = {
            "switches": self.switches,
            "accounts": self.accounts,
            "people": self.people,
            "grants": self.grants,
            "menu": self.menu,
            "media": self.media,
            "qrcodes": self.qrcodes,
            "push": self.push,
            "bank": self.bank,
            "cash": self.cash,
            "sms": self.sms,
            "pinned": self.pinned,
            "shares": self.shares,
            "shake": self.shake,
            "transfers": self.transfers,
            "notices": self.notices,
            "faults": self.faults,
        }

    @cached_property
    def platform_keys(self) -> pay_v3_keys.PlatformKeys:
        """What WeChat Pay v3 signs with here, read from the certificate folder on first use (§4.9)."""
        return pay_v3_keys.load(self.certificate_paths)

    # -- life ---------------------------------------------------------------------------------------------------

    def open(self, http_url: str, https_url: str) -> None:
        """Reads the saved world, starts the push engine and the keeper (expiries every half second, saving)."""
        self.http_url, self.https_url = http_url, https_url
        self.ground.http_url, self.ground.https_url = http_url, https_url
        with self.lock:
            self.load_file()
            self.push.start()
            self.notices.start()
        self.is_running = True
        self._stopping.clear()
        self._keeper = threading.Thread(target=self._keep, name="simulator-keeper", daemon=True)
        self._keeper.start()

    def close(self) -> None:
        """Stops the threads and saves."""
        self._stopping.set()
        self.is_running = False
        self._stop_engines()
        if self._keeper is not None:
            self._keeper.join(10)
        self.save_file()

    def _stop_engines(self) -> None:
        self.push.stop()
        self.notices.stop()
        self.hall.close()
        self.wall.close()

    def _keep(self) -> None:
        wait_s, saved_at = SAVE_EVERY_S, time.monotonic()
        while not self._stopping.wait(0.5):
            try:
                with self.lock:
                    self.clock.run_due()
                if self.is_dirty and time.monotonic() - saved_at >= wait_s:
                    began = time.monotonic()
                    self.save_file()
                    saved_at = time.monotonic()
                    wait_s = max(SAVE_EVERY_S, 20 * (saved_at - began))  # a big world is saved less often
            except Exception:
                log.exception("keeper")

    # -- reset, save, load --------------------------------------------------------------------------------------

    def reset(self, seed: int | None = None) -> None:
        """An empty world with the same account settings. The clock goes back to the machine's time."""
        self._stop_engines()
        self.resets += 1
        self.clock.offset_s = 0.0
        self.faults.reset()
        self.log.reset()
        self._compose(self.seed if seed is None else seed)
        if self.is_running:
            self.push.start()
            self.notices.start()
        self.is_dirty = True

    def to_state(self) -> dict[str, Any]:
        return {
            "version": 1,
            "seed": self.seed,
            "clock_offset_s": self.clock.offset_s,
            "account": self.account.to_dict(),
            "configured": self.config.account().to_dict(),
            **{name: subject.to_state() for name, subject in self.subjects.items()},
        }

    def load_state(self, saved: dict[str, Any]) -> None:
        """Takes over a saved world. A broken one raises ValueError and leaves an empty world."""
        if not isinstance(saved, dict) or saved.get("version") != 1:
            raise ValueError("not a saved world of this version")
        self.reset(int(saved["seed"]))
        try:
            self.clock.offset_s = float(saved["clock_offset_s"])
            self.account.change(saved["account"])
            for name, subject in self.subjects.items():
                if name in saved or name not in LATER_SUBJECTS:
                    subject.load_state(saved[name])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.reset()
            raise ValueError(f"the saved world is broken: {error!r}") from error
        self.chance.random.seed(f"{self.seed} {time.time_ns()}")  # never the ids of the first run again

    @property
    def file(self) -> Path:
        return Path(self.config.state_dir) / "world.json"

    def save_file(self) -> None:
        """Writes the world beside the old file and renames it. The lock is held while it is put into words only."""
        if not self.config.is_saved:
            return
        with self.lock:
            self.is_dirty = False
            text = json.dumps(self.to_state(), ensure_ascii=False, separators=(",", ":"))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_suffix(".tmp")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(beside, self.file)

    def load_file(self) -> None:
        """Resumes where the last run stopped. A file that cannot be read is put aside and said so."""
        if not self.config.is_saved or not self.file.exists():
            return
        try:
            saved = json.loads(self.file.read_text(encoding="utf-8"))
            self.load_state(saved)
        except ValueError as error:
            aside = self.file.with_suffix(".broken")
            os.replace(self.file, aside)
            log.warning("%s; it is now %s and the world begins empty", error, aside.name)
            return
        self._follow_configuration(saved.get("configured", {}))

    def _follow_configuration(self, before: dict[str, Any]) -> None:
        """What is configured otherwise than last time wins over the file; what the control API changed stays."""
        for name, value in self.config.account().to_dict().items():
            if isinstance(value, list):
                kept = getattr(self.account, name)
                kept.extend(host for host in value if host not in kept)
            elif value != before.get(name, value):
                setattr(self.account, name, value)
