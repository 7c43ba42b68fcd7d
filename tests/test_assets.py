"""The front-end files: everything a page names is there, nothing loads from another host, and a phone loads little."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "wxbot" / "static"
PHONE_BYTES = 100 * 1024
COMPRESSED_BYTES = 80 * 1024
# Tencent's own scripts are the only ones that a page may load from elsewhere, through res_base and zb_base.
ELSEWHERE = re.compile(r"""(?:src|href)\s*=\s*["'](?:https?:)?//[^"']+["']|@import|url\(\s*["']?(?:https?:)?//""")


def pages(*folders: str) -> list[Path]:
    """All templates of these folders."""
    return [path for folder in folders for path in sorted((ROOT / "templates" / folder).rglob("*.html"))]


def named_files(path: Path) -> set[str]:
    """The files under static/ that a template names."""
    text = path.read_text(encoding="utf-8")
    return set(re.findall(r"filename\s*=\s*['\"]([^'\"]+)['\"]", text))


def test_every_static_file_that_a_page_names_exists() -> None:
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in pages(".")
        for name in named_files(path)
        if not (STATIC / name).is_file()
    }
    assert not missing, f"{sorted(missing)}: run `make assets`, or add the file to COPIED in scripts/assets.py"


def test_every_icon_that_a_page_names_is_in_the_sheet() -> None:
    sheet = (STATIC / "vendor" / "icons.svg").read_text(encoding="utf-8")
    named = {
        name for path in pages(".") for name in re.findall(r"(?<![\w-])ti-[a-z0-9-]+", path.read_text(encoding="utf-8"))
    }
    missing = {name for name in named if f'id="{name}"' not in sheet}
    assert not missing, f"{sorted(missing)}: not a Tabler icon, or `make assets` has not run since"


@pytest.mark.parametrize("folder", ["h5", "errors", "console", "hall"])
def test_no_page_loads_anything_from_another_host(folder: str) -> None:
    style_sheets = sorted((STATIC / folder).glob("*.css"))
    found = {
        f"{path.relative_to(ROOT)}: {match}"
        for path in [*pages(folder), *style_sheets, *sorted((STATIC / "vendor").glob("*.css"))]
        for match in ELSEWHERE.findall(path.read_text(encoding="utf-8"))
        if "<a " not in match
    }
    assert not found, f"wxbot serves all its own files: {sorted(found)}"


def loaded_by(page: Path) -> set[str]:
    """The files that a phone loads for one page: its own, and those of what it extends and includes."""
    text = page.read_text(encoding="utf-8")
    others = re.findall(r"""\{%-?\s*(?:extends|include)\s+["']([^"']+)["']""", text)
    return named_files(page).union(*(loaded_by(ROOT / "templates" / other) for other in others))


@pytest.mark.parametrize("page", pages("h5"), ids=lambda page: page.name)
def test_a_phone_loads_less_than_100_kb_of_our_files_and_80_compressed(page: Path) -> None:
    files = {name: (STATIC / name).read_bytes() for name in loaded_by(page)}
    sizes = {name: len(body) for name, body in files.items()}
    assert sum(sizes.values()) < PHONE_BYTES, f"too heavy for a phone on a mobile network, uncompressed: {sizes}"
    assert sum(len(gzip.compress(body)) for body in files.values()) < COMPRESSED_BYTES


def test_the_cut_style_sheet_keeps_what_the_pages_use() -> None:
    style = (STATIC / "vendor" / "weui.min.css").read_text(encoding="utf-8")
    whole = ROOT / "node_modules" / "weui" / "dist" / "style" / "weui.min.css"
    if not whole.is_file():
        pytest.skip("node_modules is not here to compare with")
    known = set(re.findall(r"\.(weui-[\w-]+)", whole.read_text(encoding="utf-8")))
    used = {
        name for path in pages("h5", "errors") for name in re.findall(r"weui-[\w-]+", path.read_text(encoding="utf-8"))
    }
    lost = {name for name in used & known if f".{name}" not in style}
    assert not lost, f"{sorted(lost)} were cut although a page uses them: run `make assets`"
    assert len(style) < 0.5 * whole.stat().st_size, "nothing was cut: did the pages' folder move?"


def test_vendor_files_are_not_committed() -> None:
    seen = subprocess.run(
        ["git", "ls-files", "wxbot/static/vendor", "node_modules"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert seen.stdout == "", "front-end packages come from npm at set-up time; take them out: git rm -r --cached …"
