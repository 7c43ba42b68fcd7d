"""Beacons, the pages tied to them, and what a shake near them gives (wechat-protocol §2.2–2.5, §2.9).

No HTTP and no lock: the caller holds `world.lock`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

from wxbot.simulator.ground import Ground
from wxbot.simulator.shake_texts import ShakeRefusal

UUID = "FDA50693-A4E2-4FB1-AFCF-C6EB07647825"
SHAKE_TICKET_LIFE_S = 30 * 60  # §2.9
PAGES_PER_DEVICE = 30  # §2.2, 9001037
DEVICES_PER_ACCOUNT = 100_000  # §2.2, 9001038
ROWS_PER_QUERY = 50  # §2.2, 9001024

#: Where the first beacons hang on the phone's map of the shop; later ones are scattered.
SPOTS = ((50.0, 26.0), (19.0, 66.0), (81.0, 66.0), (19.0, 34.0), (81.0, 34.0), (50.0, 60.0), (34.0, 12.0), (66.0, 12.0))


@dataclass(slots=True)
class Device:
    """One iBeacon id of the account; `x` and `y` (0..100) are where it hangs on the phone's little map."""

    device_id: int
    major: int
    minor: int
    apply_id: int
    uuid: str = UUID
    comment: str = ""
    poi_id: int = 0
    poi_appid: str = ""
    page_ids: list[int] = field(default_factory=list)
    last_active_at: float = 0.0
    x: float = 50.0
    y: float = 50.0


@dataclass(slots=True)
class Page:
    """What the card shows and where it leads; a template page belongs to one lottery (§1.3)."""

    page_id: int
    title: str
    description: str
    page_url: str
    icon_url: str
    comment: str = ""
    lottery_id: str = ""


@dataclass(slots=True)
class ShakeTicket:
    """Proof of one shake, 30 minutes (§2.9)."""

    shake_ticket: str
    openid: str
    page_id: int
    device_id: int
    distance: float
    made_at: float


def wide(text: str) -> float:
    """Length as WeChat counts titles: a Chinese character is 1, a Latin one a half (§2.3 "6 Chinese / 12 Latin")."""
    return sum(0.5 if ord(letter) < 0x100 else 1.0 for letter in text)


