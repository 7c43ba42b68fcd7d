"""A channel knows itself: whoever wants to know something of a channel asks it, and never its name."""

import ast
import re
from pathlib import Path

import pytest

from tests.sources import nodes
from wxbot.orders.channels import CHANNELS, DIRECT, LOTTERY, VERSIONS

ROOT = Path(__file__).resolve().parent.parent.parent
AT_HOME = ("wxbot/orders/channels/", "wxbot/wechat/", "wxbot/simulator/", "wxbot/migrations/", "wxbot/translations/")
SETTINGS = ("wxbot/setting_fields.py", "wxbot/settings.py")
"""The one exception: an operator writes a channel's name there, and the ground imports no feature."""


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_nobody_else_asks_for_a_channel_by_its_name() -> None:
    found = [
        f"{place}: {node.value}"
        for place, node in nodes(*CHANNELS, but=(*AT_HOME, *SETTINGS))
        if isinstance(node, ast.Constant) and node.value in CHANNELS
    ]
    quoted = re.compile("|".join(rf"['\"]{name}['\"]" for name in CHANNELS))
    found += [_place(path) for path in (ROOT / "templates").rglob("*.html") if quoted.search(path.read_text("utf-8"))]
    assert not found, "Ask the channel (orders/channels/base.Channel) instead of its name:\n" + "\n".join(found)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_says_what_is_particular_to_it(name: str) -> None:
    channel = CHANNELS[name]
    assert channel.name == name
    assert all(channel.word) and all(channel.stopped_word)
    assert channel.version in VERSIONS
    fits = {field: channel.text_fault(field, "好") for field in ("send_name", "act_name", "wishing", "remark")}
    assert not any(fits.values())
    assert channel.text_fault("remark", "好" * 200) is not None


def test_what_is_drawn_waits_as_tickets_and_everything_else_for_a_known_person() -> None:
    assert {LOTTERY, *DIRECT} == set(CHANNELS)
    assert CHANNELS[LOTTERY].holding == "tickets"
    assert not CHANNELS[LOTTERY].is_confirmed and not CHANNELS[LOTTERY].can_cancel
