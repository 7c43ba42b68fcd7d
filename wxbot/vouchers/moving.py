"""Photos from a store that is no longer chosen into the one that is (wxbot photos move); killed anywhere, it goes on.

A photo is written to the new store, read back, and only then deleted from the old one. Between the two it is in both, and
`storage.Chosen` finds it in either.
"""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import select

from wxbot.runtime import Runtime
from wxbot.vouchers.models import Photo
from wxbot.vouchers.storage import Missing, Storage, StorageProblem, thumb_of

FATES = {
    "moved": "written to the chosen store, read back, deleted from the old one",
    "erased": "its photo was erased or failed: deleted",
    "left": "its photo is still on its way, or no photo of this database: left where it is",
}
"""What may become of one file."""


def move_all(runtime: Runtime, source: Storage, target: Storage) -> Iterator[Counter[str]]:
    """Move every file of `source`; yields the counts by fate after each. Raises StorageProblem; then call it again."""
    counts: Counter[str] = Counter(dict.fromkeys(FATES, 0))
    for key in source.list_keys():
        counts[_move(runtime, source, target, key)] += 1
        yield counts


def _move(runtime: Runtime, source: Storage, target: Storage, key: str) -> str:
    status = _status(runtime, key)
    if status == "failed":
        source.delete(key)
        return "erased"
    if status != "kept":
        return "left"
    try:
        content = source.get(key)
    except Missing:
        return "erased"  # a moment ago
    target.put(key, content)
    if target.get(key) != content:
        raise StorageProblem("the chosen store gives back something else than was written")
    if _status(runtime, key) != "kept":  # erased while it was copied (erasure.erase_photo)
        target.delete(key)
    source.delete(key)
    return "moved"


def _status(runtime: Runtime, key: str) -> str | None:
    """The status of the photo to which a file belongs."""
    storage_key = key.removesuffix(thumb_of(""))
    with runtime.database.reading() as session:
        return session.scalar(select(Photo.status).where(Photo.storage_key == storage_key))
