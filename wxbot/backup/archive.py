"""The file of a copy: a tar whose last member, manifest.json, names every other with its length and SHA-256."""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from wxbot.text import Refusal, Text
from wxbot.vouchers.storage import flush_folder

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "database.db"
_MEMBER = re.compile(r"database\.db|tables/[a-z_][a-z0-9_]{0,62}\.copy|photos/[0-9a-f]{32}(?:-s)?\.jpg")
_CHUNK = 1 << 20


class _Hashing:
    """A file that is hashed while tar reads it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        chunk = self._stream.read(size)
        self._digest.update(chunk)
        return chunk

    def hexdigest(self) -> str:
        """SHA-256 of what was read."""
        return self._digest.hexdigest()


class Writer:
    """A copy that is being written under a temporary name; use `writing`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by finish
        self._members: dict[str, dict[str, Any]] = {}

    def add(self, name: str, file: Path) -> None:
        """Take a file in. Raises OSError."""
        with file.open("rb") as stream:
            member = self._head(name, os.fstat(stream.fileno()).st_size)
            hashing = _Hashing(stream)
            self._tar.addfile(member, hashing)
        self._members[name] = {"bytes": member.size, "sha256": hashing.hexdigest()}

    def add_bytes(self, name: str, content: bytes) -> None:
        """Take bytes in."""
        self._tar.addfile(self._head(name, len(content)), io.BytesIO(content))
        self._members[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest and the end of the tar."""
        text = json.dumps({"format": FORMAT, **facts, "members": self._members}, ensure_ascii=False, indent=1)
        content = text.encode()
        self._tar.addfile(self._head(MANIFEST, len(content)), io.BytesIO(content))
        self._tar.close()

    @staticmethod
    def _head(name: str, size: int) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        return member


@contextmanager
def writing(target: Path) -> Iterator[Writer]:
    """Write a copy beside `target`, readable by this user alone; flushed, read again and renamed when all went well.

    Raises Refusal when the target is there already or what was read back is not what was written.
    """
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as stream:
            yield Writer(stream)
            stream.flush()
            os.fsync(stream.fileno())
        with Reader(part) as written:
            written.verify()
        if target.exists():
            raise Refusal(
                "copy", Text(f"{target} 已存在，不会覆盖。", f"{target} exists already; nothing is overwritten.")
            )
        os.rename(part, target)
        flush_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _no_copy(file: Path) -> Refusal:
    return Refusal("copy", Text(f"{file} 不是完整的 wxbot 备份。", f"{file} is no whole copy made by wxbot."))


class Reader:
    """A copy that is read; nothing of it is trusted before `verify`. Raises Refusal for whatever is no copy of ours."""

    def __init__(self, file: Path) -> None:
        try:
            self._tar = tarfile.open(file, mode="r:")  # noqa: SIM115 - closed by __exit__, or here
        except (OSError, tarfile.TarError) as error:
            raise _no_copy(file) from error
        try:
            self._look_in(file)
        except BaseException:
            self._tar.close()
            raise

    def _look_in(self, file: Path) -> None:
        """Find the members and the manifest; they must name each other."""
        try:
            listed = self._tar.getmembers()
            self._members = {member.name: member for member in listed}
            self.manifest: dict[str, Any] = json.loads(self.content(MANIFEST))
            named = self.manifest.get("members", {})
        except (OSError, tarfile.TarError, KeyError, ValueError, AttributeError) as error:
            raise _no_copy(file) from error
        if self.manifest.get("format") != FORMAT:
            raise Refusal(
                "copy",
                Text(
                    f"{file} 的格式是 {self.manifest.get('format')}，这个版本的 wxbot 读不了。",
                    f"{file} has format {self.manifest.get('format')}, which this version of wxbot cannot read.",
                ),
            )
        strange = [name for name in {*named, *self._members} - {MANIFEST} if not _MEMBER.fullmatch(name)]
        if strange or {*named, MANIFEST} != set(self._members) or len(listed) != len(self._members):
            raise Refusal("copy", Text(f"{file} 的内容与清单不符。", f"{file} does not hold what its manifest names."))

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def names(self, folder: str) -> list[str]:
        """The members of a folder."""
        return sorted(name for name in self._members if name.startswith(f"{folder}/"))

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, piece by piece."""
        member = self._members[name]
        stream = self._tar.extractfile(member) if member.isreg() else None
        if stream is None:
            raise KeyError(name)
        with stream:
            while chunk := stream.read(_CHUNK):
                yield chunk

    def content(self, name: str) -> bytes:
        """All bytes of a small member."""
        return b"".join(self.chunks(name))

    def verify(self) -> None:
        """Read everything once and compare it with the manifest. Raises Refusal."""
        for name, told in self.manifest["members"].items():
            digest, size = hashlib.sha256(), 0
            try:
                for chunk in self.chunks(name):
                    digest.update(chunk)
                    size += len(chunk)
            except (OSError, tarfile.TarError, KeyError) as error:
                raise Refusal(
                    "copy", Text(f"备份里的 {name} 读不出来。", f"{name} in the copy cannot be read.")
                ) from error
            if (size, digest.hexdigest()) != (told["bytes"], told["sha256"]):
                raise Refusal(
                    "copy",
                    Text(
                        f"备份里的 {name} 已损坏或被改动（校验和不符）。",
                        f"{name} in the copy is damaged or was changed (its checksum differs).",
                    ),
                )
