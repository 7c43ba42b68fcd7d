"""Robots of 企业微信, 钉钉 and 飞书 answer HTTP 200 to what they refuse, too: here their answers are read.

apprise takes 200 for success with the first two (its 飞书 reads the code), and signs 钉钉's requests so that the signature is
encoded twice. Addresses, limits and how a long text is cut stay apprise's; what is sent is a plain text.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from typing import Any
from urllib.parse import urlencode

import requests
from apprise import NotifyBase
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot

ANSWER_BYTES = 4096
CONTENT_TYPE = {"Content-Type": "application/json; charset=utf-8"}


def refusal_of(way: NotifyBase) -> str:
    """What a robot of ours refused last, as its code and sentence; empty for others."""
    return str(getattr(way, "refusal", ""))


def _post(way: Any, url: str, payload: dict[str, Any]) -> bool:
    """Send one text and read the answer: `errcode` or `code` is 0 when the robot took it."""
    way.refusal = ""
    try:
        reply = requests.post(
            url,
            data=json.dumps(payload, ensure_ascii=False).encode(),
            headers=CONTENT_TYPE,
            timeout=way.request_timeout,
            allow_redirects=False,
            verify=way.verify_certificate,
            stream=True,
        )
        with reply:
            answer = json.loads(reply.raw.read(ANSWER_BYTES, decode_content=True))
        code = answer["errcode"] if "errcode" in answer else answer["code"]
    except requests.RequestException as error:
        way.refusal = type(error).__name__  # not its text: that has the address with the key
        return False
    except (ValueError, KeyError, TypeError):
        way.refusal = f"HTTP {reply.status_code}"
        return False
    if reply.status_code == requests.codes.ok and code == 0:
        return True
    said = str(answer.get("errmsg") or answer.get("msg") or "")
    way.refusal = f"{code} {said}"[:160]
    return False


def _text(title: str, body: str) -> str:
    return f"{title}\n{body}" if title else body


class WeComRobot(NotifyWeComBot):
    """`wecombot://KEY`, or the address that 企业微信 shows."""

    def send(self, body: str, title: str = "", **_: Any) -> bool:
        """Send one text."""
        return _post(self, self.api_url, {"msgtype": "text", "text": {"content": _text(title, body)}})


class DingTalkRobot(NotifyDingTalk):
    """`dingtalk://SECRET@TOKEN`, or without a secret; or the address that 钉钉 shows."""

    def send(self, body: str, title: str = "", **_: Any) -> bool:
        """Send one text, signed when there is a secret."""
        url = self.notify_url.format(token=self.token)
        if self.secret:
            stamp = str(round(time.time_ns() / 1_000_000))
            digest = hmac.new(self.secret.encode(), f"{stamp}\n{self.secret}".encode(), hashlib.sha256).digest()
            url += "&" + urlencode({"timestamp": stamp, "sign": base64.b64encode(digest).decode()})
        return _post(self, url, {"msgtype": "text", "text": {"content": _text(title, body)}})

    @staticmethod
    def parse_native_url(url: str) -> Any:
        """Read https://oapi.dingtalk.com/robot/send?access_token=TOKEN."""
        found = re.fullmatch(r"https://oapi\.dingtalk\.com/robot/send\?access_token=(\w+)", url)
        return NotifyDingTalk.parse_url(f"dingtalk://{found[1]}/") if found else None


class FeishuRobot(NotifyFeishu):
    """`feishu://TOKEN`, or the address that 飞书 shows."""

    def send(self, body: str, title: str = "", **_: Any) -> bool:
        """Send one text."""
        return _post(
            self,
            self.notify_url.format(token=self.token),
            {"msg_type": "text", "content": {"text": _text(title, body)}},
        )

    @staticmethod
    def parse_native_url(url: str) -> Any:
        """Read https://open.feishu.cn/open-apis/bot/v2/hook/TOKEN."""
        found = re.fullmatch(r"https://open\.feishu\.cn/open-apis/bot/v2/hook/([\w-]+)/?", url)
        return NotifyFeishu.parse_url(f"feishu://{found[1]}/") if found else None


ROBOTS: tuple[Any, ...] = (WeComRobot, DingTalkRobot, FeishuRobot)
SCHEMES = frozenset(str(robot.secure_protocol) for robot in ROBOTS)


def of_address(address: str) -> tuple[Any, Any] | None:
    """(robot, what its address says) of `scheme://…` or of an address as the robot's maker shows it; None for other targets."""
    for robot in ROBOTS:
        is_its = address.startswith(f"{robot.secure_protocol}://")
        if parts := robot.parse_url(address) if is_its else robot.parse_native_url(address):
            return robot, parts
    return None
