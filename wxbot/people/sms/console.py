"""For development: the message is a line of the log, and under the simulator it also arrives on the simulated phone."""

import json

from wxbot.logs import get_logger
from wxbot.people import phones
from wxbot.people.sms.base import NotDelivered, Unsure
from wxbot.settings import Settings
from wxbot.wechat.errors import NotSent, Unanswered
from wxbot.wechat.http import Transport, json_body

log = get_logger(__name__)


class Console:
    """Shows messages instead of sending them; settings refuse it in production."""

    name = "console"

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self._settings, self._transport = settings, transport

    def send(self, phone: str, code: str, minutes: int) -> str:
        """Log the message, and hand it to the simulator when there is one."""
        text = f"【{self._settings.brand}】您的验证码是 {code}，{minutes} 分钟内有效，请勿告诉他人。"
        log.info("sms_shown", number=phones.masked(phone), text=text)
        if not self._settings.is_simulated:
            return "console"
        body = json_body({"phone": phone, "text": text})
        try:
            reply = self._transport.send(
                "POST", f"{self._settings.api_base}/_sim/sms", body=body, content_type="application/json"
            )
        except NotSent as error:
            raise NotDelivered("NOT_SENT") from error
        except Unanswered as error:
            if error.status >= 400:
                raise NotDelivered(f"HTTP_{error.status}") from error
            raise Unsure(error.reason) from error
        answer = json.loads(reply.body or b"{}")
        return str(answer.get("id", "console")) if isinstance(answer, dict) else "console"
