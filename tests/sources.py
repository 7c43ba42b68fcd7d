"""The product's own source, for tests that hold a rule of it: only files that could break the rule are parsed.

To parse all of them takes a second of each such test, and to look for a word a hundredth of that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def nodes(*words: str, but: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.AST]]:
    """(`wxbot/….py:line`, node) of each file in which one of the words stands as it is, without places that begin with `but`."""
    for path in sorted((ROOT / "wxbot").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(but):
            continue
        text = path.read_text(encoding="utf-8")
        if any(word in text for word in words):
            for node in ast.walk(ast.parse(text, filename=place)):
                yield f"{place}:{getattr(node, 'lineno', 0)}", node
