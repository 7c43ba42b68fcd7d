"""The published example of a selection (docs/verifying.md), worked out by separately written programs."""

from __future__ import annotations

from wxbot.hall import selection
from wxbot.hall.selection import FrozenLine

HALL = "demo-hall"
LAST_SEED = bytes(range(32))
CHAIN = selection.make_chain(HALL, LAST_SEED, 4)
SALTS = {no: bytes([no]) * 16 for no in range(1, 13)}
OPENIDS = {no: f"oTESTuser{no:016d}" for no in range(1, 13)}
LINES = [
    FrozenLine(no, 1, "A" if no % 2 else "B", selection.person_id(SALTS[no], HALL, OPENIDS[no])) for no in range(1, 13)
]
ROSTER = selection.roster_bytes(HALL, 1, LINES)
ROSTER_HASH = "9d198acdb7e41429a6056fca0256dd80312a6133cf2236bac08a3ddd94d252cc"
HALL_TEXT = "73 08 415"
ROUND = 657413
RANDOMNESS = "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587"
SIGNATURE = (
    "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b"  # of that round
)
