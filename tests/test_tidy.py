"""The house style as tests: sizes, names, money, time, doors to the network. Each failure says why and what to do.

What a general linter already finds (naive datetimes, imports inside functions, unused names) is left to `make check`.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ROOT / "wxbot"

LONGEST_FILE = 420
LONGEST_FUNCTION = 60

# Vague wherever they stand in a name, and vague as its noun (a `data_folder` is a folder; `order_data` is nothing).
# What the field itself calls so (handler, throttle, snapshot, runner, provider, context) is welcome.
VAGUE_WORDS = frozenset({"util", "utils", "helper", "helpers", "manager", "service", "processor", "wrapper", "factory"})
VAGUE_NOUNS = frozenset({"common", "misc", "core", "lib", "impl", "info", "data", "obj", "item"})
VAGUE_PREFIXES = ("new_", "tmp_", "my_")
VAGUE_VERBS = ("process_", "handle_", "manage_", "execute_", "perform_", "check_and_", "do_")
# Words that end in a digit by their nature; anything else with a number at its end hides what makes it different.
NUMBERED_WORDS = re.compile(
    r"(?:h5|v[23]|md5|sha1|sha256|base64|b64|utf8|argon2|x509|pkcs[178]|p12|int64|http2|_[345]\d\d)$", re.IGNORECASE
)
# Names that a framework looks for.
FRAMEWORK_NAMES = frozenset(
    {"process_bind_param", "process_result_value", "process_response", "handle_error", "do_GET", "do_POST"}
)
# WeChat's own names (user/info, menu/…) are kept to the letter at the wire.
WIRE = ("wxbot/wechat/", "wxbot/simulator/")

Finding = tuple[Path, int, str]


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a source file; a dozen rules look at each of them, and to walk a tree takes ten times as long as a tuple."""
    return tuple(ast.walk(parsed(path)))


@pytest.fixture(scope="module", autouse=True)
def trees_are_dropped() -> Iterator[None]:
    """A million nodes that stayed would be looked through by the garbage collector in every test that follows."""
    yield
    parsed.cache_clear()
    nodes_of.cache_clear()


def sources() -> list[Path]:
    """All Python files of the product."""
    return sorted(PRODUCT.rglob("*.py"))


def place(path: Path) -> str:
    """A path as a reader knows it."""
    return path.relative_to(ROOT).as_posix()


def is_under(path: Path, *prefixes: str) -> bool:
    """Whether the path begins with one of these."""
    return place(path).startswith(prefixes)


def tracked_texts() -> Iterator[tuple[Path, str]]:
    """Every committed text file with its content, except locks (checked on their own) and this file."""
    seen = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if seen.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, seen.stdout.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file():
            continue
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a name or a chain of attributes, else an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else node.attr
    return ""


# --- rules about code: each yields what it finds ------------------------------------------------------------------


def long_files() -> Iterator[Finding]:
    for path in sources():
        if is_under(path, "wxbot/migrations/versions/"):
            continue  # a migration is a list of tables, written and read once
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE:
            yield path, lines, f"{lines} lines"


def long_functions() -> Iterator[Finding]:
    for path in sources():
        if is_under(path, "wxbot/migrations/versions/"):
            continue
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    yield path, node.lineno, f"{node.name} has {lines} lines"


def fault_of_name(name: str, at_the_wire: bool) -> str:
    """Why this may not name a module, a class or a function; empty when it may."""
    bare = name.strip("_")
    if name in FRAMEWORK_NAMES or not bare:
        return ""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", bare)]
    vague = [word for word in words if word in VAGUE_WORDS or (word == words[-1] and word in VAGUE_NOUNS)]
    if vague and not (at_the_wire and len(words) > 1):
        return f"{name}: “{vague[0]}” says nothing"
    if bare.startswith(VAGUE_PREFIXES):
        return f"{name}: begins with {bare.split('_')[0]}_"
    if bare.startswith(VAGUE_VERBS) and not at_the_wire:
        return f"{name}: “{bare.split('_')[0]}” is no verb of the house"
    if bare[-1].isdigit() and not NUMBERED_WORDS.search(bare):
        return f"{name}: a number at the end hides the difference"
    return ""


