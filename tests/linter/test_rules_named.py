"""Each rule of the linter is reached: by a text, or by a draft where no text alone can show it."""

from __future__ import annotations

import re
from pathlib import Path

from wxbot.linter.finding import OF_DRAFTS, REASONS

WXBOT = Path(__file__).resolve().parents[2] / "wxbot"


def test_every_reason_is_given_by_a_text_rule_or_by_a_check_of_drafts() -> None:
    in_texts = "".join((WXBOT / "linter" / f"{name}.py").read_text("utf-8") for name in ("claims", "induced"))
    in_drafts = "".join(path.read_text("utf-8") for path in (WXBOT / "instant").glob("*.py"))
    for rule in REASONS:
        assert re.search(rf'"{rule}"', in_drafts if rule in OF_DRAFTS else in_texts), rule
