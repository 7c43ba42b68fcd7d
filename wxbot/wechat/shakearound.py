"""The shake-around API: who shook, the lottery, devices and pages (wechat-protocol §1.3-1.6, §2). Methods are named after WeChat's paths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wxbot.wechat import limits
from wxbot.wechat.api import ApiCaller, TokenSource, plain_text, whole_number
from wxbot.wechat.errors import Unanswered
from wxbot.wechat.http import Transport
from wxbot.wechat.mp import multipart

_OPENID = re.compile(r"[0-9A-Za-z_\-]{1,64}")
_LOTTERY_ID = re.compile(r"[0-9A-Za-z_\-]{1,64}")

DeviceIdentifier = Mapping[str, int | str]
"""{"device_id": …} or the triple uuid, major, minor (wechat-protocol §2)."""


@dataclass(frozen=True, slots=True)
class Shaken:
    """Who shook, at which beacon, and which page the shake opened."""

    openid: str
    page_id: int
    uuid: str
    major: int
    minor: int
    distance_m: float
    poi_id: int


@dataclass(frozen=True, slots=True)
class BucketAnswer:
    """What became of each ticket of one load; errcode is 0 even when tickets were refused (wechat-protocol §1.4)."""

    success_num: int
    repeat: tuple[str, ...] = field(default=(), repr=False)
    expire: tuple[str, ...] = field(default=(), repr=False)
    invalid_amount: tuple[str, ...] = field(default=(), repr=False)
    wrong_authmchid: tuple[str, ...] = field(default=(), repr=False)
    invalid: tuple[str, ...] = field(default=(), repr=False)

    @property
    def refused(self) -> frozenset[str]:
        """Every ticket that was not accepted, whatever the reason."""
        return frozenset((*self.repeat, *self.expire, *self.invalid_amount, *self.wrong_authmchid, *self.invalid))


@dataclass(frozen=True, slots=True)
class LotteryCounts:
    """querylottery; a count is None when WeChat does not give it (above 3,000 loads or 10,000 packets, §1.6)."""

    lottery_id: str
    is_on: bool
    begin_time_s: int
    expire_time_s: int
    total: int
    loaded: int
    expired: int | None
    drawn: int | None
    available: int | None
    expired_fen: int | None
    drawn_fen: int | None
    available_fen: int | None
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Device:
    device_id: int
    uuid: str
    major: int
    minor: int
    is_active: bool
    comment: str
    poi_id: int
    last_active_time_s: int


@dataclass(frozen=True, slots=True)
class Page:
    page_id: int
    title: str
    description: str
    page_url: str
    icon_url: str
    comment: str


@dataclass(frozen=True, slots=True)
class Relation:
    """One page on one device."""

    device_id: int
    uuid: str
    major: int
    minor: int
    page_id: int


class Shakearound:
    """The shake-around calls of one official account."""

    def __init__(self, transport: Transport, tokens: TokenSource, api_base: str = "https://api.weixin.qq.com") -> None:
        self._api = ApiCaller(transport, tokens, api_base + "/shakearound", "shake")

    # --- who shook -------------------------------------------------------------------------------------------------

    def getshakeinfo(self, shake_ticket: str, *, need_poi: bool = False) -> Shaken:
        """Who holds a shake ticket; Refused 9001003 when it is unknown or past its 30 minutes (§2.9)."""
        body: dict[str, Any] = {"ticket": shake_ticket}
        if need_poi:
            body["need_poi"] = 1
        fields = _tidy(_inner(self._api.post("/user/getshakeinfo", body), "getshakeinfo"))
        beacon = _tidy(fields.get("beacon_info"))
        openid = plain_text(fields.get("openid"))
        if not _OPENID.fullmatch(openid):
            raise Unanswered("getshakeinfo: no openid in the reply", reason="unreadable", status=200)
        return Shaken(
            openid=openid,
            page_id=whole_number(fields.get("page_id")),
            uuid=plain_text(beacon.get("uuid")),
            major=whole_number(beacon.get("major")),
            minor=whole_number(beacon.get("minor")),
            distance_m=_decimal(beacon.get("distance")),
            poi_id=whole_number(fields.get("poi_id")),
        )

    # --- the lottery -----------------------------------------------------------------------------------------------

    def addlotteryinfo(
        self,
        *,
        title: str,
        desc: str,
        onoff: int,
        begin_time: int,
        expire_time: int,
        sponsor_appid: str,
        total: int,
        jump_url: str,
        key: str,
        use_template: Literal[1, 2] = 2,
        logo_url: str = "",
    ) -> str:
        """Create a lottery and return its lottery_id; use_template 2 is our own page with the JSAPI (§1.3)."""
        params: dict[str, str | int] = {"use_template": use_template}
        if logo_url:
            params["logo_url"] = logo_url
        body = {
            "title": title,
            "desc": desc,
            "onoff": onoff,
            "begin_time": begin_time,
            "expire_time": expire_time,
            "sponsor_appid": sponsor_appid,
            "total": total,
            "jump_url": jump_url,
            "key": key,
        }
        fields = self._api.post("/lottery/addlotteryinfo", body, **params)
        lottery_id = plain_text(fields.get("lottery_id")).strip()
        if not _LOTTERY_ID.fullmatch(lottery_id):
            raise Unanswered("addlotteryinfo: no lottery_id in the reply", reason="unreadable", status=200)
        return lottery_id

    def setprizebucket(
        self, *, lottery_id: str, mchid: str, sponsor_appid: str, sp_tickets: Sequence[str]
    ) -> BucketAnswer:
        """Load up to 100 tickets; each call adds a batch. The five lists say which were refused and why (§1.4)."""
        if not 1 <= len(sp_tickets) <= limits.BUCKET_TICKETS_MAX:
            raise ValueError("a bucket holds 1 to 100 tickets")
        fields = self._api.post(
            "/lottery/setprizebucket",
            {
                "lottery_id": lottery_id,
                "mchid": mchid,
                "sponsor_appid": sponsor_appid,
                "prize_info_list": [{"ticket": sp_ticket} for sp_ticket in sp_tickets],
            },
        )
        if "success_num" not in fields:
            raise Unanswered("setprizebucket: no success_num in the reply", reason="unreadable", status=200)
        return BucketAnswer(
            success_num=whole_number(fields["success_num"]),
            repeat=_tickets(fields, "repeat_ticket_list"),
            expire=_tickets(fields, "expire_ticket_list"),
            invalid_amount=_tickets(fields, "invalid_amount_ticket_list"),
            wrong_authmchid=_tickets(fields, "wrong_authmchid_ticket_list"),
            invalid=_tickets(fields, "invalid_ticket_list"),
        )

    def setlotteryswitch(self, lottery_id: str, onoff: int) -> None:
        """Switch a lottery on or off; only has effect inside its window (wechat-protocol §1.5)."""
        self._api.get("/lottery/setlotteryswitch", lottery_id=lottery_id, onoff=onoff)

    def querylottery(self, lottery_id: str) -> LotteryCounts:
        """How a lottery stands; quoted numbers are read too, missing counts stay None (wechat-protocol §1.6)."""
        answer = self._api.get("/lottery/querylottery", lottery_id=lottery_id)
        fields = _tidy(answer.get("result"))
        if not fields:
            raise Unanswered("querylottery: no result in the reply", reason="unreadable", status=200)

        def count(name: str) -> int | None:
            return whole_number(fields[name]) if fields.get(name) not in (None, "") else None

        return LotteryCounts(
            lottery_id=plain_text(fields.get("lottery_id")).strip(),
            is_on=whole_number(fields.get("onoff")) == 1,
            begin_time_s=whole_number(fields.get("begin_time")),
            expire_time_s=whole_number(fields.get("expire_time")),
            total=whole_number(fields.get("prize_count_limit")),
            loaded=whole_number(fields.get("prize_count")),
            expired=count("expired_prizes"),
            drawn=count("drawed_prizes"),
            available=count("available_prizes"),
            expired_fen=count("expired_value"),
            drawn_fen=count("drawed_value"),
            available_fen=count("available_value"),
            fields=fields,
        )

    # --- devices ---------------------------------------------------------------------------------------------------

    def device_applyid(self, quantity: int, apply_reason: str, comment: str = "", poi_id: int = 0) -> int:
        """Ask for device ids; returns the application's id (wechat-protocol §2.2)."""
        body: dict[str, Any] = {"quantity": quantity, "apply_reason": apply_reason}
        if comment:
            body["comment"] = comment
        if poi_id:
            body["poi_id"] = poi_id
        return whole_number(_inner(self._api.post("/device/applyid", body), "applyid").get("apply_id"))

    def device_update(self, device: DeviceIdentifier, comment: str) -> None:
        """Set a device's comment (wechat-protocol §2.2)."""
        self._api.post("/device/update", {"device_identifier": dict(device), "comment": comment})

    def device_bindlocation(self, device: DeviceIdentifier, poi_id: int) -> None:
        """Tie a device to one of the account's stores; 0 unties it (wechat-protocol §2.2)."""
        self._api.post("/device/bindlocation", {"device_identifier": dict(device), "poi_id": poi_id, "type": 1})

    def device_search(self, *, last_seen: int = 0, count: int = limits.DEVICE_SEARCH_MAX) -> tuple[Device, ...]:
        """Up to 50 devices with ids above `last_seen`, in order of id (wechat-protocol §2.2)."""
        answer = self._api.post("/device/search", {"type": 2, "last_seen": last_seen, "count": count})
        return tuple(
            Device(
                device_id=whole_number(row.get("device_id")),
                uuid=plain_text(row.get("uuid")),
                major=whole_number(row.get("major")),
                minor=whole_number(row.get("minor")),
                is_active=whole_number(row.get("status")) == 1,
                comment=plain_text(row.get("comment")),
                poi_id=whole_number(row.get("poi_id")),
                last_active_time_s=whole_number(row.get("last_active_time")),
            )
            for row in _rows(_inner(answer, "device/search"), "devices")
        )

    def device_search_all(self) -> Iterator[Device]:
        """Every device of the account, fifty at a time."""
        last_seen = 0
        while devices := self.device_search(last_seen=last_seen):
            yield from devices
            if len(devices) < limits.DEVICE_SEARCH_MAX or devices[-1].device_id <= last_seen:
                return
            last_seen = devices[-1].device_id

    def device_bindpage(self, device: DeviceIdentifier, page_ids: Sequence[int]) -> None:
        """Replace the pages on a device, at most 30; an empty list clears them (wechat-protocol §2.2)."""
        if len(page_ids) > limits.PAGES_PER_DEVICE:
            raise ValueError("a device holds at most 30 pages")
        self._api.post("/device/bindpage", {"device_identifier": dict(device), "page_ids": list(page_ids)})

    # --- pages, icons, relations -----------------------------------------------------------------------------------

    def page_add(self, *, title: str, description: str, page_url: str, icon_url: str, comment: str = "") -> int:
        """Add a shake page and return its page_id; the icon comes from material_add (wechat-protocol §2.3)."""
        body = {
            "title": title,
            "description": description,
            "page_url": page_url,
            "comment": comment,
            "icon_url": icon_url,
        }
        page_id = whole_number(_inner(self._api.post("/page/add", body), "page/add").get("page_id"))
        if page_id <= 0:
            raise Unanswered("page/add: no page_id in the reply", reason="unreadable", status=200)
        return page_id

    def page_update(
        self, page_id: int, *, title: str, description: str, page_url: str, icon_url: str, comment: str = ""
    ) -> None:
        """Change a shake page (wechat-protocol §2.3)."""
        self._api.post(
            "/page/update",
            {
                "page_id": page_id,
                "title": title,
                "description": description,
                "page_url": page_url,
                "comment": comment,
                "icon_url": icon_url,
            },
        )

    def page_search(self, *, begin: int = 0, count: int = limits.PAGE_SEARCH_MAX) -> tuple[Page, ...]:
        """Up to 50 pages from position `begin` (wechat-protocol §2.3)."""
        answer = self._api.post("/page/search", {"type": 2, "begin": begin, "count": count})
        return tuple(
            Page(
                page_id=whole_number(row.get("page_id")),
                title=plain_text(row.get("title")),
                description=plain_text(row.get("description")),
                page_url=plain_text(row.get("page_url")),
                icon_url=plain_text(row.get("icon_url")),
                comment=plain_text(row.get("comment")),
            )
            for row in _rows(_inner(answer, "page/search"), "pages")
        )

    def page_search_all(self) -> Iterator[Page]:
        """Every page of the account, fifty at a time."""
        begin = 0
        while pages := self.page_search(begin=begin):
            yield from pages
            if len(pages) < limits.PAGE_SEARCH_MAX:
                return
            begin += len(pages)

    def page_delete(self, page_id: int) -> None:
        """Delete a page no device uses, else Refused 9001029 (wechat-protocol §2.3)."""
        self._api.post("/page/delete", {"page_id": page_id})

    def material_add(self, content: bytes, file_name: str, kind: Literal["icon", "license"] = "icon") -> str:
        """Upload a page icon (square, at most 200×200) and return its URL (wechat-protocol §2.4)."""
        suffix = file_name.rsplit(".", 1)[-1].lower()
        media_type = {"png": "image/png", "gif": "image/gif"}.get(suffix, "image/jpeg")
        body, form_type = multipart("media", file_name, content, media_type)
        answer = self._api.call("POST", "/material/add", params={"type": kind}, body=body, content_type=form_type)
        pic_url = str(_inner(answer, "material/add").get("pic_url", ""))
        if not pic_url:
            raise Unanswered("material/add: no pic_url in the reply", reason="unreadable", status=200)
        return pic_url

    def relation_search(
        self,
        *,
        device: DeviceIdentifier | None = None,
        page_id: int = 0,
        begin: int = 0,
        count: int = limits.RELATION_SEARCH_MAX,
    ) -> tuple[Relation, ...]:
        """Which pages are on a device, or which devices carry a page (wechat-protocol §2.5)."""
        body: dict[str, Any]
        if device is not None:
            body = {"type": 1, "device_identifier": dict(device)}
        else:
            body = {"type": 2, "page_id": page_id, "begin": begin, "count": count}
        return tuple(
            Relation(
                whole_number(row.get("device_id")),
                plain_text(row.get("uuid")),
                whole_number(row.get("major")),
                whole_number(row.get("minor")),
                whole_number(row.get("page_id")),
            )
            for row in _rows(_inner(self._api.post("/relation/search", body), "relation/search"), "relations")
        )


