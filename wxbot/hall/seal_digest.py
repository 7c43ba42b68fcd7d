"""What is sealed of a record, and the program that reads a stranger's file for it in the confined child: answers with JSON, {} for what is no record. Pure."""

import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from wxbot.hall import log


def digest_of(record: Mapping[str, Any]) -> str:
    """The SHA-256 (hex) of a record's canonical JSON without its seal. Raises ValueError for what has no such JSON."""
    plain = {name: value for name, value in record.items() if name != "seal"}
    try:
        return hashlib.sha256(log.canonical(plain).encode()).hexdigest()
    except RecursionError as error:
        raise ValueError("nested too deeply for a record") from error


def found_in(record: Any) -> dict[str, str]:
    """{"hall_id", "seal", "digest"} of what may be a record; no digest where it cannot be one of ours, nothing at all without a seal."""
    if not isinstance(record, dict) or not isinstance(record.get("seal"), str):
        return {}
    found = {"hall_id": str(record.get("hall_id"))[:64], "seal": record["seal"]}
    try:
        return found | {"digest": digest_of(record)}
    except ValueError:  # a record of ours is all whole numbers, texts, lists and objects
        return found


def main() -> None:
    """Answer with what was found in the standard input."""
    try:
        record = json.load(sys.stdin.buffer)
    except (ValueError, RecursionError):
        record = None
    sys.stdout.write(json.dumps(found_in(record)))
