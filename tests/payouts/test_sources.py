"""The one list of source kinds: what a page shows of each, and that nobody else keeps such a list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.payouts.desk import Desk, openid
from tests.payouts.stories import owe
from tests.rows import fill
from tests.test_tidy import PRODUCT, ROOT, dotted, parsed, place, sources
from wxbot.payouts.models import ListRow, PayList, Payout
from wxbot.payouts.sources import ROW, SOURCES

LIST = PRODUCT / "payouts" / "sources.py"
QUOTED = re.compile(rf"""['"]({"|".join(SOURCES)})['"]""")


def kinds_in(*nodes: ast.AST | None) -> set[str]:
    """The source kinds among these literals."""
    return {node.value for node in nodes if isinstance(node, ast.Constant) and node.value in SOURCES}


def repeated(node: ast.AST) -> bool:
    """Whether this names two kinds at once, or one kind where its constant belongs."""
    match node:
        case ast.Tuple() | ast.List() | ast.Set():
            return len(kinds_in(*node.elts)) > 1
        case ast.Dict():
            return len(kinds_in(*node.keys)) > 1
        case ast.Constant(value=str() as text):
            return len(set(QUOTED.findall(text))) > 1
        case ast.Compare():
            sides = (node.left, *node.comparators)
            return any(dotted(side).endswith("source_kind") for side in sides) and bool(kinds_in(*sides))
        case ast.Call():
            is_request = dotted(node.func) == "PayoutRequest"
            named = [each.value for each in node.keywords if each.arg == "source_kind"]
            return bool(kinds_in(*named, *(node.args[:1] if is_request else ())))
    return False


def expressions(path: Path) -> Iterator[ast.expr]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, ast.expr))


def may_repeat(path: Path) -> bool:
    """Whether two kinds stand anywhere in the file, or the words beside which one is a repetition: others need no parsing."""
    text = path.read_text(encoding="utf-8")
    return "source_kind" in text or "PayoutRequest" in text or len(set(QUOTED.findall(text))) > 1


def repetitions() -> Iterator[str]:
    for path in sources():
        if path == LIST or path.is_relative_to(PRODUCT / "migrations" / "versions") or not may_repeat(path):
            continue
        yield from (f"{place(path)}:{node.lineno}" for node in expressions(path) if repeated(node))
    for page in sorted((ROOT / "templates").rglob("*.html")):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            if len(set(QUOTED.findall(line))) > 1 or re.search(r"source_kind\s*(==|!=|in\b)", line):
                yield f"{place(page)}:{number}"


def test_nobody_else_lists_the_kinds_of_sources() -> None:
    found = list(repetitions())
    assert not found, f"{found}: ask SOURCES (wxbot/payouts/sources.py), or give the kind's constant its name there."


@pytest.mark.parametrize(
    ("text", "is_repeated"),
    [
        ("('voucher', 'row')", True),
        ("{'manual': 1, 'reissue': 2}", True),
        ("\"source_kind IN ('voucher', 'row')\"", True),
        ("payout.source_kind == 'row'", True),
        ("PayoutRequest('manual', 1)", True),
        ("PayoutRequest(source_kind='voucher')", True),
        ("('unknown', 'manual')", False),
        ("order.status == 'manual'", False),
        ("PayoutRequest(MANUAL, 1)", False),
    ],
)
def test_the_rule_tells_a_list_from_a_word(text: str, is_repeated: bool) -> None:
    assert any(repeated(node) for node in ast.walk(ast.parse(text))) is is_repeated


@pytest.mark.parametrize("kind", SOURCES)
def test_the_page_of_a_payout_says_its_source_and_links_to_it(desk: Desk, kind: str) -> None:
    source_id = 77
    programme_id = desk.fund()
    with desk.runtime.database.transaction() as session:
        listed = fill(session, PayList, name="三月名单", programme_id=programme_id)
        fill(session, ListRow, id=source_id, list_id=listed.id, row_number=3)
        list_id = listed.id
    payout_id = owe(desk.runtime, programme_id, openid(1), source_id=source_id)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Payout).where(Payout.id == payout_id).values(source_kind=kind))
    page = desk.as_("wang").get(f"/admin/payouts/{payout_id}").text
    said = re.search(r"<dt>来源</dt><dd>(.*?)</dd>", page, re.DOTALL)
    assert said and said[1].startswith(SOURCES[kind].word.zh)
    links = {
        "voucher": [f"/admin/vouchers/{source_id}"],
        "row": [f"/admin/lists/{list_id}"],
        "reissue": [f"/admin/payouts/{source_id}"],
    }
    assert re.findall(r'href="([^"]+)"', said[1]) == links.get(kind, [])
    assert ("三月名单" in said[1] and "3" in said[1]) == (kind == ROW)
    assert f">{SOURCES[kind].word.zh}" in desk.as_("wang").get(f"/admin/payouts?source={kind}").text
