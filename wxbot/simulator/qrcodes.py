"""QR codes with a scene (wechat-protocol §5.12)."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import Any

import segno
from PIL import Image

from wxbot.simulator.ground import Ground, Switch

LONGEST_S = 2_592_000
PERMANENT_MOST = 100_000

#: action_name → (field of the scene, is permanent)
ACTIONS = {
    "QR_SCENE": ("scene_id", False),
    "QR_STR_SCENE": ("scene_str", False),
    "QR_LIMIT_SCENE": ("scene_id", True),
    "QR_LIMIT_STR_SCENE": ("scene_str", True),
}

SWITCHES = (
    Switch("qr_default_s", "Life of a temporary QR code without expire_seconds: 60 (new) or 30 (old).", 60, "§5.12"),
)


class QrRefused(Exception):
    """The request breaks a rule; `errcode` says which."""

    def __init__(self, errcode: int) -> None:
        super().__init__(errcode)
        self.errcode = errcode


@dataclass
class QrCode:
    """One code; `expires_at` 0 means permanent."""

    ticket: str
    url: str
    scene: str
    expires_at: float
    expire_seconds: int


class QrCodes:
    """Every code made, by ticket."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.by_ticket: dict[str, QrCode] = {}

    def create(self, body: dict[str, Any]) -> QrCode:
        """Makes a code. Raises QrRefused: 40097 for wrong arguments, 45029 for too many permanent ones (§5.12)."""
        action = body.get("action_name")
        if not isinstance(action, str) or action not in ACTIONS:
            raise QrRefused(40097)
        name, is_permanent = ACTIONS[action]
        scene = read_scene(body, name, is_permanent)
        now, expire_seconds = self.ground.clock.now(), 0
        if is_permanent:
            if sum(1 for code in self.by_ticket.values() if not code.expires_at) >= PERMANENT_MOST:
                raise QrRefused(45029)
        else:
            expire_seconds = body.get("expire_seconds", self.ground.switches["qr_default_s"])
            if not is_whole(expire_seconds) or not 1 <= expire_seconds <= LONGEST_S:
                raise QrRefused(40097)
        letters = self.ground.chance.letters
        code = QrCode(
            ticket="gQ" + letters(94),
            url="http://weixin.qq.com/q/02" + letters(24),
            scene=scene,
            expires_at=now + expire_seconds if expire_seconds else 0.0,
            expire_seconds=expire_seconds,
        )
        self.by_ticket[code.ticket] = code
        return code

    def find(self, *, ticket: str = "", url: str = "", scene: str = "") -> QrCode | None:
        """The newest code that is meant and still lives."""
        now = self.ground.clock.now()
        for code in reversed(self.by_ticket.values()):
            is_meant = (
                (ticket and code.ticket == ticket) or (url and code.url == url) or (scene and code.scene == scene)
            )
            if is_meant and (not code.expires_at or now < code.expires_at):
                return code
        return None

    def to_state(self) -> dict[str, Any]:
        return {ticket: asdict(code) for ticket, code in self.by_ticket.items()}

    def load_state(self, saved: dict[str, Any]) -> None:
        self.by_ticket = {ticket: QrCode(**values) for ticket, values in saved.items()}


def read_scene(body: dict[str, Any], name: str, is_permanent: bool) -> str:
    """The scene as the text that events carry. Raises QrRefused 40097."""
    try:
        value = body["action_info"]["scene"][name]
    except (KeyError, TypeError):
        raise QrRefused(40097) from None
    if name == "scene_str":
        if not isinstance(value, str) or not 1 <= len(value) <= 64:
            raise QrRefused(40097)
        return value
    most = 100_000 if is_permanent else 2**32 - 1
    if not is_whole(value) or not 1 <= value <= most:
        raise QrRefused(40097)
    return str(value)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def picture(text: str) -> bytes:
    """A scannable QR code as JPEG, 430 pixels like WeChat's."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(drawn, kind="png", scale=12, border=3)
    drawn.seek(0)
    turned = io.BytesIO()
    Image.open(drawn).convert("RGB").resize((430, 430), Image.Resampling.LANCZOS).save(turned, "JPEG", quality=90)
    return turned.getvalue()
