"""What a kept answer of WeChat says, in a sentence: the catalogue for codes, one word for each state."""

import re

from wxbot.orders.channels import VERSIONS
from wxbot.orders.words import meaning_of
from wxbot.text import Text

FIELD = re.compile(
    r"<(err_code|status|reason|result_code|return_code)>(?:<!\[CDATA\[)?([A-Za-z0-9_ ]{1,64})(?:\]\]>)?</\1>"
)
MEMBER = re.compile(r'"(code|state|fail_reason)"\s*:\s*"([A-Za-z0-9_ ]{1,64})"')

STATES: dict[str, tuple[str, str, str]] = {
    "SENDING": ("发放中", "being sent", "wait"),
    "SENT": ("已发放，等待领取", "sent, waits to be opened", ""),
    "RECEIVED": ("已领取", "received", "good"),
    "RFUND_ING": ("退款中", "going back", "wait"),
    "REFUND": ("已退款", "gone back", "bad"),
    "FAILED": ("发放失败", "failed", "bad"),
    "ACCEPTED": ("已受理", "accepted", ""),
    "PROCESSING": ("处理中", "being worked on", "wait"),
    "WAIT_USER_CONFIRM": ("等待收款人确认", "waits for the person to confirm", ""),
    "TRANSFERING": ("转账中", "being transferred", "wait"),
    "SUCCESS": ("已到账", "paid", "good"),
    "FAIL": ("转账失败", "failed", "bad"),
    "CANCELING": ("撤回中", "being taken back", "wait"),
    "CANCELLED": ("已撤回", "taken back", "bad"),
}
"""State of a packet or a transfer at WeChat → words and tone (wechat-protocol §3.5b, §4.3)."""

CHARS = 80


def answer_said(kind: str, body: str) -> tuple[Text, str]:
    """The sentence and its tone (good, bad, wait or nothing) for one row of evidence."""
    if kind == "manual":
        return Text(f"人工处理：{body[:CHARS]}", f"settled by hand: {body[:CHARS]}"), "wait"
    fields = dict(FIELD.findall(body))
    members = dict(MEMBER.findall(body))
    if "err_code" in fields and fields.get("result_code") != "SUCCESS":  # a success fills err_code in, too (§3.2)
        return _refused("v2", fields["err_code"])
    if members.get("fail_reason"):
        return _refused("v3", members["fail_reason"])
    if "code" in members:
        return _refused("v3", members["code"])
    state = fields.get("status") or members.get("state")
    if state in STATES:
        zh, en, tone = STATES[state]
        return Text(f"微信答复：{zh}", f"WeChat answered: {en}"), tone
    if fields.get("result_code") == "SUCCESS":
        return Text("微信答复：已受理", "WeChat answered: accepted"), "good"
    line = " ".join(body.split())[:CHARS]
    return Text(f"没有可信的答复：{line}", f"no answer that can be trusted: {line}"), "wait"


def _refused(version: str, code: str) -> tuple[Text, str]:
    meaning = meaning_of(VERSIONS[version].name, code)
    tone = "wait" if meaning.actor == "nobody" else "bad"
    return Text(
        f"微信答复 {meaning.code}：{meaning.said.zh}", f"WeChat answered {meaning.code}: {meaning.said.en}"
    ), tone
