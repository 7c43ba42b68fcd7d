"""Write requirements/*.lock (and package-lock.json): exact versions and hashes for Python 3.11 to 3.13, and no registry's address.

Run by `make lock`. Versions already locked stay as they are; `make lock UPGRADE=1` takes the newest ones allowed by
pyproject.toml. One resolution covers everything, and the smaller files are cut from it, so a version never differs
between what is tested and what is shipped.
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
REQUIREMENTS = ROOT / "requirements"
LOCKS: dict[str, tuple[str, ...]] = {
    "run": ("postgres",),
    "tencent": ("postgres", "tencent"),
    "aliyun": ("postgres", "aliyun"),
    "s3": ("postgres", "s3"),
    "drand": ("postgres", "drand"),
    "demo": ("demo",),
    "dev": ("dev",),
    "node": ("node",),
}
HEADERS = {
    "run": "what a server needs, PostgreSQL's driver with it",
    "tencent": "text messages by Tencent Cloud, beside run.lock",
    "aliyun": "text messages by Aliyun, beside run.lock",
    "s3": "voucher photos in an S3-compatible store, beside run.lock",
    "drand": "the signatures of drand, beside run.lock",
    "demo": "what `make demo` needs",
    "dev": "what `make test` and `make check` need",
    "node": "a Node.js for machines without one",
}
BESIDE_RUN = ("tencent", "aliyun", "s3", "drand")
"""Locks that hold only what run.lock does not: both are named in one call of pip."""


def compile_lock(out: Path, extras: tuple[str, ...], constraint: Path | None, upgrade: bool) -> None:
    """Resolve pyproject.toml with `extras` into `out`; exits with uv's own message when that is impossible."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += [
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--no-annotate",
        "--no-header",
        "--output-file",
        str(out),
    ]
    for extra in extras:
        command += ["--extra", extra]
    if constraint is not None:
        command += ["--constraint", str(constraint)]
    if upgrade:
        command.append("--upgrade")
    subprocess.run([*command, str(ROOT / "pyproject.toml")], check=True, cwd=ROOT)


def entries(lock: str) -> dict[str, str]:
    """The packages of a lock: name → its lines, hashes included."""
    found = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)
    return {re.split(r"==", entry)[0]: entry for entry in found if "==" in entry}


def main() -> None:
    """Resolve once, then cut the files from that one answer."""
    upgrade = os.environ.get("UPGRADE") == "1"
    REQUIREMENTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        everything = Path(scratch) / "everything.lock"
        dev = REQUIREMENTS / "dev.lock"
        if dev.exists():
            known = dev.read_text() + (REQUIREMENTS / "node.lock").read_text()
            everything.write_text(known)
        compile_lock(everything, ("dev", "node"), None, upgrade)
        for name, extras in LOCKS.items():
            lock = REQUIREMENTS / f"{name}.lock"
            fresh = Path(scratch) / f"{name}.lock"
            compile_lock(fresh, extras, everything, upgrade=False)
            body = fresh.read_text()
            if name in BESIDE_RUN:
                in_run = entries((REQUIREMENTS / "run.lock").read_text())
                body = "".join(lines for package, lines in entries(body).items() if package not in in_run)
            if "://" in body:
                sys.exit(f"{lock} would hold an address; locks hold versions and hashes only. Nothing was written.")
            title = f"# {HEADERS[name]}: written by `make lock`, installed with pip --require-hashes\n"
            lock.write_text(title + body)
            print(f"{lock.relative_to(ROOT)}: {body.count('==')} packages")
    npm = shutil.which("npm")
    if npm is None:
        print("package-lock.json was left as it is: npm is not on PATH.")
        return
    # .npmrc keeps the registry's address out of the file.
    subprocess.run([npm, "install", "--package-lock-only", "--ignore-scripts"], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
