"""The persons of the world: who follows, what was said, how many messages the account may still send (§5.8, §5.14)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from wxbot.simulator.ground import ALPHANUMERIC, Ground, Switch

OPENID_LETTERS = ALPHANUMERIC + "-_"

NAMES = tuple(
    "小明 小红 阿强 丽丽 大伟 芳芳 晓东 静静 阿杰 婷婷 建国 秀英 子轩 雨桐 浩然 欣怡 老王 小李 阿珍 国庆 "  # noqa: SIM905
    "思远 梦洁 志强 晓燕 文博 佳琪 小雪 天宇 海燕 春生".split()
)
FACES = "🐼🦊🐯🐰🐨🦁🐸🐵🐧🦉🐱🐶🐹🐻🐮🐷🦄🐙🐳🦋"

#: (messages, seconds) the account may send after an act of the person (§5.8; appendix B: 5 since 2023-06-12).
MINUTE_S = 60
TWO_DAYS_S = 48 * 3600

SWITCHES = (
    Switch(
        "replies_after_message", "Customer messages allowed after a message: 5 (since 2023) or 20 (before).", 5, "§5.8"
    ),
    Switch(
        "replies_after_tap", "Customer messages allowed in the minute after a menu tap, a follow or a scan.", 3, "§5.8"
    ),
    Switch("unionid_given", "The account is bound to an Open Platform: user info carries unionid.", True, "§5.14"),
    Switch(
        "motion_permission",
        "DeviceMotionEvent.requestPermission in a page: browser (its own), absent, granted, denied, unanswered, refused.",
        "browser",
        "§9.4",
    ),
)


def phone_of(person_id: int) -> str:
    """The number of a person who has not chosen another: a range that belongs to nobody."""
    return f"+86199{person_id:08d}"


@dataclass
class Allowance:
    """What one act of the person allows: so many customer messages until then."""

    left: int
    until: float


@dataclass
class Line:
    """One line of a chat; `said_by` is person, account or system. `content` depends on the type."""

    n: int
    said_by: str
    type: str
    content: dict[str, Any]
    at: float

    def shown(self) -> dict[str, Any]:
        return {"n": self.n, "from": self.said_by, "type": self.type, **self.content, "at": self.at}


#: What the control API may set: snapshot mode (§7.4), a frozen account (50002), messages refused (48002), a wallet with a
#: real name (§4.6 REAL_NAME_CHECK_FAIL).
CHANGEABLE_FLAGS = ("is_snapshot", "is_frozen", "is_blocking", "is_real_named")


@dataclass
class Person:
    """One person with a phone, as this account sees them."""

    id: int
    nickname: str
    openid: str
    unionid: str
    snapshot_openid: str
    avatar: str
    is_followed: bool = False
    is_snapshot: bool = False
    is_frozen: bool = False
    is_blocking: bool = False
    is_real_named: bool = True
    real_name: str = ""
    """The name behind the wallet; empty: any name a merchant gives is right."""
    subscribe_time: int = 0
    subscribe_scene: str = "ADD_SCENE_OTHERS"
    qr_scene: str = ""
    wallet_fen: int = 0
    phone: str = ""
    acted_at: float = 0.0
    typing_until: float = 0.0
    in_hand: dict[str, Any] = field(default_factory=dict)
    """What this phone gives to a page that asks: see in_hand.py."""
    allowances: list[Allowance] = field(default_factory=list)
    chat: list[Line] = field(default_factory=list)

    SHOWN = ("id", "nickname", "openid", "unionid", "avatar", "phone", "wallet_fen", "is_followed", *CHANGEABLE_FLAGS)
    CHANGEABLE = ("nickname", "avatar", "phone", "real_name", *CHANGEABLE_FLAGS)

    def shown(self) -> dict[str, Any]:
        return {**{name: getattr(self, name) for name in self.SHOWN}, "lines": len(self.chat)}


class People:
    """Everyone, by id and by openid."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.reset()

    def reset(self) -> None:
        self.everyone: dict[int, Person] = {}
        self.openids: dict[str, Person] = {}
        self.last_id = 0
        self.last_line = 0

    # -- who ----------------------------------------------------------------------------------------------------

    def make(self, nickname: str = "") -> Person:
        """A new person who does not follow yet."""
        self.last_id += 1
        n, chance = self.last_id, self.ground.chance
        person = Person(
            id=n,
            nickname=nickname or NAMES[(n - 1) % len(NAMES)] + ("" if n <= len(NAMES) else str(n)),
            openid="o" + chance.letters(27, OPENID_LETTERS),
            unionid="u" + chance.letters(27, OPENID_LETTERS),
            snapshot_openid="oVIRTUAL" + chance.letters(20, OPENID_LETTERS),
            avatar=FACES[(n - 1) % len(FACES)],
            phone=phone_of(n),
        )
        self._enter(person)
        return person

    def _enter(self, person: Person) -> None:
        self.everyone[person.id] = person
        self.openids[person.openid] = person

    def by_id(self, number: str | int) -> Person | None:
        try:
            return self.everyone.get(int(number))
        except ValueError:
            return None

    def by_openid(self, openid: str) -> Person | None:
        return self.openids.get(openid)

    def followers(self) -> list[str]:
        """openids in the order of following, as user/get gives them (§5.14)."""
        found = [person for person in self.everyone.values() if person.is_followed]
        return [person.openid for person in sorted(found, key=lambda person: (person.subscribe_time, person.id))]

    # -- what they do -------------------------------------------------------------------------------------------

    def follow(self, person: Person, scene: str = "") -> None:
        """Follows; a scene code opens the same allowance and is remembered for user/info (§5.6, §5.8, §5.14)."""
        now = self.ground.clock.now()
        person.is_followed = True
        person.subscribe_time = int(now)
        person.subscribe_scene = "ADD_SCENE_QR_CODE" if scene else "ADD_SCENE_SEARCH"
        person.qr_scene = scene
        self.allow(person, "tap")

    def unfollow(self, person: Person) -> None:
        person.is_followed = False
        person.allowances = []

    def allow(self, person: Person, act: str) -> None:
        """An act of the person opens an allowance: `message` 5 in 48 h; `tap` (also follow, scan) 3 in a minute (§5.8)."""
        now, switches = self.ground.clock.now(), self.ground.switches
        person.acted_at = now
        if act == "message":
            allowance = Allowance(switches["replies_after_message"], now + TWO_DAYS_S)
            # a new message refills, it does not add up: drop what earlier messages left
            kept = [a for a in person.allowances if a.until > now and a.until - now <= MINUTE_S]
        else:
            allowance = Allowance(switches["replies_after_tap"], now + MINUTE_S)
            kept = [a for a in person.allowances if a.until > now][-20:]
        person.allowances = [*kept, allowance]

    def spend_reply(self, person: Person) -> int:
        """One customer message goes out: 0, or 45015 (no window open) or 45047 (the count is used up) (§5.8)."""
        now = self.ground.clock.now()
        if not person.is_followed and not any(a.until > now for a in person.allowances):
            return 45015
        living = [a for a in person.allowances if a.until > now]
        if not living:
            return 45015
        usable = [a for a in living if a.left > 0]
        if not usable:
            return 45047
        min(usable, key=lambda a: a.until).left -= 1  # the one that ends first
        return 0

    # -- the chat -----------------------------------------------------------------------------------------------

    def say(self, person: Person, said_by: str, kind: str, **content: Any) -> Line:
        """Adds a line to the person's chat with the account."""
        self.last_line += 1
        line = Line(self.last_line, said_by, kind, content, self.ground.clock.now())
        person.chat.append(line)
        if len(person.chat) > 500:
            del person.chat[:100]
        return line

    # -- saved --------------------------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        return {
            "everyone": [dataclasses.asdict(person) for person in self.everyone.values()],
            "last_id": self.last_id,
            "last_line": self.last_line,
        }

    def load_state(self, saved: dict[str, Any]) -> None:
        self.reset()
        for each in saved["everyone"]:
            values = dict(each)
            values["allowances"] = [Allowance(**a) for a in values["allowances"]]
            values["chat"] = [Line(**line) for line in values["chat"]]
            self._enter(Person(**{"phone": phone_of(values["id"]), **values}))
        self.last_id, self.last_line = saved["last_id"], saved["last_line"]
