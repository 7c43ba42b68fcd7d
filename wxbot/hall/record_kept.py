"""The public record as it is downloaded: made once for everybody who asks, however often, and again when the evening has gone on.

Anybody may ask, without a sign-in, and making it reads the whole log; so one thread at a time makes it, at most once in APART_S.
"""

import json
import threading
import time
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from wxbot.hall import journal, record
from wxbot.runtime import Runtime

APART_S = 1.0
"""While people sign in, each second has another log."""

KEPT_S = 30.0
"""How long it is kept where the log has not gone on: what becomes of awards and names (paid, hidden, erased) is in no line of it."""


@dataclass
class _KeptRecord:
    """The record of one hall as it was made last."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    last_hash: str = ""
    made_s: float = field(default_factory=time.monotonic)
    body: bytes = b""


_kept: WeakKeyDictionary[Runtime, dict[int, _KeptRecord]] = WeakKeyDictionary()
_guard = threading.Lock()


def body_of(runtime: Runtime, campaign_id: int) -> bytes:
    """The record of a hall as JSON; one that is less than a second behind, and in what no line of the log tells of half a minute."""
    kept = _of(runtime, campaign_id)
    with kept.guard:
        age_s = time.monotonic() - kept.made_s
        if kept.body and age_s < APART_S:
            return kept.body
        with runtime.database.reading() as session:
            last = journal.last(session, campaign_id)
            last_hash = last.hash if last is not None else ""
            if kept.body and age_s < KEPT_S and last_hash == kept.last_hash:
                return kept.body
            made = record.record_of(session, runtime.vault, campaign_id)
        kept.body = json.dumps(made, ensure_ascii=False, indent=1).encode()
        kept.last_hash, kept.made_s = last_hash, time.monotonic()
        return kept.body


def _of(runtime: Runtime, campaign_id: int) -> _KeptRecord:
    """The place of a hall; what nobody has asked for lately is forgotten."""
    with _guard:
        halls = _kept.setdefault(runtime, {})
        old_s = time.monotonic() - KEPT_S
        for other in [key for key, each in halls.items() if key != campaign_id and each.made_s < old_s]:
            del halls[other]
        return halls.setdefault(campaign_id, _KeptRecord())