def vague_names() -> Iterator[Finding]:
    for path in sources():
        if is_under(path, "wxbot/migrations/versions/"):
            continue
        at_the_wire = is_under(path, *WIRE)
        stem = path.parent.name if path.stem == "__init__" else path.stem
        if fault := fault_of_name(stem, at_the_wire=False):
            yield path, 1, f"module {fault}"
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
                fault := fault_of_name(node.name, at_the_wire)
            ):
                yield path, node.lineno, fault


def is_fen(node: ast.AST) -> bool:
    """Whether an expression is a plain name that holds an amount in fen."""
    return isinstance(node, ast.Name | ast.Attribute) and dotted(node).endswith("_fen")


def mentions_float(annotation: ast.AST | None) -> bool:
    """Whether an annotation allows floats."""
    return annotation is not None and any(
        isinstance(part, ast.Name) and part.id == "float" for part in ast.walk(annotation)
    )


def float_money() -> Iterator[Finding]:
    for path in sources():
        for node in nodes_of(path):
            if isinstance(node, ast.AnnAssign) and is_fen(node.target) and mentions_float(node.annotation):
                yield path, node.lineno, f"{dotted(node.target)} is annotated as a float"
            if isinstance(node, ast.arg) and node.arg.endswith("_fen") and mentions_float(node.annotation):
                yield path, node.lineno, f"the parameter {node.arg} is annotated as a float"
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_fen") and mentions_float(node.returns):
                yield path, node.lineno, f"{node.name} returns a float"
            if (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Div)
                and (is_fen(node.left) or is_fen(node.right))
            ):
                yield path, node.lineno, "an amount in fen is divided with /"
            if (
                isinstance(node, ast.Call)
                and dotted(node.func) == "float"
                and any(is_fen(given) for given in node.args)
            ):
                yield path, node.lineno, "an amount in fen is made a float"


def unverified_tls() -> Iterator[Finding]:
    for path in [*sources(), *sorted((ROOT / "scripts").glob("*.py"))]:
        for node in nodes_of(path):
            if (
                isinstance(node, ast.keyword)
                and node.arg == "verify"
                and isinstance(node.value, ast.Constant)
                and node.value.value is False
            ):
                yield path, node.value.lineno, "verify=False"
            if isinstance(node, ast.Attribute) and node.attr == "_create_unverified_context":
                yield path, node.lineno, node.attr
            if isinstance(node, ast.Attribute) and node.attr == "CERT_NONE" and not is_under(path, "wxbot/simulator/"):
                yield path, node.lineno, "CERT_NONE"  # the simulator may ask a client for nothing; it is the server


def stray_network() -> Iterator[Finding]:
    for path in sources():
        if is_under(path, *WIRE, "wxbot/demo", "wxbot/alerts/robots.py"):
            continue  # robots are no WeChat: what apprise leaves unread of their answers is read beside it
        for node in nodes_of(path):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            for name in names:
                if name.split(".")[0] in {"requests", "httpx", "urllib3", "aiohttp"}:
                    yield path, node.lineno, f"imports {name}"


def views_that_write() -> Iterator[Finding]:
    for path in sources():
        if not path.stem.startswith(("admin", "h5", "door", "routes", "notify")) or is_under(path, "wxbot/simulator/"):
            continue
        own = f"wxbot.{path.parent.name}."
        imports = [node for node in nodes_of(path) if isinstance(node, ast.ImportFrom)]
        foreign = {
            name.asname or name.name
            for node in imports
            if (node.module or "").startswith("wxbot.") and not f"{node.module}.".startswith(own)
            for name in node.names
        }
        for node in nodes_of(path):
            if not isinstance(node, ast.Call) or dotted(node.func) not in {"update", "delete", "insert", "insert_into"}:
                continue
            if any(isinstance(given, ast.Name) and given.id in foreign for given in node.args):
                yield path, node.lineno, f"{dotted(node.func)} of another feature's table"


def stray_clocks() -> Iterator[Finding]:
    asks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "datetime.datetime.now"}
    for path in sources():
        if is_under(path, "wxbot/clock.py", "wxbot/simulator/", "wxbot/doctor/"):
            continue  # the doctor compares clocks, and a certificate is valid by the machine's
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and dotted(node.func) in asks:
                yield path, node.lineno, f"{dotted(node.func)}()"


def naive_columns() -> Iterator[Finding]:
    for path in sources():
        if is_under(path, "wxbot/db.py", "wxbot/migrations/"):
            continue
        for node in nodes_of(path):
            if isinstance(node, ast.Name | ast.Attribute) and dotted(node).split(".")[-1] == "DateTime":
                yield path, node.lineno, "a column of type DateTime"


