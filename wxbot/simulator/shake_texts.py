"""What the shake platform says, as data: errcode → errmsg (wechat-protocol §1.3–1.7, §2.11)."""

from __future__ import annotations

from typing import Any

SHAKE_TEXTS: dict[int, str] = {
    0: "success.",
    -1: "system error",
    9001001: "invalid post data",
    9001002: "remote service unavailable",
    9001003: "invalid ticket",
    9001004: "get shake user info failed",
    9001005: "get merchant info failed",
    9001006: "get openid failed",
    9001007: "upload file missing",
    9001008: "invalid upload file type",
    9001009: "invalid upload file size",
    9001010: "upload failed",
    9001020: "invalid account",
    9001021: "too few active devices, no new devices may be added",
    9001022: "device quantity must be greater than 0",
    9001023: "there is a pending device application",
    9001024: "a query may hold at most 50 device ids",
    9001025: "invalid device id",
    9001026: "invalid page id",
    9001027: "invalid page parameters",
    9001028: "at most 10 pages in one delete",
    9001029: "the page is used by devices, unbind first",
    9001030: "a query may hold at most 50 page ids",
    9001031: "invalid time span",
    9001032: "invalid device and page binding parameters",
    9001033: "invalid store id",
    9001034: "device comment too long",
    9001035: "invalid device application parameters",
    9001036: "invalid begin value",
    9001037: "at most 30 pages on a device",
    9001038: "device quota exceeded",
    9001047: "invalid application batch id",
    9001059: "logo_url is missing",
    9001060: "create lottery failed",
    9001061: "lottery_id not found",
    9001062: "create template page failed",
    9001063: "sponsor_appid differs from the creating appid",
    9001064: "red packet permission: review failed",
    9001065: "red packet permission: under review",
    9001066: "red packet permission: revoked",
    9001067: "red packet permission: none",
    9001068: "campaign time outside of the permitted window",
    9001069: "set lottery switch failed",
    9001070: "query lottery failed",
    9001071: "query ticket failed",
    9001072: "too many tickets",
    9001073: "sponsor_appid differs from the wxappid of the pre-order",
    9001074: "get send id failed",
    9001075: "the total number of packets exceeds the limit",
    9001076: "add send id failed",
    9001077: "decode send id failed",
    9001078: "get uin failed",
    9001079: "appid of the call differs from the creator of the lottery",
    9001090: "all tickets are invalid (used, expired or wrong amount)",
    9001091: "the lottery is over",
}

#: jumpHongbao, what the person's WeChat gets (§1.7). The person only reads a general sentence; the code is for the developer.
JUMP_TEXTS: dict[int, str] = {
    0: "ok",
    5: "shake ticket expired",
    11002: "shake ticket does not exist",
    11003: "shake ticket invalid",
    11004: "merchant appid lookup failed",
    11005: "shake frequency check failed",
    11009: "system error",
    11010: "noncestr too long",
    11011: "lottery_id cannot be parsed",
    11012: "signature check failed",
    11013: "openid invalid",
    11014: "pass_ticket invalid",
    12013: "binding user and packet failed",
    12014: "packet not found at WeChat Pay",
    12015: "draws too frequent",
    12019: "page_id invalid",
}


class ShakeRefusal(Exception):
    """A refusal of the shake platform: `errcode` as on the wire, `lists` the refused tickets of §1.4."""

    def __init__(self, errcode: int, text: str = "", lists: dict[str, Any] | None = None) -> None:
        self.errcode = errcode
        self.lists = lists or {}
        self.text = text or SHAKE_TEXTS.get(errcode, "system error")
        super().__init__(f"{errcode}: {self.text}")


class JumpRefusal(Exception):
    """The native page opens with an error: a code of §1.7 and, where that table is silent, our reason for it."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}")
