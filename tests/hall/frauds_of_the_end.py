"""Frauds with the end of an evening: what is said of it, and what comes behind it."""

from __future__ import annotations

from typing import Any

from tests.hall.forged import Record, lines


def prolonged_by_one(record: Record) -> None:
    """One person alone prolonged the evening."""
    lines(record, "prolonged")[0]["body"]["names"] = ["王丽"]


def ended_earlier(record: Record) -> None:
    """The evening is said to be prolonged to a moment before its end, which has not come yet."""
    said = lines(record, "prolonged")[0]["body"]
    said["until"] = said["from"] - 1


def prolonged_from_elsewhere(record: Record) -> None:
    """The evening is prolonged from another end than that of the line before."""
    lines(record, "prolonged")[1]["body"]["from"] -= 600


def prolonged_late(record: Record) -> None:
    """The evening is prolonged when it was over already."""
    late(record, lines(record, "prolonged")[0], lines(record, "prolonged")[0]["body"]["from"])


def late(record: Record, line: dict[str, Any], end: int) -> None:
    """This line and those behind it are of moments when that end has come."""
    at = record["log"].index(line)
    by = end + 1 - line["at"]
    for each in record["log"][at:]:
        each["at"] += by


def unprolonged(record: Record) -> int:
    """Nobody puts the evening's end later or adds anything to it; its end."""
    record["log"] = [line for line in record["log"] if line["kind"] not in ("prolonged", "prize_added")]
    until: int = lines(record, "scheduled")[0]["body"]["until"]
    record["end"] = until
    return until


def armed_late(record: Record) -> None:
    """A selection is fixed behind the end of an evening that was never prolonged."""
    end = unprolonged(record)
    late(record, lines(record, "armed")[-1], end)


def armed_behind_the_last_end(record: Record) -> None:
    """The last selection is fixed behind the end to which the evening was prolonged last."""
    first = record["log"].index(lines(record, "armed")[-1])
    changes = [line for line in record["log"] if line["kind"] in ("prolonged", "prize_added")]
    selected = [line for line in record["log"][first:-1] if line not in changes]
    for each, at in zip([*changes, *selected], [line["at"] for line in record["log"][first:-1]], strict=True):
        each["at"] = at
    record["log"][first:-1] = [*changes, *selected]
    late(record, selected[0], record["end"])


def begun_late(record: Record) -> None:
    """A race is begun behind the end."""
    end = unprolonged(record)
    ended = record["log"].index(lines(record, "game_ended")[-1])
    del record["log"][ended + 1 :]
    late(record, lines(record, "game_begun")[-1], end)


def rain_begun_late(record: Record) -> None:
    """A rain of the evening itself is begun behind the end."""
    end = unprolonged(record)
    begun = lines(record, "rain_begun")[0]
    del record["log"][record["log"].index(begun) + 2 :]
    late(record, begun, end)


def game_added_late(record: Record) -> None:
    """A game is added behind the end."""
    end = unprolonged(record)
    added = lines(record, "game_added")[-1]
    del record["log"][record["log"].index(added) + 1 :]
    late(record, added, end)


def added_late(record: Record) -> None:
    """A prize is added behind the end to which the evening was prolonged last."""
    added = lines(record, "prize_added")[0]
    record["log"].remove(added)
    record["log"].insert(-1, added)
    late(record, added, record["end"])


def signed_in_late(record: Record) -> None:
    """Somebody signs in behind the end."""
    end = unprolonged(record)
    last = record["log"].index(lines(record, "signed_in")[-1])
    del record["log"][last + 1 :]
    record["rosters"].pop()
    late(record, lines(record, "signed_in")[-1], end)


def other_end(record: Record) -> None:
    """The rules say another end than the log."""
    record["end"] += 3600


def end_said_again(record: Record) -> None:
    """The end is said once more when people have signed in, later than before, and by nobody."""
    said, at = lines(record, "scheduled")[0], record["log"].index(lines(record, "frozen")[0])
    again = {**said, "at": record["log"][at]["at"], "body": {"until": said["body"]["until"] + 60}}
    record["log"].insert(at, again)


def prolonged_into_the_past(record: Record) -> None:
    """After a restore the evening is prolonged to a moment that has passed, so that what was done by then may seem to be in time."""
    said = lines(record, "prolonged")[0]
    said["body"]["until"] = said["at"]


def prolonged_late_again(record: Record) -> None:
    """The end that a restored evening was given again has come, and it is prolonged once more."""
    end = lines(record, "prolonged")[0]["body"]["until"]
    last = record["log"][-1]
    again = {"from": end, "until": end + 3600, "names": ["王丽", "陈强"]}
    record["log"].insert(-1, {**last, "kind": "prolonged", "body": again})
    late(record, record["log"][-2], end)
