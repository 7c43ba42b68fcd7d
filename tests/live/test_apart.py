"""`wxbot live` knows no money: what is really loaded with it, nothing more."""

from __future__ import annotations

import subprocess
import sys

KNOWN = {
    "wxbot",
    "wxbot.clock",
    "wxbot.db",
    "wxbot.ground",
    "wxbot.hall",
    "wxbot.hall.models",
    "wxbot.hall.prize_rules",
    "wxbot.hall.race_rule",
    "wxbot.hall.screen_pass",
    "wxbot.hall.wire",
    "wxbot.logs",
    "wxbot.outages",
    "wxbot.own_page",
    "wxbot.phone_session",
    "wxbot.plurals",
    "wxbot.setting_fields",
    "wxbot.settings",
    "wxbot.text",
    "wxbot.transitions",
    "wxbot.vault",
}


def test_nothing_else_of_wxbot_is_loaded() -> None:
    asks = "import sys, wxbot.live.server; print(*(name for name in sys.modules if name.split('.')[0] == 'wxbot'))"
    said = subprocess.run([sys.executable, "-c", asks], check=True, capture_output=True, text=True, timeout=60).stdout
    assert {name for name in said.split() if not name.startswith("wxbot.live")} == KNOWN