def _inner(answer: Mapping[str, Any], label: str) -> dict[str, Any]:
    inside = answer.get("data")
    if not isinstance(inside, dict):
        raise Unanswered(f"{label}: no data in the reply", reason="unreadable", status=200)
    return inside


def _tidy(fields: object) -> dict[str, Any]:
    """Names without the stray blanks of the published samples (`"page_id "`, wechat-protocol §2.9)."""
    return {str(name).strip(): value for name, value in fields.items()} if isinstance(fields, dict) else {}


def _rows(fields: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = fields.get(name)
    return [_tidy(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _tickets(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The tickets of one list; elements are objects, bare texts are taken too (wechat-protocol §1.4)."""
    rows = fields.get(name)
    if rows is None:
        return ()
    if not isinstance(rows, list):
        raise Unanswered(f"setprizebucket: {name} is not a list", reason="unreadable", status=200)
    tickets = [row.get("ticket") if isinstance(row, dict) else row for row in rows]
    texts = tuple(ticket for ticket in tickets if isinstance(ticket, str) and ticket)
    if len(texts) != len(tickets):
        raise Unanswered(f"setprizebucket: {name} holds something else", reason="unreadable", status=200)
    return texts


def _decimal(value: object) -> float:
    try:
        return float(str(value)) if value is not None else 0.0
    except ValueError:
        return 0.0
