"""What pages hand to WeChat's bridge: wx.config, signed on the server, and the confirmation of a transfer
(wechat-protocol §4.7, §6.4, §9.2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from wxbot.wechat import sign


def config(
    url: str,
    jsapi_ticket: str,
    now: datetime,
    *,
    appid: str,
    js_api_list: Iterable[str] = (),
    noncestr: str | None = None,
) -> dict[str, Any]:
    """What the page hands to wx.config; `url` is the page's full address, its fragment does not count."""
    if not url.startswith(("https://", "http://")):
        raise ValueError("wx.config needs the page's full URL")
    noncestr = noncestr or sign.nonce(16)
    timestamp = int(now.timestamp())
    return {
        "appId": appid,
        "timestamp": timestamp,
        "nonceStr": noncestr,
        "signature": sign.jssdk_signature(jsapi_ticket, noncestr, timestamp, url),
        "jsApiList": list(js_api_list),
    }


def merchant_transfer(mch_id: str, appid: str, package_info: str) -> dict[str, str]:
    """The arguments of requestMerchantTransfer, with which the receiver confirms a bill (§4.7).

    `package_info` goes through unchanged; nothing is signed. The bridge's `requestMerchantTransfer:ok` says that the page
    was shown and left, not that money arrived: only a query tells.
    """
    return {"mchId": mch_id, "appId": appid, "package": package_info}
