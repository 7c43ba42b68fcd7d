"""What a kept answer of WeChat says, in a sentence: the catalogue for codes, one word for each state."""

import re

from wxbot.orders.channels import CHANNELS, VERSIONS
from wxbot.orders.words import meaning_of
from wxbot.text import Text

FIELD = re.compile(
    r"<(err_code|status|reason|result_code|return_code)>(?:<!\[CDATA\[)?([A-Za-z0-9_ ]{1,64})(?:\]\]>)?</\1>"
)
MEMBER = re.compile(r'"(code|state|fail_reason)"\s*:\s*"([A-Za-z0-9_ ]{1,64})"')

STATES = {state: words for channel in CHANNELS.values() for state, words in channel.state_words.items()}
"""State of a packet or a transfer at WeChat → words and tone."""

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
        word, tone = STATES[state]
        return Text(f"微信答复：{word.zh}", f"WeChat answered: {word.en}"), tone
    if fields.get("result_code") == "SUCCESS":
        return Text("微信答复：已受理", "WeChat answered: accepted"), "good"
    line = " ".join(body.split())[:CHARS]
    return Text(f"没有可信的答复：{line}", f"no answer that can be trusted: {line}"), "wait"


def _refused(version: str, code: str) -> tuple[Text, str]:
    meaning = meaning_of(VERSIONS[version].name, code)
    tone = "wait" if meaning.actor == "nobody" else "bad"
    return Text(f"微信答复：{meaning.said.zh}", f"WeChat answered: {meaning.said.en}"), tone
