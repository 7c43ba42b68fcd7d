"""The documentation tells the truth: every setting, command, task, status and error code is in it, and no link leads nowhere."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest

from wxbot.campaigns.models import CAMPAIGN_STATUSES, PACKET_STATUSES
from wxbot.cli import cli
from wxbot.doctor import CHECKS
from wxbot.draws.models import STATUSES as DRAW_STATUSES
from wxbot.instant.models import AWARD_STATUSES, OUTCOMES
from wxbot.orders.models import STATUSES as ORDER_STATUSES
from wxbot.orders.throttle import OPERATOR_STOP
from wxbot.payouts.models import HOLDS, LIST_STATUSES, PAYOUT_STATUSES
from wxbot.people.models import BINDING_STATUSES, CODE_STATUSES, NOTICE_STATUSES, SMS_STATUSES
from wxbot.settings import SECRET_FILE_FIELDS, Settings
from wxbot.vouchers.models import PHOTO_STATUSES
from wxbot.vouchers.models import STATUSES as VOUCHER_STATUSES
from wxbot.wechat.errors import all_rows
from wxbot.worker import INTERVALS, TASKS

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page for folder in (".", "docs", "docs/reference", "docs/zh", "deploy") for page in ROOT.glob(f"{folder}/*.md")
)
SETTINGS = ("docs/settings.md", "docs/zh/settings.md")
OPERATIONS = ("docs/operations.md", "docs/zh/operations.md")
TRANSLATED = {
    "deploy/README.md": "docs/zh/deploy.md",
    "docs/operations.md": "docs/zh/operations.md",
    "docs/real-wechat.md": "docs/zh/real-wechat.md",
    "docs/settings.md": "docs/zh/settings.md",
}
"""Pages for those who install and run wxbot, and the same pages in Chinese; docs/reference/ and what else is for those who
change the code is in English only."""

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command that can be typed, as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name))


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as a browser of repositories makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", SETTINGS)
def test_every_setting_is_documented(page: str) -> None:
    told = text(page)
    missing = [name for name in Settings.model_fields if f"`WXBOT_{name.upper()}`" not in told]
    assert missing == []


def test_no_setting_is_documented_that_does_not_exist() -> None:
    known = {f"WXBOT_{name.upper()}" for name in Settings.model_fields}
    known |= {f"WXBOT_{name.upper()}_FILE" for name in SECRET_FILE_FIELDS}
    known |= set(re.findall(r"WXBOT_\w+", text("deploy/gunicorn.conf.py")))
    for page in PAGES:
        named = set(re.findall(r"WXBOT_[A-Z0-9_]*[A-Z0-9]", page.read_text(encoding="utf-8")))
        assert named <= known, f"{page.name}: {sorted(named - known)}"


@pytest.mark.parametrize("page", SETTINGS)
def test_documented_defaults_are_the_defaults(page: str) -> None:
    rows = dict(re.findall(r"^\| `(WXBOT_\w+)` \| `([^`]+)` \|", text(page), re.MULTILINE))
    assert len(rows) > 20
    for name, told in rows.items():
        default = Settings.model_fields[name.removeprefix("WXBOT_").lower()].default
        assert told == (str(default).lower() if isinstance(default, bool) else str(default)), name


@pytest.mark.parametrize("page", OPERATIONS)
def test_every_command_is_documented(page: str) -> None:
    told = text(page)
    missing = [command for command in commands(cli) if f"`wxbot {command}" not in told]
    assert missing == []


@pytest.mark.parametrize("page", OPERATIONS)
def test_every_task_is_documented_with_its_interval(page: str) -> None:
    told = text(page)
    for name in TASKS:
        found = re.search(rf"^\| `{re.escape(name)}` \| (\d+) (s|min) \|", told, re.MULTILINE)
        assert found is not None, name
        assert int(found[1]) * {"s": 1, "min": 60}[found[2]] == INTERVALS[name], name


@pytest.mark.parametrize(
    ("title", "title_zh", "statuses"),
    [
        ("Campaign:", "活动：", CAMPAIGN_STATUSES),
        ("Packet:", "红包：", PACKET_STATUSES),
        ("Order:", "订单：", ORDER_STATUSES),
        ("Draw:", "抽取：", DRAW_STATUSES),
        ("Instant draw:", "即开抽奖：", OUTCOMES),
        ("Award:", "奖励：", AWARD_STATUSES),
        ("Payout:", "付款：", PAYOUT_STATUSES),
        ("Why an approved payout waits:", "已批准的付款为什么在等：", HOLDS),
        ("List to pay:", "付款名单：", LIST_STATUSES),
        ("Voucher:", "凭证：", VOUCHER_STATUSES),
        ("Photo of a voucher:", "凭证的照片：", PHOTO_STATUSES),
        ("Binding:", "绑定：", BINDING_STATUSES),
        ("Text message:", "短信：", SMS_STATUSES),
        ("Code:", "验证码：", CODE_STATUSES),
        ("Notice:", "通知：", NOTICE_STATUSES),
    ],
)
def test_every_status_is_explained(title: str, title_zh: str, statuses: dict[str, str]) -> None:
    for page, heading in zip(OPERATIONS, (title, title_zh), strict=True):
        table = text(page).split(f"\n{heading}\n\n")[1].split("\n\n")[0]
        assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(statuses)


@pytest.mark.parametrize(
    ("page", "title"), [(OPERATIONS[0], "When sending is stopped"), (OPERATIONS[1], "停止发送的时候")]
)
def test_every_reason_that_stops_lane_says_what_to_do(page: str, title: str) -> None:
    section = text(page).split(f"## {title}")[1].split("\n## ")[0]
    apis = ("pay", "redpack", "transfer")
    reasons = {row.code for row in all_rows() if row.api in apis and row.stops_lane} | {OPERATOR_STOP}
    assert {reason for reason in reasons if f"`{reason}`" not in section} == set()


def test_the_order_of_imports_in_the_design_is_the_contract() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    real = {path.stem for path in (ROOT / "wxbot").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    told = text("docs/design.md").split("given its place there first.\n\n```\n")[1].split("\n```")[0]
    wanted = [sorted(set(re.findall(r"\w+", layer)) & real - {"__main__"}) for layer in layers]
    assert [sorted(line.split(" | ")) for line in told.splitlines()] == [names for names in wanted if names]


def test_the_number_of_checks_is_told_rightly() -> None:
    for page in ("docs/operations.md", "CHANGELOG.md"):
        assert f"{len(CHECKS)} checks" in text(page), page
    assert f"{len(CHECKS)} 项检查" in text("docs/zh/operations.md")


def script(name: str) -> ModuleType:
    """A module of scripts/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_error_catalogue_is_what_the_rows_say() -> None:
    assert text("docs/error-catalogue.md") == script("error_catalogue").page(), "run: python scripts/error_catalogue.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_exist(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f"{page.name} → {target}"
        assert not anchor or anchor in anchors(goal), f"{page.name} → {target}: no such heading"


