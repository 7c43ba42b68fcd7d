"""Libraries that only one choice of a setting needs: how to install them.

The name wxbot belongs to somebody else on PyPI, so nobody may be told `pip install` with that name and an extra: they are
installed from the locks that come with the wheel (deploy/README.md).
"""

import sys
from pathlib import Path


def install_line(extra: str) -> str:
    """The command that brings one extra into this environment, to be typed where the locks lie."""
    return f"{Path(sys.prefix) / 'bin' / 'pip'} install --require-hashes -r run.lock -r {extra}.lock"
