"""People who are paid for what they hand in: they follow, bind a phone, send photos, take their money; by chat or by page."""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import requests

from wxbot.demo.actors import TIMEOUT_S, Person, StoryProblem
from wxbot.orders.channels import DIRECT, LOTTERY

Found = TypeVar("Found")

PATIENCE_S = 120
"""How long somebody looks at the phone for an answer, on a busy machine."""

TRIES = 4
AGAIN = "请把上一条再发一次|请等几秒再发"

LOOK_S, SELDOM_S = 0.15, 1.0
"""The first wait between two looks at the phone, and the longest: what does not come at once comes with the worker's next second."""

CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")
SCRIPT = re.compile(r'<script type="application/json" id="([a-z-]+)">(.*?)</script>', re.S)


class Turned(StoryProblem):
    """The account or the page said no; the text is its sentence."""


@dataclass
class Promoter(Person):
    """One person with a phone number."""

    base_url: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    """voucher's key → its page."""
    patience_s: float = PATIENCE_S

    @property
    def phone(self) -> str:
        """The number of this phone, E.164."""
        return str(self.known["phone"])

    @property
    def openid(self) -> str:
        """Who this is for the account."""
        return str(self.known["openid"])

    # --- the chat -----------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Follow the account, and hold the phone."""
        self.take_phone()
        self.world.call("POST", f"people/{self.id}/follow", {})

    def send(self, **message: Any) -> int:
        """Write into the chat; the number of the line."""
        return int(self.world.call("POST", f"people/{self.id}/messages", message)["n"])

    def say(self, content: str, expected: str) -> str:
        """Write a text and read the answer: the first line of the account that fits the pattern `expected`.

        When the account asks for it, because it was too busy, the same is said again.
        """
        for _ in range(TRIES):
            said = self.answer(self.send(type="text", content=content), f"{expected}|{AGAIN}")
            if re.search(AGAIN, said) is None:
                return said
            time.sleep(2)
        raise StoryProblem(f"person {self.id} was asked {TRIES} times to say it again: {said}")

    def answer(self, after: int, expected: str) -> str:
        """The first line of the account after line `after` that fits; notices and greetings may come between."""

        def find() -> str:
            lines = self.world.call("GET", f"people/{self.id}/chat?after={after}")["messages"]
            said = (str(line.get("content", "")) for line in lines if line["from"] == "account")
            return next((text for text in said if re.search(expected, text)), "")

        return self._look(find, f"an answer like {expected} in the chat of person {self.id}")

    def _look(self, find: Callable[[], Found | None], what: str) -> Found:
        """What `find` finds, as soon as it is something."""
        deadline, pause_s = time.monotonic() + self.patience_s, LOOK_S
        while time.monotonic() < deadline:
            found = find()
            if found:
                return found
            time.sleep(pause_s)
            pause_s = min(1.6 * pause_s, SELDOM_S)
        raise StoryProblem(f"waited {self.patience_s} s for {what}")

    def _last_sms(self) -> int:
        return int(self.world.call("GET", f"people/{self.id}/sms?after=0")["last"])

    def _code(self, after: int) -> str:
        """The code of the next text message."""

        def find() -> str:
            messages = self.world.call("GET", f"people/{self.id}/sms?after={after}")["messages"]
            found = CODE.search(str(messages[-1]["text"])) if messages else None
            return found[0] if found else ""

        return self._look(find, f"a text message to person {self.id}")

    # --- binding ------------------------------------------------------------------------------------------------

    def bind_in_chat(self, wrong: int = 0) -> str:
        """Bind this phone by talking; the first `wrong` codes are mistyped. Returns the last answer."""
        before = self._last_sms()
        self.say("绑定", "11 位")
        self.say(self.phone.removeprefix("+86"), "验证码已发送")
        code = self._code(before)
        for n in range(wrong):
            self.say(f"{(int(code) + 1 + n) % 1_000_000:06d}", "验证码不对")
        said = self.say(code, "绑定成功|换绑|登记|用过")
        if "用过" in said:  # the first try was good, only its answer was lost
            self.say("取消", "已取消")
        return said

    def bind_on_page(self, wrong: int = 0) -> str:
        """The same on the page; returns the page as it is afterwards."""
        before = self._last_sms()
        page = self._page("/h5/bind")
        fields = {"form_mark": field_of(page, "form_mark"), "phone": self.phone.removeprefix("+86")}
        asked = self._submit("/h5/bind/code", fields)
        if not asked.ok:
            raise Turned(f"no code for person {self.id}: HTTP {asked.status_code}")
        code = self._code(before)
        for n in range(wrong):
            self._submit("/h5/bind", {**fields, "code": f"{(int(code) + 1 + n) % 1_000_000:06d}"})
        return self._submit("/h5/bind", {**fields, "code": code}).text

    def _page(self, path: str) -> str:
        """A page in WeChat's browser, with the silent way over WeChat when it is the first."""
        reply = self.session.get(self.base_url + path, timeout=TIMEOUT_S)
        if not reply.ok:
            raise StoryProblem(f"{path} for person {self.id}: HTTP {reply.status_code}")
        return reply.text

    def _submit(self, path: str, fields: dict[str, str]) -> requests.Response:
        return self.session.post(
            self.base_url + path, data=fields, headers={"Origin": self.base_url}, timeout=TIMEOUT_S
        )

    # --- vouchers -----------------------------------------------------------------------------------------------

    def upload_in_chat(self, kind: str, value: str, photos: list[bytes]) -> str:
        """Hand in a voucher by talking: the kind by its name, how many or how much where it is asked, photos, 完成."""
        said = self.say("上传凭证", "回复序号|不能提交|回复「绑定」")
        chosen = re.search(rf"([0-9]+)\. {re.escape(kind)}", said)
        if chosen is None:
            raise Turned(said)
        said = self.say(chosen[1], "请先绑定|请回复" if value else "请先绑定|请发送照片")
        if "请先绑定" in said:
            raise Turned(said)
        if value:
            self.say(value, "请发送照片")
        self.send_photos(photos)
        return self.say("完成", "已收到")

    def send_photos(self, photos: list[bytes]) -> None:
        """Send photos one after the other, each when the last one was answered."""
        for photo in photos:
            picture = f"data:image/jpeg;base64,{base64.b64encode(photo).decode()}"
            self.answer(self.send(type="image", image=picture, filename="photo.jpg"), "收到第")

    def retake_in_chat(self, photos: list[bytes]) -> str:
        """Send the better photo that was asked for."""
        self.say("补照片", "请重新拍")
        self.send_photos(photos)
        return self.say("完成", "已收到")

    def upload_on_page(self, key: str, kind: str, value: str, photos: list[bytes], bad: bytes = b"") -> list[str]:
        """Hand in a voucher on the page. `bad` is tried first and must be refused. Returns the outcomes of refused photos."""
        page = self._page("/h5/voucher")
        chosen = _kind_of(page, kind)
        if chosen is None:
            raise Turned(f"the page does not offer {kind} to person {self.id}")
        state = state_of(page)
        rule = next(each["rule"] for each in state["kinds"] if each["id"] == chosen)
        asked = {"per_unit": {"units": value}, "free": {"amount": value}}.get(rule, {})
        body = {"token": secrets.token_urlsafe(12), "kind_id": chosen, **asked}
        opened = self._json("/h5/voucher", state["mark"], body)
        self.pages[key] = str(opened["address"])
        return self._add_photos(key, state["mark"], [bad, *photos] if bad else photos)

    def add_on_page(self, key: str, photos: list[bytes]) -> list[str]:
        """Send better photos for a voucher that was handed in on the page."""
        return self._add_photos(key, state_of(self._page(self.pages[key]))["mark"], photos)

    def _add_photos(self, key: str, mark: str, photos: list[bytes]) -> list[str]:
        refused = []
        for photo in photos:
            try:
                self._put(f"{self.pages[key]}/photos?token={secrets.token_urlsafe(12)}", mark, photo)
            except Turned as turned:
                refused.append(str(turned))
        if len(refused) < len(photos):
            self._json(f"{self.pages[key]}/done", mark, {})
        return refused

    def _json(self, path: str, mark: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._put(path, mark, json.dumps(body).encode(), "application/json")

    def _put(self, path: str, mark: str, body: bytes, kind: str = "application/octet-stream") -> dict[str, Any]:
        """A request of the page's script; a refused one raises Turned with its outcome."""
        headers = {"X-Page-Mark": mark, "Content-Type": kind, "Origin": self.base_url, "Accept": "application/json"}
        for _ in range(TRIES):
            reply = self.session.post(self.base_url + path, data=body, headers=headers, timeout=TIMEOUT_S)
            if reply.status_code != 503:
                break
            time.sleep(2)  # the same request again is the same photo
        answer: dict[str, Any] = reply.json() if reply.content else {}
        if reply.status_code in (409, 413):
            raise Turned(str(answer.get("outcome")))
        if not reply.ok:
            raise StoryProblem(f"{urlsplit(path).path}: HTTP {reply.status_code} {answer}")
        return answer

    # --- money --------------------------------------------------------------------------------------------------

    def take_money(self) -> int:
        """Open every direct packet and confirm every transfer that waits; returns how many."""
        packets = self.world.call("GET", f"people/{self.id}/packets")["packets"]
        waiting = [one for one in packets if one["status"] == "pending" and one["channel"] in DIRECT]
        for packet in waiting:
            self.world.call("POST", f"people/{self.id}/packets/{packet['detail_id']}/open")
        if not any(bill["state"] == "WAIT_USER_CONFIRM" for bill in self.transfers()):
            return len(waiting)
        paths = dict.fromkeys(re.findall(r'href="(/h5/pay/[A-Za-z0-9_-]+)', self._page("/h5/me")))
        return len(waiting) + sum(self._confirm(path) for path in paths)

    def _confirm(self, path: str) -> bool:
        """Open one payout's page and take its transfer, when it is one that can be taken now."""
        state = state_of(self._page(path))
        if "transfer" not in state:
            return False
        if not self._agree(state["transfer"], path):
            return False
        self._submit(f"{path}/look", {"form_mark": str(state["mark"])})
        return True

    def _agree(self, transfer: dict[str, str], path: str) -> bool:
        """Take a transfer in WeChat's own sheet over the page at `path`; False when there is nothing to take any more."""
        asked = {**transfer, "page_url": self.base_url + path}
        sheet = self.world.call("POST", f"people/{self.id}/request_merchant_transfer", asked).get("sheet") or {}
        if not sheet.get("is_open"):
            return False
        self.world.call("POST", f"people/{self.id}/transfers/{sheet['transfer_bill_no']}/confirm")
        return True

    def transfers(self) -> list[dict[str, Any]]:
        """The transfers to this person."""
        found: list[dict[str, Any]] = self.world.call("GET", f"people/{self.id}/transfers")["transfers"]
        return found

    def wallet(self) -> list[int]:
        """The amounts in fen of everything that came directly, not by shaking."""
        rows = self.world.call("GET", f"people/{self.id}/wallet")["rows"]
        return [int(row["amount_fen"]) for row in rows if row["channel"] != LOTTERY]


@dataclass
class Player(Promoter):
    """Somebody who came by a link or a card: follows nobody, draws, collects what was won, and takes the money."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    """Each draw as the page was told of it: won or lost."""

    def draw_all(self, url: str) -> list[dict[str, Any]]:
        """Open a campaign's page and draw until the server says no; returns what was won. A busy server is asked the same again."""
        state = self.open_page(url)
        path, nonce = urlsplit(url).path, str(state["nonce"])
        came_by = parse_qs(urlsplit(url).query).get("c", [""])[0]
        for _ in range(20 * TRIES):
            asked = {"page_token": state["page_token"], "nonce": nonce, "channel": came_by}
            answer = self._ask(f"{path}/draw", "", asked)
            if answer["outcome"] in ("won", "lost"):
                self.answers.append(answer)
                nonce = str(answer["nonce"])
            elif answer["outcome"] in ("try_again", "too_often"):
                time.sleep(1)
            else:
                return [each["award"] for each in self.answers if each["outcome"] == "won"]
        raise StoryProblem(f"person {self.id} could draw without an end at {path}")

    def card_for(self, word: str) -> str:
        """Follow, write a campaign's word into the chat, and return the address behind the card of the answer."""
        self.follow()
        after = self.send(type="text", content=word)

        def find() -> str:
            lines = self.world.call("GET", f"people/{self.id}/chat?after={after}")["messages"]
            cards = (card for line in lines if line["from"] == "account" for card in line.get("articles") or ())
            return next((str(card["url"]) for card in cards if card.get("url")), "")

        return self._look(find, f"a card for {word} in the chat of person {self.id}")

    def ask_for(self, award_id: str) -> dict[str, Any]:
        """Tap 领取 on the page of all prizes; returns how the award then stands."""
        mark = str(state_of(self._page("/h5/awards"))["mark"])
        return self._ask(f"/h5/awards/{award_id}/collect", mark, {})

    def take_award(self, award_id: str) -> None:
        """Wait on the page, which is open since the asking, until WeChat has the transfer, and confirm it there."""

        def find() -> dict[str, str] | None:
            found = self._standing_of(award_id)
            if found["state"] in ("open", "forfeited", "paid"):
                raise StoryProblem(f"award {award_id} of person {self.id} is {found['state']}: {found['text']}")
            confirm: dict[str, str] | None = found.get("confirm")
            return confirm

        if not self._agree(self._look(find, f"the transfer of award {award_id}"), "/h5/awards"):
            raise StoryProblem(f"WeChat showed person {self.id} nothing to take for award {award_id}")
        self._ask(f"/h5/awards/{award_id}/look", str(state_of(self._page("/h5/awards"))["mark"]), {})

    def award(self, award_id: str) -> dict[str, Any]:
        """How an award stands, on the page of all prizes, opened anew."""
        self._page("/h5/awards")
        return self._standing_of(award_id)

    def _standing_of(self, award_id: str) -> dict[str, Any]:
        """The same, as the open page asks again and again."""
        address = f"{self.base_url}/h5/awards/{award_id}/state"
        reply = self.session.get(address, headers={"Accept": "application/json"}, timeout=TIMEOUT_S)
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
        return found

    def _ask(self, path: str, mark: str, body: dict[str, Any]) -> dict[str, Any]:
        """A request of the page's script; its answer, a refusal too."""
        headers = {"X-Form-Mark": mark, "Origin": self.base_url, "Accept": "application/json"}
        reply = self.session.post(self.base_url + path, json=body, headers=headers, timeout=TIMEOUT_S)
        if reply.status_code not in (200, 409, 429, 503):
            raise StoryProblem(f"{path}: HTTP {reply.status_code}")
        answer: dict[str, Any] = reply.json()
        return answer


def field_of(page: str, name: str) -> str:
    """What a hidden field of the page holds. Raises StoryProblem when there is none."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    if found is None:
        raise StoryProblem(f"there is no field {name} on the page")
    return found[1]


def state_of(page: str) -> dict[str, Any]:
    """What the page tells its script."""
    for found in SCRIPT.finditer(page):
        state: dict[str, Any] = json.loads(found[2])
        return state
    raise StoryProblem("the page has no state for its script")


def _kind_of(page: str, name: str) -> int | None:
    """The number of a kind of voucher on the page that offers them."""
    found = re.search(rf'name="kind" value="([0-9]+)"[^>]*>\s*<span><b>{re.escape(name)}</b>', page)
    return int(found[1]) if found else None