@cache
def tree() -> dict[str, Path]:
    """Path below the root, and below each package of wxbot, → where it is; a module is known without its `.py`, too."""
    found: dict[str, Path] = {}
    for folder in ("wxbot", "tests", "scripts", "deploy", "templates"):
        for path in (ROOT / folder, *(ROOT / folder).rglob("*")):
            if "__pycache__" in path.parts or "vendor" in path.parts:
                continue
            parts = path.relative_to(ROOT).parts
            for start in range(len(parts)):
                name = "/".join(parts[start:])
                found.setdefault(name, path)
                found.setdefault(name.removesuffix(".py"), path)
    return found


def is_there(word: str) -> bool:
    """Whether what a page calls by this name exists: a path, `orders/decide.py`, `orders/plan.plan_orders`, `pool.py`."""
    if "*" in word or "<" in word:
        return any(ROOT.glob(word)) or "<" in word
    path = word.rstrip("/")
    if path in tree() or (ROOT / path).exists():
        return True
    module, _, name = path.rpartition(".")
    where = tree().get(module)
    return (
        where is not None
        and where.is_file()
        and re.search(rf"\b{name}\b", where.read_text(encoding="utf-8")) is not None
    )


def names_of_the_tree(page: Path) -> set[str]:
    """Every path and module of ours that a page names."""
    content = page.read_text(encoding="utf-8")
    words = {word for span in re.findall(r"`([^`\n]+)`", content) for word in span.split()}
    packages = "|".join(sorted(path.parent.name for path in (ROOT / "wxbot").glob("*/__init__.py")))
    shape = rf"(?:wxbot|tests|scripts|deploy|templates|{packages})/(?:[\w*<][\w/.*<>-]*)?|\w+\.py"
    layouts = re.findall(r"^```\nwxbot/\n(.*?)^```", content, re.MULTILINE | re.DOTALL)
    return {word for word in words if re.fullmatch(shape, word)} | {
        word for layout in layouts for word in re.findall(r"(?:^|(?<= ))[\w/]+(?:\.py|/)(?= )", layout, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_and_module_that_a_page_names_exists(page: Path) -> None:
    assert sorted(word for word in names_of_the_tree(page) if not is_there(word)) == []


def test_the_layout_in_the_readmes_has_every_package() -> None:
    packages = {f"{path.parent.name}/" for path in (ROOT / "wxbot").glob("*/__init__.py")}
    for page in ("README.md", "README.zh-CN.md"):
        assert packages | {"app.py", "templates/", "wxbot/static/"} <= names_of_the_tree(ROOT / page)
    assert not is_there("callback.py") and not is_there("orders/decide.gone")


def test_every_step_that_the_design_draws_is_a_module() -> None:
    """In its pictures a step stands as `orders.send`: the package and the module."""
    packages = "|".join(path.parent.name for path in (ROOT / "wxbot").glob("*/__init__.py"))
    drawn = re.findall(r"^```\n(.*?)^```", text("docs/design.md"), re.MULTILINE | re.DOTALL)
    steps = re.findall(rf"(?<![\w/.])({packages})\.(\w+)", "\n".join(drawn))
    assert len(steps) > 15
    assert [f"{package}.{module}" for package, module in steps if f"{package}/{module}.py" not in tree()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    written = " ".join(
        [*(path.read_text(encoding="utf-8") for path in files), *(f"def {path.stem} " for path in files)]
    )
    named = re.findall(r"`(test_\w+)(…?)`", page.read_text(encoding="utf-8"))
    missing = [name for name, rest in named if not re.search(rf"def {name}{'' if rest else chr(92) + 'b'}", written)]
    assert missing == []


def test_every_make_target_is_in_both_readmes() -> None:
    targets = re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.MULTILINE)
    for page in ("README.md", "README.zh-CN.md"):
        assert [name for name in targets if name != "help" and f"`make {name}`" not in text(page)] == [], page


def test_pictures_are_small_and_used() -> None:
    told = "".join(text(page) for page in ("README.md", "README.zh-CN.md"))
    pictures = sorted((ROOT / "docs" / "images").glob("*.png"))
    assert len(pictures) >= 6
    for picture in pictures:
        assert picture.stat().st_size <= 150_000, picture.name
        assert f"docs/images/{picture.name}" in told, picture.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_registry_or_a_path_of_one_machine(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    assert re.findall(r"pypi\.org|npmjs|files\.pythonhosted|registry\.|/(?:root|work|tmp)/|/home/\w", content) == []


def skeleton(page: str) -> list[str]:
    """What a page has in every language: its headings' levels, the first cells of its tables, its blocks of code, in their order."""
    found: list[str] = []
    is_code = False
    for line in text(page).splitlines():
        line = line.strip()
        if line.startswith("```"):
            is_code = not is_code
        elif is_code:
            found.append(line.partition(" #")[0].strip())
        elif line.startswith("#"):
            found.append("heading " + line.split()[0])
        elif line.startswith("| `"):
            found.append("row " + " ".join(re.findall(r"`([^`]+)`", line.split(" | ")[0])))
    return [line for line in found if line and not line.startswith("# ")]


@pytest.mark.parametrize("page", TRANSLATED)
def test_the_chinese_page_has_everything_the_english_one_has(page: str) -> None:
    assert skeleton(TRANSLATED[page]) == skeleton(page)


@pytest.mark.parametrize("page", TRANSLATED)
def test_the_chinese_page_names_the_same_settings_commands_and_files(page: str) -> None:
    def named(content: str) -> set[str]:
        spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", content, flags=re.DOTALL))
        return {
            span for span in spans if re.match(r"WXBOT_|wxbot |/|[\w.-]+\.(pem|conf|lock|service|py|md|env)\b", span)
        }

    assert named(text(TRANSLATED[page])) == named(text(page))
