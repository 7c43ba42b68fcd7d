"""Temporary media: uploaded by the account or sent by a person, three days (wechat-protocol §5.13)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from wxbot.simulator.ground import ALPHANUMERIC, Ground, Switch

LIFE_S = 3 * 86_400
MB = 1024 * 1024

#: Type → file name endings (§5.13).
ENDINGS = {
    "image": ("png", "jpeg", "jpg", "gif"),
    "voice": ("amr", "mp3"),
    "video": ("mp4",),
    "thumb": ("jpg", "jpeg"),
}
CONTENT_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "amr": "audio/amr",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
}
PICTURE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")

SWITCHES = (Switch("image_limit_mb", "Largest picture for media/upload: 10 MB (newer texts) or 2 (old).", 10, "§5.13"),)


class MediaRefused(Exception):
    """The file breaks a rule; `errcode` says which."""

    def __init__(self, errcode: int) -> None:
        super().__init__(errcode)
        self.errcode = errcode


@dataclass
class Media:
    """One stored file."""

    media_id: str
    type: str
    filename: str
    content_type: str
    content: bytes
    created_at: int


class MediaStore:
    """Files by media_id."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.files: dict[str, Media] = {}

    def upload(self, kind: str, filename: str, content: bytes) -> Media:
        """Checks as media/upload does and keeps the file. Raises MediaRefused: 40004 type, 40005 ending, 44001 empty,
        45001 too large, 40137 not a picture (§5.13)."""
        if kind not in ENDINGS:
            raise MediaRefused(40004)
        ending = filename.rsplit(".", 1)[-1].lower() if "." in filename else ""
        if ending not in ENDINGS[kind]:
            raise MediaRefused(40005)
        if not content:
            raise MediaRefused(44001)
        limits = {
            "image": self.ground.switches["image_limit_mb"] * MB,
            "voice": 2 * MB,
            "video": 10 * MB,
            "thumb": 64 * 1024,
        }
        if len(content) > limits[kind]:
            raise MediaRefused(45001)
        if kind in ("image", "thumb") and not content.startswith(PICTURE_STARTS):
            raise MediaRefused(40137)
        return self.keep(kind, filename, content)

    def keep(self, kind: str, filename: str, content: bytes) -> Media:
        """Keeps a file without asking (a person's phone sends it)."""
        now = self.ground.clock.now()
        if len(self.files) > 1000:
            self.files = {i: m for i, m in self.files.items() if now - m.created_at < LIFE_S}
        ending = filename.rsplit(".", 1)[-1].lower()
        media_id = self.ground.chance.letters(64, ALPHANUMERIC + "-_")
        content_type = CONTENT_TYPES.get(ending, "application/octet-stream")
        media = Media(media_id, kind, filename, content_type, content, int(now))
        self.files[media_id] = media
        return media

    def find(self, media_id: str) -> Media | None:
        """The file while it lives."""
        media = self.files.get(media_id)
        if media is None or self.ground.clock.now() - media.created_at >= LIFE_S:
            return None
        return media

    def to_state(self) -> dict[str, Any]:
        return {
            media_id: {**vars(media), "content": base64.b64encode(media.content).decode()}
            for media_id, media in self.files.items()
        }

    def load_state(self, saved: dict[str, Any]) -> None:
        self.files = {
            media_id: Media(**{**values, "content": base64.b64decode(values["content"])})
            for media_id, values in saved.items()
        }


def decoded(text: str) -> bytes:
    """base64, also as a data: URL. Raises ValueError."""
    try:
        return base64.b64decode(text.split(",", 1)[-1] if text.startswith("data:") else text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None