def prints() -> Iterator[Finding]:
    talkers = (
        "wxbot/cli",
        "wxbot/demo",
        "wxbot/simulator/__main__.py",
        "wxbot/simulator/server.py",
        "wxbot/__main__.py",
    )
    for path in sources():
        if is_under(path, *talkers):
            continue
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and dotted(node.func) == "print":
                yield path, node.lineno, "print()"


def leftover_markers() -> Iterator[Finding]:
    marker = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
    for path, text in tracked_texts():
        if path.suffix in {".lock", ".json", ".svg"}:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if found := marker.search(line):
                yield path, number, found[1]


def addresses_of_one_machine() -> Iterator[Finding]:
    hosts = (
        "pypi.org",
        "pythonhosted.org",
        "registry.npmjs",
        "npmmirror",
        "deb.debian.org",
        "security.debian.org",
        "/simple/pip",
    )
    places = re.compile(r"(?<![\w./}:-])/(?:root|work|home/(?!someone)\w+|Users/\w+)/[\w.]")
    for path, text in tracked_texts():
        for number, line in enumerate(text.splitlines(), 1):
            for host in hosts:
                if host in line:
                    yield path, number, f"names a registry's host ({host})"
            if found := places.search(line):
                yield path, number, f"names a path of one machine ({found[0]}…)"


