"""The texts of a payment, checked before it exists: what each channel asks for and how long it may be.

WeChat answers a text that is too long with PARAM_ERROR, for an order whose parameters can never change again. So forms
ask here first, and the functions that freeze parameters refuse what a form let through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wxbot.wechat import limits

Unit = Literal["bytes", "chars"]
Reason = Literal["missing", "long", "characters", "wide"]

_STRANGE = re.compile("[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


_WIDE = re.compile("[\U00010000-\U0010ffff]")
_REFUSES_WIDE = ("transfer_bills",)
"""Where an order with such a character cannot exist; what v2 carries already goes on (wechat-protocol §4.2)."""


WIDE_ZH = "不能含“{}”：微信支付不收表情符号和极少用的字，请删去或换一个"
WIDE_EN = "must not hold “{}”: WeChat Pay takes no emoji and no very rare characters; take it out"


def wide_character(text: str) -> str:
    """The first character of four UTF-8 bytes, as every newer emoji is; empty when there is none."""
    found = _WIDE.search(text)
    return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class TextLimit:
    """How long one text may be. `bytes` are UTF-8 bytes (a Chinese character is 3), the safe reading of "String(32)"."""

    most: int
    unit: Unit

    def size(self, text: str) -> int:
        """The length of a text in the unit of this limit."""
        return limits.byte_length(text) if self.unit == "bytes" else len(text)


TEXTS: Mapping[str, Mapping[str, TextLimit]] = {
    "hbpreorder": {
        "send_name": TextLimit(limits.SEND_NAME_BYTES, "bytes"),
        "wishing": TextLimit(limits.WISHING_CHARS, "chars"),
        "act_name": TextLimit(limits.ACT_NAME_BYTES, "bytes"),
        "remark": TextLimit(limits.REMARK_BYTES, "bytes"),
    },
    "sendredpack": {
        "send_name": TextLimit(limits.SEND_NAME_BYTES, "bytes"),
        "wishing": TextLimit(limits.REDPACK_WISHING_BYTES, "bytes"),
        "act_name": TextLimit(limits.ACT_NAME_BYTES, "bytes"),
        "remark": TextLimit(limits.REDPACK_REMARK_BYTES, "bytes"),
    },
    "transfer_bills": {
        "transfer_remark": TextLimit(limits.TRANSFER_REMARK_CHARS, "chars"),
        "info_type": TextLimit(limits.TRANSFER_REPORT_TYPE_CHARS, "chars"),
        "info_content": TextLimit(limits.TRANSFER_REPORT_CONTENT_CHARS, "chars"),
    },
}
"""Channel → text → limit (wechat-protocol §1.2, §3.2, §4.2)."""


@dataclass(frozen=True, slots=True)
class TextFault:
    """One text that WeChat would refuse, and why."""

    field: str
    reason: Reason
    size: int
    limit: TextLimit
    wide: str = ""
    """The character that is too wide, when that is the reason."""

    @property
    def zh(self) -> str:
        """What is wrong, in Chinese, for the person at the form."""
        if self.reason == "missing":
            return "不能为空"
        if self.reason == "characters":
            return "不能含换行或控制字符"
        if self.reason == "wide":
            return WIDE_ZH.format(self.wide)
        if self.limit.unit == "bytes":
            return f"太长：最多 {self.limit.most} 字节（约 {self.limit.most // 3} 个汉字），现在 {self.size} 字节"
        return f"太长：最多 {self.limit.most} 个字，现在 {self.size} 个"

    @property
    def en(self) -> str:
        """What is wrong, in English."""
        if self.reason == "missing":
            return "must not be empty"
        if self.reason == "characters":
            return "must not hold line breaks or control characters"
        if self.reason == "wide":
            return WIDE_EN.format(self.wide)
        unit = "bytes (a Chinese character takes 3)" if self.limit.unit == "bytes" else "characters"
        return f"too long: at most {self.limit.most} {unit}, it has {self.size}"


def fault_of(channel: str, field: str, text: str) -> TextFault | None:
    """What is wrong with one text of a channel; None when WeChat would take it."""
    limit = TEXTS[channel][field]
    size = limit.size(text)
    if not text.strip():
        return TextFault(field, "missing", size, limit)
    if _STRANGE.search(text):
        return TextFault(field, "characters", size, limit)
    if wide := wide_character(text):
        return TextFault(field, "wide", size, limit, wide)
    return TextFault(field, "long", size, limit) if size > limit.most else None


def faults(channel: str, words: Mapping[str, str]) -> list[TextFault]:
    """Everything wrong with the given texts of a channel, in the order of the form; names it does not know are skipped."""
    found = (fault_of(channel, field, text) for field, text in words.items() if field in TEXTS[channel])
    return [fault for fault in found if fault is not None]


def require(channel: str, words: Mapping[str, str]) -> None:
    """Raise ValueError when WeChat would refuse one of the texts. Forms are stricter: their texts may go by any channel."""
    wrong = [fault for fault in faults(channel, words) if fault.reason != "wide" or channel in _REFUSES_WIDE]
    if wrong:
        raise ValueError("; ".join(f"{fault.field} {fault.en}" for fault in wrong))
