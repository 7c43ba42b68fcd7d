"""Which stock program makes which call, and the table of docs/simulator.md."""

from __future__ import annotations

from tests.simulator.stock.calls import CALLS

ACCOUNT = ("token", "callback_ips", "menu", "user", "users", "followers", "message", "media", "qrcode")
WEB = ("oauth_link", "oauth", "oauth_user", "oauth_refresh")
TRANSFERS = ("transfer", "named_transfer", "transfer_query", "transfer_cancel", "transfer_notice")
AXIOS = ("redpack", "redpack_query", "certificates", *TRANSFERS, "balance")

IN_PYTHON: dict[str, tuple[str, ...]] = {
    "wechatpy": (*ACCOUNT, "jsapi", "devices", "shake", *WEB, "push", "redpack", "redpack_query"),
    "werobot": (*ACCOUNT, "push"),
    "wechatpayv3, public key": TRANSFERS,
    "wechatpayv3, certificates": TRANSFERS,
}
ROBOTS: dict[str, tuple[str, ...]] = {"wechatpy": ("robot",), "werobot": ("robot",)}
IN_NODE: dict[str, tuple[str, ...]] = {
    "co-wechat-api": (*ACCOUNT, "jsapi", "devices", "shake"),
    "wechat-api": (*ACCOUNT, "jsapi", "devices", "shake", "clear_quota"),
    "co-wechat-oauth": WEB,
    "wechat-crypto": ("push",),
    "tenpay": ("redpack", "redpack_query", "fundflow"),
    "wechatpay-axios-plugin, public key": AXIOS,
    "wechatpay-axios-plugin, certificates": AXIOS,
}
IN_BROWSER: dict[str, tuple[str, ...]] = {
    "weixin-js-sdk": (
        "js_config",
        "js_check",
        "js_network",
        "js_share",
        "js_denied",
        "js_transfer",
        "js_frame",
        "js_menu",
    ),
}
PROGRAMS = IN_PYTHON | {name: (*IN_PYTHON[name], *calls) for name, calls in ROBOTS.items()} | IN_NODE | IN_BROWSER


def rendered() -> str:
    """The table as the manual has it: a row for a call, a column for a program."""
    lines = [f"| call | {' | '.join(PROGRAMS)} |", "|---" * (len(PROGRAMS) + 1) + "|"]
    for name, call in CALLS.items():
        marks = ("✓" if name in calls else "" for calls in PROGRAMS.values())
        lines.append(f"| {call.words} | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"