def cut_sentences() -> Iterator[Finding]:
    """Sentences in two languages in another shape than Text: cut from one string, or as a pair of fields."""
    for path in sources():
        if is_under(path, *WIRE, "wxbot/doctor/finding.py"):
            continue  # WeChat's catalogue knows nothing of ours; a finding is a row of doctor's JSON
        for node in nodes_of(path):
            if (
                isinstance(node, ast.Call)
                and dotted(node.func).split(".")[-1] in ("partition", "rpartition", "split")
                and any(isinstance(given, ast.Constant) and given.value in (" / ", "。") for given in node.args)
            ):
                yield path, node.lineno, "a sentence is cut"
            if isinstance(node, ast.ClassDef) and node.name != "Text":
                fields = {dotted(each.target) for each in node.body if isinstance(each, ast.AnnAssign)}
                given = {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
                if fields >= {"zh", "en"} or given >= {"zh", "en"}:
                    yield path, node.lineno, f"{node.name} holds a sentence in two languages"


def classes_defined_twice() -> Iterator[Finding]:
    """A class or a named type of the product whose name another module of it defines, too; simulator, demo and migrations have
    their own world, and at the wire a type has WeChat's name."""
    first = dict.fromkeys(("Session",), PRODUCT / "db.py")  # SQLAlchemy's, which two hundred modules import
    for path in sources():
        if is_under(path, "wxbot/simulator/", "wxbot/demo/", "wxbot/migrations/"):
            continue
        for node in parsed(path).body:
            name = (
                node.name if isinstance(node, ast.ClassDef) else named_type(node) if not is_under(path, *WIRE) else ""
            )
            if name and first.setdefault(name, path) != path:
                yield path, node.lineno, f"{name} is defined in {place(first[name])}, too"


def named_type(node: ast.stmt) -> str:
    """`Kind` of `Kind = Literal[…]`; empty for anything else, a TypeVar among it."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Subscript | ast.BinOp | ast.Name):
        return ""
    name = dotted(node.targets[0])
    return name if re.fullmatch(r"(?:[A-Z][a-z0-9]+)+", name) else ""


def functions_written_twice() -> Iterator[Finding]:
    """A function of another module that does the same, to the letter; a name that gives a question its own word may."""
    first: dict[str, tuple[Path, str]] = {}
    for path in sources():
        if is_under(path, *WIRE, "wxbot/demo/", "wxbot/migrations/"):
            continue
        for node in nodes_of(path):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            body = ast.dump(ast.Module(node.body[ast.get_docstring(node) is not None :], []), annotate_fields=False)
            known = first.setdefault(body, (path, node.name))
            if (
                len(body) > 230 and known[0] != path
            ):  # more than a line that finds something, and calls something with it
                yield path, node.lineno, f"{node.name} is {place(known[0])}: {known[1]}"


def unformatted_code() -> Iterator[Finding]:
    """Code that the formatter is told to leave as it is."""
    mark = re.compile(r"#\s*(?:fmt|yapf):\s*(?:skip|off|on|disable)")
    for path, text in tracked_texts():
        if path.suffix == ".py":
            for number, line in enumerate(text.splitlines(), 1):
                if found := mark.search(line):
                    yield path, number, found[0]


def numbered_test_names() -> Iterator[Finding]:
    """A test whose name begins with the number of a fault or a rule."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := re.match(r"\s*(?:async )?def (test_[FSTWI]\d+[a-z]?_\w*)", line):
                yield path, number, found[1]


RULES: list[tuple[Callable[[], Iterator[Finding]], str]] = [
    (
        long_files,
        f"A file of more than {LONGEST_FILE} lines has more than one subject. Make it a package, or move one caller or verb out.",
    ),
    (
        long_functions,
        f"A function of more than {LONGEST_FUNCTION} lines cannot be read at once. Give its steps names, or make a table of data.",
    ),
    (
        vague_names,
        "A name says what the thing is or does (docs/glossary.md). The right word is usually the verb, or the noun it was hiding.",
    ),
    (
        float_money,
        "Money is an integer number of fen; floats lose fen. Use int, // and divmod; text for people comes from money.py.",
    ),
    (unverified_tls, "An unverified connection can be anyone's. Give requests the CA file (verify=ca_file) instead."),
    (
        stray_network,
        "The network is spoken in wxbot/wechat alone: with timeouts, no open transaction, sorted errors. Call it.",
    ),
    (
        views_that_write,
        "A page writes no rows of another feature: that feature knows what else belongs to the change. Call its verb.",
    ),
    (
        stray_clocks,
        "Time is an argument: take `now` from the caller. Doors ask Runtime.clock, money asks Database.now.",
    ),
    (
        naive_columns,
        "A naive time is wrong by eight hours somewhere. Columns use datetime, which db.py maps to UtcDateTime.",
    ),
    (
        prints,
        "What a program has to say goes to the log (structlog) with fields. Only cli and demo talk to a terminal.",
    ),
    (cut_sentences, "A sentence in two languages is a Text, and what says no is a Refusal (wxbot/text.py)."),
    (classes_defined_twice, "A reader who searches for a class finds one. Say in the name what sets this one apart."),
    (functions_written_twice, "One idea has one place: call it, or move it down to where both can."),
    (
        unformatted_code,
        "The formatter formats. A file that is a table of texts is named in pyproject.toml, tool.ruff.format.exclude.",
    ),
    (numbered_test_names, "The name of a test leads with what it shows; the number of its fault or rule comes last."),
    (leftover_markers, "A marker in the code is a task nobody sees. Do it now, or file it and take the marker out."),
    (
        addresses_of_one_machine,
        "The tree must work on any machine and with any mirror. Name packages, not hosts; use paths relative to the project.",
    ),
]


@pytest.mark.parametrize(("rule", "why"), RULES, ids=[rule.__name__ for rule, _ in RULES])
def test_the_house_style(rule: Callable[[], Iterator[Finding]], why: str) -> None:
    found = [f"  {place(path)}:{line}: {what}" for path, line, what in rule()]
    assert not found, f"{len(found)} found.\n" + "\n".join(found) + f"\n{why}"


def test_locks_hold_hashes_and_no_addresses() -> None:
    for lock in [*(ROOT / "requirements").glob("*.lock"), ROOT / "package-lock.json"]:
        text = lock.read_text(encoding="utf-8")
        assert '"resolved"' not in text and "--index-url" not in text and "--find-links" not in text, (
            f"{place(lock)} holds a registry's address: run `make lock`, which leaves it out."
        )
    for lock in (ROOT / "requirements").glob("*.lock"):
        blocks = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
        bare = [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block]
        assert not bare, f"{place(lock)}: no hash for {bare}; run `make lock`."


@pytest.mark.parametrize(
    ("name", "is_fine"),
    [
        ("utils", False),
        ("PayManager", False),
        ("user_info", False),
        ("order_data", False),
        ("data_folder", True),
        ("new_order", False),
        ("draw2", False),
        ("handle_message", False),
        ("EventHandler", True),
        ("gethbinfo", True),
        ("sign_v3", True),
        ("h5", True),
        ("Order", True),
        ("_read_shake_ticket", True),
        ("renew_token", True),
    ],
)
def test_the_rule_for_names_can_tell_them_apart(name: str, is_fine: bool) -> None:
    assert (fault_of_name(name, at_the_wire=False) == "") is is_fine
