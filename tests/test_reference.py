"""Every rule, fault and section that code, tests and pages cite stands in docs/reference/, and nothing else stands there."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
FOLDERS = ("wxbot", "tests", "scripts", "docs", "deploy")
ENDINGS = (".py", ".md", ".js", ".html", ".css", ".conf")

LETTERED = re.compile(r"(?<![A-Za-z0-9%#/.-])(?:([FS]\d\d[a-z]?|[TW]\d\d?|I\d\d?)(?![A-Za-z0-9]))")
"""F: faults, W: facts of WeChat Pay, T: targets (money.md); S: attacks (security.md); I: invariants (invariants.md)."""

SECTION = re.compile(r"((?:money|security)(?:\.md)? )?§(\d+(?:\.\d+)*[a-z]?)(?:[–-](\d+\.\d+))?")
"""§ alone is a section of wechat-protocol.md; `§1.3-1.8` are all from the first to the last."""

RULES = re.compile(r"money(?:\.md)?,? rules? (\d+)(?: and (\d+))?")
APPENDIX = re.compile(r"(?:[Aa]ppendix|vectors?) ([A-D])(?:\.(\d))?(?: and [A-D]\.(\d))?")


TEST_NAME = re.compile(r"(?<=def )test_\w+")


def page_of(letter: str) -> str:
    """The page on which the rows of a letter stand."""
    return {"S": "security", "I": "invariants"}.get(letter, "money")


def sayings(path: Path) -> Iterator[str]:
    """What a file says to its reader: of Python the comments, the texts with a blank in them and the names of tests."""
    content = path.read_text(encoding="utf-8")
    if next(cites(content), None) is None:
        return
    if path.suffix != ".py":
        yield content
        return
    yield from (name.replace("_", " ") for name in TEST_NAME.findall(content))
    rest = TEST_NAME.sub("", content)
    if next(cites(rest), None) is None:  # to take a file apart is slow
        return
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (" " in node.value or "§" in node.value):
            yield node.value
    if any(next(cites(line.partition("#")[2]), None) for line in rest.splitlines() if "#" in line):
        for token in tokenize.generate_tokens(io.StringIO(content).readline):
            if token.type == tokenize.COMMENT:
                yield token.string


def span(first: str, last: str) -> Iterator[str]:
    """`1.3`, `1.5` → `1.3`, `1.4`, `1.5`; without a last one the first alone."""
    yield first
    if last:
        chapter, _, begin = first.partition(".")
        for number in range(int(begin) + 1, int(last.partition(".")[2]) + 1):
            yield f"{chapter}.{number}"


def cites(saying: str) -> Iterator[tuple[str, str]]:
    """(page, number) of every citation in a text."""
    for number in LETTERED.findall(saying):
        yield page_of(number[0]), number
    for name, first, last in SECTION.findall(saying):
        page = re.sub(r"\.md|\s", "", name) or "wechat-protocol"
        yield from ((page, f"§{number}") for number in span(first, last))
    for numbers in RULES.findall(saying):
        yield from (("money", f"rule {number}") for number in numbers if number)
    for letter, first, second in APPENDIX.findall(saying):
        yield from (("wechat-protocol", f"{letter}.{number}") for number in (first, second) if number)
        if not first:
            yield "wechat-protocol", f"Appendix {letter}"


@cache
def cited() -> dict[tuple[str, str], str]:
    """(page, number) → a file that cites it; the reference itself and what only this test says are left out."""
    found: dict[tuple[str, str], str] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if (
                path.suffix not in ENDINGS
                or "vendor" in path.parts
                or REFERENCE in path.parents
                or path == Path(__file__)
            ):
                continue
            if path.name == "invariants.md":  # it explains the numbers I; the others it cites like any other page
                saying = path.read_text(encoding="utf-8").partition("## The numbers")[0]
                found.update({cite: path.name for cite in cites(saying) if cite[0] != "invariants"})
                continue
            for saying in sayings(path):
                found.update({cite: str(path.relative_to(ROOT)) for cite in cites(saying)})
    return found


@cache
def explained() -> dict[tuple[str, str], int]:
    """(page, number) → how often it is explained: a row whose first cell it is, or a heading that begins with it."""
    found: dict[tuple[str, str], int] = {}
    for path in (*REFERENCE.glob("*.md"), ROOT / "docs" / "invariants.md"):
        told = path.read_text(encoding="utf-8")
        rows = re.findall(r"^\| (rule \d+|[FSTW]\d+[a-z]?|I\d+) \|", told, re.MULTILINE)
        heads = re.findall(r"^#+ (§\d[\d.]*[a-z]?|[A-D]\.\d|Appendix [A-D])(?= )", told, re.MULTILINE)
        for number in (*rows, *heads):
            found[path.stem, number] = found.get((path.stem, number), 0) + 1
    return found


def test_everything_that_is_cited_is_explained() -> None:
    assert {cite: where for cite, where in cited().items() if cite not in explained()} == {}


def test_nothing_is_explained_that_nobody_cites_and_nothing_twice() -> None:
    chapters = {(page, number.partition(".")[0]) for page, number in cited() if number.startswith("§")}
    assert set(explained()) - set(cited()) - chapters == set()
    assert [number for number, times in explained().items() if times != 1] == []


@pytest.mark.parametrize(
    ("saying", "found"),
    [
        ("the books (money F33, security S02)", [("money", "F33"), ("security", "S02")]),
        ("test F14 F25b T7 a late answer", [("money", "F14"), ("money", "F25b"), ("money", "T7")]),
        ("(§1.3–1.5)", [("wechat-protocol", f"§1.{number}") for number in (3, 4, 5)]),
        ("(money §5.2, §3.5b)", [("money", "§5.2"), ("wechat-protocol", "§3.5b")]),
        ("(money rules 2 and 14)", [("money", "rule 2"), ("money", "rule 14")]),
        ("vectors A.6 and A.7, appendix D.4", [("wechat-protocol", f"{number}") for number in ("A.6", "A.7", "D.4")]),
        ("S3, F811 and %F0%9F are none", []),
    ],
)
def test_a_citation_is_found_in_every_form(saying: str, found: list[tuple[str, str]]) -> None:
    assert list(cites(saying)) == found
