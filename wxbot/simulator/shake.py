"""Who is near which beacon, what a shake gives, and the native side of jumpHongbao (wechat-protocol §1.7, §1.8, §2.9).

No HTTP and no lock: the caller holds `world.lock`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from wxbot.simulator import wire
from wxbot.simulator.bank import Bank
from wxbot.simulator.beacons import Beacons, Device, Page, ShakeTicket
from wxbot.simulator.ground import Ground, Switch
from wxbot.simulator.lottery import LOTTERY_SWITCHES, Lotteries, Lottery
from wxbot.simulator.pay_orders import PayOrder
from wxbot.simulator.shake_texts import JumpRefusal, ShakeRefusal

SHAKE_SWITCHES = (
    *LOTTERY_SWITCHES,
    Switch("shake_gives_list", "several pages near: the person gets a list, and no event is pushed", False, "§1.8"),
    Switch("card_carries_activityid", "WeChat appends activityid to the card's address too", False, "§2.9"),
)

Event = Callable[[str, str, dict[str, Any]], None]


def with_query(url: str, name: str, value: str) -> str:
    """The address with one more query field, before any fragment."""
    parts = urlsplit(url)
    query = f"{parts.query}&{name}={value}" if parts.query else f"{name}={value}"
    return urlunsplit(parts._replace(query=query))


class Shake:
    """The shake platform of the one account: beacons, lotteries, and people near them."""

    def __init__(self, ground: Ground, bank: Bank, event: Event) -> None:
        self.ground = ground
        self.bank = bank
        self.event = event
        self.beacons = Beacons(ground)
        self.lotteries = Lotteries(ground, bank)
        self.near: dict[str, dict[int, float]] = {}
        self._recent: dict[tuple[str, str], deque[float]] = {}

    def reset(self) -> None:
        """Nobody near anything, no lotteries."""
        self.beacons.reset()
        self.lotteries.reset()
        self.near.clear()
        self._recent.clear()

    # -- people near beacons ----------------------------------------------------------------------------------------

    def stand_near(self, openid: str, distances: dict[int, float]) -> None:
        """This person's phone hears these beacons, at these distances in metres. Raises ShakeRefusal 9001025."""
        if any(device_id not in self.beacons.devices for device_id in distances):
            raise ShakeRefusal(9001025)
        self.near[openid] = dict(sorted(distances.items(), key=lambda pair: pair[1]))

    def shake(self, openid: str, now: float) -> list[dict[str, Any]]:
        """One shake in the Nearby tab: the cards it brings, each with a fresh shake ticket in its address (§1.8, §2.9).

        The nearest beacon with pages decides; one of its pages is shown at random (§2.2). ShakearoundUserShake is pushed
        unless a list is shown. Raises JumpRefusal 11005 when the person shakes too often.
        """
        if not self._is_calm("shake", openid, self.ground.switches["shakes_per_minute"], now):
            raise JumpRefusal(11005, "too_often")
        heard = [(self.beacons.devices[device_id], away) for device_id, away in self.near.get(openid, {}).items()]
        with_pages = [(device, away) for device, away in heard if device.page_ids]
        if not with_pages:
            return []
        if self.ground.switches["shake_gives_list"] and len({p for one, _ in with_pages for p in one.page_ids}) > 1:
            return [
                self._card(openid, self.beacons.pages[page_id], device, away, now)
                for device, away in with_pages
                for page_id in device.page_ids
            ]
        device, away = with_pages[0]
        page = self.beacons.pages[self.ground.chance.random.choice(device.page_ids)]
        card = self._card(openid, page, device, away, now)
        around = [self._place(one, far) for one, far in heard if one is not device][:5]
        chosen = self._place(device, away)
        self.event(openid, "ShakearoundUserShake", {"ChosenBeacon": chosen, "AroundBeacons": {"AroundBeacon": around}})
        return [card]

    def _place(self, device: Device, away: float) -> dict[str, Any]:
        return {"Uuid": device.uuid, "Major": device.major, "Minor": device.minor, "Distance": round(away, 3)}

    def _card(self, openid: str, page: Page, device: Device, away: float, now: float) -> dict[str, Any]:
        ticket = self.beacons.give_ticket(openid, page.page_id, device, round(away, 3), now)
        url = with_query(page.page_url, "ticket", ticket.shake_ticket)
        if self.ground.switches["card_carries_activityid"]:
            url = with_query(url, "activityid", str(page.page_id))
        shown = {"title": page.title, "description": page.description, "icon_url": page.icon_url}
        return {"page_id": page.page_id, **shown, "url": url, "shake_ticket": ticket.shake_ticket}

    def _is_calm(self, what: str, openid: str, per_minute: int, now: float) -> bool:
        recent = self._recent.setdefault((what, openid), deque())
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if len(recent) >= per_minute:
            return False
        recent.append(now)
        return True

    # -- drawing --------------------------------------------------------------------------------------------------

    def jump(
        self, openid: str, sent: dict[str, Any], page_url: str, shake_ticket: str, now: float, is_frozen: bool = False
    ) -> PayOrder:
        """`jumpHongbao` as the person's WeChat does it (§1.7). Pushes ShakearoundLotteryBind; returns the bound order.

        `openid` is who holds the phone, `sent` what the page passed, `page_url` the page's address and `shake_ticket`
        what the web view was opened with (empty: read from the address). Raises JumpRefusal with a code of §1.7.
        """
        page = self._shaken_page(openid, page_url, shake_ticket, now)
        lottery = self._checked(openid, sent, page)
        if not self._is_calm("draw", openid, self.ground.switches["draws_per_minute"], now):
            raise self.lotteries.refusal(lottery, "too_often", 12015)
        return self._draw(lottery, openid, is_frozen, now)

    def jump_template(self, openid: str, shake_ticket: str, now: float, is_frozen: bool = False) -> PayOrder:
        """The platform's own loading page draws by itself (§1.3 use_template=1)."""
        page = self._shaken_page(openid, "", shake_ticket, now)
        lottery = self.lotteries.by_id.get(page.lottery_id)
        if lottery is None:
            raise JumpRefusal(12019, "page")
        return self._draw(lottery, openid, is_frozen, now)

    def _draw(self, lottery: Lottery, openid: str, is_frozen: bool, now: float) -> PayOrder:
        order = self.lotteries.draw(lottery, openid, is_frozen, now)
        fields = {"LotteryId": lottery.lottery_id, "Ticket": order.sp_ticket, "Money": order.amount_fen}
        self.event(openid, "ShakearoundLotteryBind", fields | {"BindTime": int(now)})
        return order

    def _shaken_page(self, openid: str, page_url: str, shake_ticket: str, now: float) -> Page:
        """Only a page reached through a shake of this very person, within 30 minutes (§1.7 codes 5, 11002, 11003, 11014)."""
        text = shake_ticket or (parse_qs(urlsplit(page_url).query).get("ticket") or [""])[0]
        ticket: ShakeTicket | None = self.beacons.tickets.get(text)
        if ticket is None:
            raise JumpRefusal(11002, "no_shake")
        if ticket.openid != openid:
            raise JumpRefusal(11003, "foreign_shake")
        if self.beacons.is_stale(ticket, now):
            raise JumpRefusal(5, "shake_expired")
        page = self.beacons.pages.get(ticket.page_id)
        if page is None:
            raise JumpRefusal(12019, "page")
        is_bound = bool(page_url) and self.ground.switches["draw_in_page_host_only"]
        if is_bound and urlsplit(page_url).netloc != urlsplit(page.page_url).netloc:
            raise JumpRefusal(11014, "other_page")
        return page

    def _checked(self, openid: str, sent: dict[str, Any], page: Page) -> Lottery:
        """The four parameters (§1.7 codes 11010–11013): all required, trailing junk is not forgiven."""
        texts = {name: sent.get(name) for name in ("lottery_id", "noncestr", "openid", "sign")}
        noncestr, lottery_id = texts["noncestr"], texts["lottery_id"]
        if not isinstance(noncestr, str) or not noncestr or len(noncestr) > 32:
            raise JumpRefusal(11010, "noncestr")
        lottery = self.lotteries.by_id.get(lottery_id) if isinstance(lottery_id, str) else None
        if lottery is None:
            raise JumpRefusal(11011, "lottery_id")
        signed = {name: str(texts[name] or "") for name in ("lottery_id", "noncestr", "openid")}
        if texts["sign"] != wire.v2_sign(signed, lottery.key):
            raise self.lotteries.refusal(lottery, "sign", 11012)
        if texts["openid"] != openid:
            raise self.lotteries.refusal(lottery, "openid", 11013)
        if lottery.use_template == 1:
            raise self.lotteries.refusal(lottery, "page", 12019)
        return lottery

    # -- keeping --------------------------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        near = {openid: [[device_id, away] for device_id, away in one.items()] for openid, one in self.near.items()}
        return {"beacons": self.beacons.to_state(), "lotteries": self.lotteries.to_state(), "near": near}

    def load_state(self, saved: dict[str, Any]) -> None:
        """Become what `to_state` gave."""
        self.beacons.load_state(saved["beacons"])
        self.lotteries.load_state(saved["lotteries"])
        self.near = {openid: {int(key): away for key, away in pairs} for openid, pairs in saved["near"].items()}
        self._recent.clear()