class Beacons:
    """The devices and pages of the one account, and the shake tickets it gave out."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.reset()

    def reset(self) -> None:
        """No devices, no pages."""
        self.salt = self.ground.chance.hex(32)
        self.sequence = 0
        self.next_page_id = 28841
        self.devices: dict[int, Device] = {}
        self.pages: dict[int, Page] = {}
        self.applications: dict[int, dict[str, Any]] = {}
        self.pictures: dict[str, bytes] = {}
        self.tickets: dict[str, ShakeTicket] = {}

    # -- devices --------------------------------------------------------------------------------------------------

    def apply(self, quantity: int, comment: str, poi_id: int, now: float) -> dict[str, Any]:
        """`/device/applyid`: up to 500 at once are approved on the spot, more wait for a review (§2.2)."""
        if quantity <= 0:
            raise ShakeRefusal(9001022)
        if len(self.devices) + quantity > DEVICES_PER_ACCOUNT:
            raise ShakeRefusal(9001038)
        if any(one["audit_status"] == 1 for one in self.applications.values()):
            raise ShakeRefusal(9001023)
        apply_id = 100 + len(self.applications) + 1
        is_quick = quantity <= 500
        application = {
            "apply_id": apply_id,
            "apply_time": int(now),
            "audit_status": 2 if is_quick else 1,
            "audit_comment": "",
            "audit_time": int(now) if is_quick else 0,
            "quantity": quantity,
        }
        self.applications[apply_id] = application
        for _ in range(quantity if is_quick else 0):
            self._add_device(apply_id, comment, poi_id)
        return application

    def _add_device(self, apply_id: int, comment: str, poi_id: int) -> Device:
        device_id = 10011 + len(self.devices)
        place = len(self.devices)
        scattered = hashlib.sha256(f"{device_id}".encode()).digest()
        x, y = SPOTS[place] if place < len(SPOTS) else (6 + scattered[0] / 255 * 88, 10 + scattered[1] / 255 * 80)
        device = Device(
            device_id=device_id,
            major=10001 + len(self.devices) // 40_000,
            minor=19007 + len(self.devices) % 40_000,
            apply_id=apply_id,
            comment=comment,
            poi_id=poi_id,
            x=x,
            y=y,
        )
        self.devices[device_id] = device
        return device

    def device(self, identifier: Any) -> Device:
        """The device of a `device_identifier`: device_id wins over the triple (§2). Raises 9001025."""
        if isinstance(identifier, dict):
            if "device_id" in identifier:
                found = self.devices.get(identifier["device_id"])
                if found is not None:
                    return found
            else:
                triple = tuple(identifier.get(name) for name in ("uuid", "major", "minor"))
                for device in self.devices.values():
                    if (device.uuid, device.major, device.minor) == triple:
                        return device
        raise ShakeRefusal(9001025)

    def bind_pages(self, device: Device, page_ids: list[int]) -> None:
        """`/device/bindpage`: replaces every relation of the device; an empty list clears (§2.2)."""
        if len(page_ids) > PAGES_PER_DEVICE:
            raise ShakeRefusal(9001037)
        if any(page_id not in self.pages for page_id in page_ids):
            raise ShakeRefusal(9001026)
        device.page_ids = list(dict.fromkeys(page_ids))

    # -- pages ----------------------------------------------------------------------------------------------------

    def add_page(self, fields: dict[str, str], lottery_id: str = "", is_by_hand: bool = False) -> Page:
        """`/page/add` (§2.3): title ≤ 6 Chinese or 12 Latin, description ≤ 7 or 14, comment ≤ 15 or 30."""
        self.check_page(fields, is_icon_free=is_by_hand or bool(lottery_id))
        page = Page(page_id=self.next_page_id, lottery_id=lottery_id, **fields)
        self.pages[page.page_id] = page
        self.next_page_id += 1
        return page

    def check_page(self, fields: dict[str, str], is_icon_free: bool = False) -> None:
        """Refuse page texts WeChat would refuse: 9001027."""
        if not fields["title"] or wide(fields["title"]) > 6 or wide(fields["description"]) > 7:
            raise ShakeRefusal(9001027, "invalid page parameters: title at most 6, description at most 7 Chinese")
        if wide(fields.get("comment", "")) > 15:
            raise ShakeRefusal(9001027, "invalid page parameters: comment at most 15 Chinese")
        if not fields["page_url"].startswith(("http://", "https://")):
            raise ShakeRefusal(9001027, "invalid page parameters: page_url")
        if not is_icon_free and not self.has_picture(fields["icon_url"]):
            raise ShakeRefusal(9001027, "invalid page parameters: icon_url must come from material/add")

    def keep_picture(self, content: bytes, kind: str) -> str:
        """`/material/add`: keeps the picture and returns its pic_url (§2.4)."""
        name = f"{kind}-{hashlib.sha256(content).hexdigest()[:24]}"
        self.pictures[name] = content
        return f"{self.ground.http_url}/icon/{name}"

    def has_picture(self, url: str) -> bool:
        """Did this address come from material/add? The host may have changed since (another port)."""
        return url.rpartition("/icon/")[2] in self.pictures and "/icon/icon-" in url

    def delete_page(self, page_id: int) -> None:
        """`/page/delete`: only when no device uses it (§2.3, 9001029)."""
        if page_id not in self.pages:
            raise ShakeRefusal(9001026)
        if any(page_id in device.page_ids for device in self.devices.values()):
            raise ShakeRefusal(9001029)
        del self.pages[page_id]

    def relations(self, device: Device | None, page_id: int | None) -> list[dict[str, Any]]:
        """`/relation/search` rows of one device or one page (§2.5)."""
        rows = []
        for one in [device] if device else self.devices.values():
            for bound in one.page_ids:
                if page_id is None or bound == page_id:
                    place = {"uuid": one.uuid, "major": one.major, "minor": one.minor}
                    rows.append({"device_id": one.device_id, **place, "page_id": bound})
        return rows

    # -- shaking --------------------------------------------------------------------------------------------------

    def give_ticket(self, openid: str, page_id: int, device: Device, distance: float, now: float) -> ShakeTicket:
        """A new shake ticket; each shake makes one (§2.9)."""
        self.sequence += 1
        text = hashlib.sha256(f"{self.salt}:shake:{self.sequence}".encode()).hexdigest()
        ticket = ShakeTicket(text, openid, page_id, device.device_id, distance, now)
        self.tickets[text] = ticket
        device.last_active_at = now
        if self.sequence % 500 == 0:  # those long gone; a day later "expired" and "unknown" may look alike
            self.tickets = {key: one for key, one in self.tickets.items() if one.made_at > now - 86400}
        return ticket

    def is_stale(self, ticket: ShakeTicket, now: float) -> bool:
        """Older than 30 minutes (§2.9)."""
        return now - ticket.made_at > SHAKE_TICKET_LIFE_S

    def shake_info(self, shake_ticket: str, now: float) -> dict[str, Any]:
        """`data` of getshakeinfo (§2.9). Raises 9001003 for an unknown or old ticket."""
        ticket = self.tickets.get(shake_ticket)
        if ticket is None or self.is_stale(ticket, now):
            raise ShakeRefusal(9001003)
        device = self.devices[ticket.device_id]
        place = {"distance": ticket.distance, "major": device.major, "minor": device.minor, "uuid": device.uuid}
        found: dict[str, Any] = {"page_id": ticket.page_id, "beacon_info": place, "openid": ticket.openid}
        return found | ({"poi_id": device.poi_id} if device.poi_id else {})

    # -- keeping --------------------------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        return {
            "salt": self.salt,
            "sequence": self.sequence,
            "next_page_id": self.next_page_id,
            "devices": [asdict(one) for one in self.devices.values()],
            "pages": [asdict(one) for one in self.pages.values()],
            "applications": list(self.applications.values()),
            "pictures": {name: base64.b64encode(content).decode() for name, content in self.pictures.items()},
            "tickets": [asdict(one) for one in self.tickets.values()],
        }

    def load_state(self, saved: dict[str, Any]) -> None:
        """Become what `to_state` gave."""
        self.salt, self.sequence, self.next_page_id = saved["salt"], saved["sequence"], saved["next_page_id"]
        self.devices = {row["device_id"]: Device(**row) for row in saved["devices"]}
        self.pages = {row["page_id"]: Page(**row) for row in saved["pages"]}
        self.applications = {row["apply_id"]: row for row in saved["applications"]}
        self.pictures = {name: base64.b64decode(text) for name, text in saved["pictures"].items()}
        self.tickets = {row["shake_ticket"]: ShakeTicket(**row) for row in saved["tickets"]}
