"""What several tests of the simulator need: a shop with beacons, a lottery with tickets, people who shake."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from tests.simulator.pay_client import PayClient, sign
from wxbot.simulator.server import Simulator

KEY = "K" * 32
PAGE = "http://shop.example.test/draw?campaign=1"


def png(width: int = 120, height: int = 120) -> bytes:
    """A small red picture."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = (b"\0" + b"\xd9\x55\x40" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Shop:
    """The account's side, through the doors that wxbot uses too."""

    def __init__(self, simulator: Simulator, web: Any, token: str) -> None:
        self.simulator, self.web, self.token = simulator, web, token
        self.pay = PayClient(simulator)
        self.ordered = 0
        self.lottery_id = ""

    def call(self, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        params = {"access_token": self.token, **query}
        if body is None:
            return dict(self.web.get("/shakearound" + path, params=params).json())
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return dict(self.web.post("/shakearound" + path, params=params, data=raw).json())

    def control(self, path: str, body: Any = None) -> dict[str, Any]:
        found = self.web.get("/_sim" + path) if body is None else self.web.post("/_sim" + path, json=body)
        return dict(found.json())

    @property
    def now(self) -> int:
        return int(self.simulator.world.clock.now())

    def hang_beacon(self, page_url: str = PAGE) -> tuple[int, int]:
        """One device with one page; gives (device_id, page_id)."""
        self.call("/device/applyid", {"quantity": 1, "apply_reason": "开业", "comment": "门口"})
        device_id = self.call("/device/search", {"type": 2, "last_seen": 0, "count": 50})["data"]["devices"][-1][
            "device_id"
        ]
        files = {"media": ("icon.png", png(), "image/png")}
        icon = self.web.post("/shakearound/material/add", params={"access_token": self.token}, files=files).json()
        page = {"title": "新春", "description": "到店有礼", "page_url": page_url, "icon_url": icon["data"]["pic_url"]}
        page_id = self.call("/page/add", page)["data"]["page_id"]
        self.call("/device/bindpage", {"device_identifier": {"device_id": device_id}, "page_ids": [page_id]})
        return device_id, page_id

    def lottery(self, total: int = 500, onoff: int = 1, use_template: str = "2", **changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = {"title": "新春", "desc": "到店有礼", "onoff": onoff, "begin_time": self.now - 10}
        body |= {"expire_time": self.now + 7 * 86400, "sponsor_appid": "wx0123456789abcdef", "total": total, "key": KEY}
        body |= {"jump_url": "http://shop.example.test/after"} | changes
        reply = self.call("/lottery/addlotteryinfo", body, use_template=use_template, logo_url="http://x.test/logo.png")
        self.lottery_id = reply.get("lottery_id", "")
        return reply

    def tickets(self, count: int, **changes: str) -> list[str]:
        found = []
        for _ in range(count):
            self.ordered += 1
            found.append(self.pay.preorder(f"190000000120260315{self.ordered:010d}", **changes)["sp_ticket"])
        return found

    def load(self, tickets: list[str], **changes: str) -> dict[str, Any]:
        body = {"lottery_id": self.lottery_id, "mchid": "1900000001", "sponsor_appid": "wx0123456789abcdef"}
        rows = [{"ticket": ticket} for ticket in tickets]
        return self.call("/lottery/setprizebucket", {**body, "prize_info_list": rows, **changes})

    def person(self) -> dict[str, Any]:
        world = self.simulator.world
        with world.lock:
            return world.people.make().shown()

    def pass_time(self, seconds: float) -> None:
        """Moves the clock; access_tokens die with their 7200 s, so a new one is fetched."""
        world = self.simulator.world
        with world.lock:
            world.clock.advance(seconds)
            self.token = world.accounts.fetch()[0]

    def shake(self, person: dict[str, Any], device_id: int) -> dict[str, Any]:
        """Walk there, shake, and give the card."""
        self.control(f"/people/{person['id']}/near", {"device_ids": [device_id]})
        return dict(self.control(f"/people/{person['id']}/shake", {})["cards"][0])

    def draw(self, person: dict[str, Any], page_url: str, **changes: Any) -> dict[str, Any]:
        """What the page hands to jumpHongbao, and what WeChat makes of it."""
        signed = {"lottery_id": self.lottery_id, "noncestr": "378507853820041854759013", "openid": person["openid"]}
        signed |= changes.pop("signed", {})
        sent = signed | {"sign": sign(signed, KEY), "page_url": page_url} | changes
        return self.control(f"/people/{person['id']}/jump_hongbao", sent)
