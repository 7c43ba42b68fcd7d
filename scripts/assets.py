"""Put the front-end files that the pages use into wxbot/static/vendor, from node_modules.

Run by `make assets` (and by everything that needs pages). A file comes along when a page names it. Three are made:

- weui.min.css keeps only the rules that the phone's pages use, because a phone on a mobile network loads it;
- icons.svg holds only the Tabler icons named in the pages (any word like `ti-gift`), one symbol each:
  `<svg class="icon"><use href="…/vendor/icons.svg#ti-gift"/></svg>`;
- LICENSES.txt carries the licence of each package along.

A class or icon whose name is put together at run time is invisible to the cut: write it out in a Jinja comment, as in
`{# css: weui-icon-success weui-icon-warn #}`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "wxbot" / "static" / "vendor"

# Copied when a page names them as vendor/NAME.
COPIED = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "chart.umd.min.js": "chart.js/dist/chart.umd.min.js",
    "confetti.browser.js": "canvas-confetti/dist/confetti.browser.js",
    "danmaku.dom.min.js": "danmaku/dist/danmaku.dom.min.js",
}
LICENCES = ("htmx.org", "@tabler/core", "@tabler/icons", "chart.js", "weui", "canvas-confetti", "danmaku")
# Whatever may name a class that the phone's pages show. WeUI's classes occur nowhere else, so casting wide costs little.
PHONE_PAGES = ("templates/h5/**/*", "templates/errors/**/*", "wxbot/static/h5/**/*.js")
ALL_PAGES = ("templates/**/*.html", "wxbot/static/console/**/*.js", "wxbot/static/h5/**/*.js", "wxbot/**/*.py")
ICON_NAME = re.compile(r"(?<![\w-])ti-([a-z0-9]+(?:-[a-z0-9]+)*)")
# WeUI puts these on <body> or makes them in scripts, so no template shows them.
KEPT_CLASSES = ("weui-transition", "weui-animate-fade-in", "weui-animate-fade-out", "weui_fontSize")
REMOTE = re.compile(r"(?:@import\s+(?:url\()?|url\()\s*['\"]?(?:https?:)?//", re.IGNORECASE)
SOURCE_MAP = re.compile(r"(?m)^\s*(?://[#@]\s*sourceMappingURL=.*|/\*[#@]\s*sourceMappingURL=.*?\*/)\s*$")


class AssetsProblem(Exception):
    """The front-end files cannot be made; the text says what to do."""


def pages(patterns: tuple[str, ...]) -> list[Path]:
    """Return the existing text files that match any of `patterns`, sorted."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(path for path in found if path.suffix in {".html", ".js", ".py", ".txt", ".svg", ".jinja"})


def read_package_file(relative: str) -> str:
    """Return the text of a file inside node_modules."""
    path = MODULES / relative
    if not path.is_file():
        raise AssetsProblem(
            f"node_modules/{relative} is missing. Remove node_modules and run `make assets` again; if a new version "
            "of the package moved the file, correct its place in scripts/assets.py."
        )
    return path.read_text(encoding="utf-8")


def clean(name: str, text: str) -> str:
    """Drop the pointer to a source map (which is not shipped) and refuse anything that would load from elsewhere."""
    text = SOURCE_MAP.sub("", text)
    if name.endswith(".css") and REMOTE.search(text):
        raise AssetsProblem(
            f"{name} loads something from another host; wxbot serves all its own files. Use another version."
        )
    return text


def cut_weui(node: str) -> str:
    """Return WeUI's style sheet with only the rules that the phone's pages use; whole while there are no such pages."""
    whole = read_package_file("weui/dist/style/weui.min.css")
    seen = pages(PHONE_PAGES)
    if not seen:
        return whole
    with tempfile.TemporaryDirectory() as scratch:
        command = [node, str(MODULES / "purgecss" / "bin" / "purgecss.js")]
        command += ["--css", "node_modules/weui/dist/style/weui.min.css"]
        command += ["--content", *(path.relative_to(ROOT).as_posix() for path in seen)]
        command += ["--safelist", *KEPT_CLASSES, "--output", scratch]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        made = Path(scratch) / "weui.min.css"
        if run.returncode != 0 or not made.is_file():
            raise AssetsProblem(f"WeUI could not be cut to what the pages use:\n{run.stderr or run.stdout}")
        text = made.read_text(encoding="utf-8")
    used = {name for path in seen for name in re.findall(r"weui-btn\b", path.read_text(encoding="utf-8"))}
    if used and ".weui-btn" not in text:
        raise AssetsProblem("The cut lost .weui-btn although a page uses it; look at cut_weui in scripts/assets.py.")
    return text


def icon_symbols() -> str:
    """Return an SVG sheet with one symbol per Tabler icon named in the pages; unknown names are told on stderr."""
    names = {name for path in pages(ALL_PAGES) for name in ICON_NAME.findall(path.read_text(encoding="utf-8"))}
    symbols = []
    for name in sorted(names):
        kind, stem = ("filled", name.removesuffix("-filled")) if name.endswith("-filled") else ("outline", name)
        source = MODULES / "@tabler" / "icons" / "icons" / kind / f"{stem}.svg"
        if not source.is_file():
            print(f"ti-{name} is not a Tabler icon; the page that names it shows a gap there.", file=sys.stderr)
            continue
        body = re.search(r"<svg[^>]*>(.*)</svg>", source.read_text(encoding="utf-8"), re.DOTALL)
        if body is None:
            continue
        inside = re.sub(r"\s*\n\s*", "", body.group(1)).replace(
            '<path stroke="none" d="M0 0h24v24H0z" fill="none"/>', ""
        )
        paint = (
            'fill="currentColor"'
            if kind == "filled"
            else (
                'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
            )
        )
        symbols.append(f'<symbol id="ti-{name}" viewBox="0 0 24 24" {paint}>{inside}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def licences() -> str:
    """Return the licences of the shipped packages, one after another."""
    parts = []
    for package in LICENCES:
        texts = sorted(path for path in (MODULES / package).glob("LICENSE*") if path.is_file())
        text = texts[0].read_text(encoding="utf-8") if texts else "See the package."
        parts.append(f"==== {package} ====\n\n{text.strip()}\n")
    return "\n".join(parts)


def build(node: str) -> list[tuple[str, int]]:
    """Make wxbot/static/vendor anew and return (file name, bytes) of what is in it.

    Each file is replaced in one step, so that a server running meanwhile never reads half of one.
    """
    if not MODULES.is_dir():
        raise AssetsProblem("The front-end packages are not installed. Run `make assets`.")
    texts = "".join(path.read_text(encoding="utf-8") for path in pages(ALL_PAGES))
    used = [name for name in COPIED if f"vendor/{name}" in texts]
    made = {name: clean(name, read_package_file(COPIED[name])) for name in used}
    made["weui.min.css"] = clean("weui.min.css", cut_weui(node))
    made["icons.svg"] = icon_symbols()
    made["LICENSES.txt"] = licences()
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        scratch = VENDOR / f".{name}.{os.getpid()}"
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(VENDOR / name)
    for stale in VENDOR.iterdir():
        if stale.name not in made and stale.is_file():
            stale.unlink()
    return sorted((name, len(text.encode())) for name, text in made.items())


def main() -> None:
    """Build with the Node.js given as the only argument, or the one on PATH."""
    node = sys.argv[1] if len(sys.argv) > 1 else shutil.which("node")
    if node is None:
        sys.exit("Node.js was not found. Run `make assets`, which installs one when the machine has none.")
    try:
        for name, size in build(node):
            print(f"  {name:<20} {size / 1024:8.1f} KB")
    except AssetsProblem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
