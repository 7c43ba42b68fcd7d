"""Aliyun SMS through its official SDK (extra `aliyun`): API SendSms, version 2017-05-25.

The template has one variable, ${code}.
"""

import json
import logging
from typing import Any

from alibabacloud_dysmsapi20170525 import models
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import RuntimeOptions

from wxbot.db import assert_no_transaction
from wxbot.people.sms.base import CONNECT_S, READ_S, NotDelivered, Unsure, never_connected
from wxbot.settings import Settings
from wxbot.wechat.http import Transport

# At DEBUG the SDK prints whole requests, phone and code included (S58).
logging.getLogger("darabonba-core").setLevel(logging.INFO)

ENDPOINT = "dysmsapi.aliyuncs.com"


class Aliyun:
    """One signature and template of one Aliyun account."""

    name = "aliyun"

    def __init__(self, settings: Settings, _transport: Transport | None = None, endpoint: str = "") -> None:
        """`endpoint` (host:port, spoken to over plain http) is for tests."""
        self._settings = settings
        self._client = Client(
            Config(
                access_key_id=settings.sms_key_id,
                access_key_secret=settings.sms_secret_key.get_secret_value(),
                region_id=settings.sms_region or "cn-hangzhou",
                endpoint=endpoint or ENDPOINT,
                protocol="http" if endpoint else "https",
            )
        )

    def send(self, phone: str, code: str, minutes: int) -> str:
        """Send one code; returns BizId."""
        assert_no_transaction("aliyun sms")
        request = models.SendSmsRequest(
            phone_numbers=phone.removeprefix("+86"),
            sign_name=self._settings.sms_sign_name,
            template_code=self._settings.sms_template,
            template_param=json.dumps({"code": code}),
        )
        options = RuntimeOptions(
            connect_timeout=CONNECT_S * 1000, read_timeout=READ_S * 1000, autoretry=False, max_attempts=1
        )
        try:
            answer: Any = self._client.send_sms_with_options(request, options).body
        except Exception as error:  # the SDK raises its own and its HTTP library's, without a common root
            name, status = str(getattr(error, "code", "") or type(error).__name__), getattr(error, "status_code", None)
            if (isinstance(status, int) and 400 <= status < 500) or never_connected(error):
                raise NotDelivered(name) from error
            raise Unsure(name) from error
        if answer is None or not answer.code:
            raise Unsure("NO_STATUS")
        if answer.code != "OK":
            raise NotDelivered(str(answer.code))
        return str(answer.biz_id)
