"""WeChat's host names: what the server's certificate names, what the proxy leads here, what is not simulated."""

from __future__ import annotations

PAY_HOSTS = ("mch.weixin.qq.com",)
WECHAT_DOMAINS = ("weixin.qq.com", "wx.qq.com", "qlogo.cn", "weixinbridge.com")

#: Every host that a program of an official account or of its merchant may call, by one level of wildcards as TLS has it.
CERTIFIED = (
    "*.weixin.qq.com",
    "*.api.weixin.qq.com",
    "*.mch.weixin.qq.com",
    "*.wx.qq.com",
    "*.qlogo.cn",
    "*.weixinbridge.com",
)

#: Paths under which WeChat Pay has calls, v2 first; a program whose base address was changed names no host of WeChat.
V2_PREFIXES = (
    "/pay/",
    "/secapi/",
    "/mmpaymkttransfers/",
    "/mmpaysptrans/",
    "/sandboxnew/",
    "/risk/",
    "/tools/",
    "/xdc/",
)
V3_PREFIX = "/v3/"

#: Paths of api.weixin.qq.com: an unknown one gets a JSON error, not a page.
API_PREFIXES = ("/cgi-bin/", "/sns/", "/shakearound/", "/customservice/", "/wxa/", "/card/", "/datacube/", "/semantic/")


def is_of_wechat(host: str) -> bool:
    """Is this host (a port may follow) one of WeChat's?"""
    return is_within(host, WECHAT_DOMAINS)


def is_of_pay(host: str) -> bool:
    """Is this host (a port may follow) one of WeChat Pay's?"""
    return is_within(host, PAY_HOSTS)


def is_within(host: str, domains: tuple[str, ...]) -> bool:
    name = host.rsplit(":", 1)[0].lower().rstrip(".")
    return any(name == domain or name.endswith("." + domain) for domain in domains)


def not_simulated(method: str, path: str) -> str:
    """What the log, the answer and its X-Simulator-Hint say of a call that exists at WeChat only."""
    return f"{method} {path} is not simulated: docs/simulator.md lists what is"
