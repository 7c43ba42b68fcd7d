"""Tencent Cloud SMS through its official SDK (extra `tencent`): API SendSms, version 2021-01-11.

The template has one variable, {1}: the code.
"""

import logging
from typing import Any

from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models
from tencentcloud.sms.v20210111.sms_client import SmsClient

from wxbot.db import assert_no_transaction
from wxbot.people.sms.base import READ_S, NotDelivered, Unsure, never_connected
from wxbot.settings import Settings
from wxbot.wechat.http import Transport

# At DEBUG the SDK prints whole requests, phone and code included (S58).
logging.getLogger("tencentcloud_sdk_common").setLevel(logging.INFO)

REGION = "ap-guangzhou"
LOST = ("ServerNetworkError", "InternalError", "ClientNetworkError")
"""Error codes after which the message may be on its way all the same."""


class Tencent:
    """One application of one Tencent Cloud account."""

    name = "tencent"

    def __init__(self, settings: Settings, _transport: Transport | None = None, endpoint: str = "") -> None:
        """`endpoint` (host:port, spoken to over plain http) is for tests."""
        self._settings = settings
        http = HttpProfile(reqTimeout=READ_S, protocol="http" if endpoint else "https", endpoint=endpoint or None)
        key = Credential(settings.sms_key_id, settings.sms_secret_key.get_secret_value())
        self._client = SmsClient(
            key, settings.sms_region or REGION, ClientProfile(signMethod="TC3-HMAC-SHA256", httpProfile=http)
        )

    def send(self, phone: str, code: str, minutes: int) -> str:
        """Send one code; returns SerialNo."""
        assert_no_transaction("tencent sms")
        request = models.SendSmsRequest()
        request.SmsSdkAppId = self._settings.sms_app_id
        request.SignName = self._settings.sms_sign_name
        request.TemplateId = self._settings.sms_template
        request.TemplateParamSet = [code]
        request.PhoneNumberSet = [phone]
        try:
            answer: Any = self._client.SendSms(request)
        except TencentCloudSDKException as error:
            name = str(error.get_code())
            if name.split(".")[0] in LOST and not never_connected(error):
                raise Unsure(name) from error
            raise NotDelivered(name) from error
        statuses = answer.SendStatusSet or []
        if len(statuses) != 1:
            raise Unsure("NO_STATUS")
        if statuses[0].Code != "Ok":
            raise NotDelivered(str(statuses[0].Code))
        return str(statuses[0].SerialNo)
