"""Copy of pgBackRest's repository on an SFTP server.

The files are encrypted and hardly ever change, so size and time of each sent file are recorded.
OpenSSH's sftp uploads under a temporary name and renames.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from madang.ops.backup import subprocesses
from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError
from madang.ops.backup.restic import explain_failure
from madang.ops.backup.subprocesses import ProgramFailed

SENT_RECORD: Final = "sent.json"
ARCHIVE: Final = "archive"
BATCH_BYTES: Final = 256 << 20
"""Size of one upload. Between two batches of a large backup, new WAL files get their turn."""
BATCH_FILES: Final = 500
PARTIAL: Final = ".part"
TEMPORARY: Final = ".pgbackrest.tmp"
"""Suffix of a file that pgBackRest is writing."""
INFO: Final = (".info", ".info.copy")
"""Suffixes of indexes, sent last so that they name only files that are there."""

FileStats = Mapping[str, Sequence[int]]
"""Size in bytes and modification time in nanoseconds, by path in the repository."""


class SftpMirror:
    """The copy at `destination` of the repository `source`; `folder` holds the record of sent
    files."""

    def __init__(self, destination: Destination, source: Path, folder: Path) -> None:
        self._destination = destination
        self._source = source
        self._folder = folder
        self._target = PurePosixPath(destination.path) / RepositoryPart.POSTGRESQL

    def upload_archive(self) -> int:
        """Send new WAL files and return their number. Raises BackupError.

        Makes no connection where there are none.
        """
        sent = 0
        while True:
            with self._record() as record:
                known = {name for name in record if not name.endswith(INFO)}
                new = [
                    name
                    for name in self._walk(self._source / ARCHIVE)
                    if name not in known and not name.endswith(INFO)
                ][:BATCH_FILES]
                if not new:
                    return sent
                self._upload_batch(new, record)
                sent += len(new)

    def upload(self) -> None:
        """Make the copy equal to the repository. Raises BackupError.

        Call only while pgBackRest neither takes a backup nor expires one.
        """
        names = list(self._walk(self._source))
        for info in (False, True):
            pending = [name for name in names if name.endswith(INFO) is info]
            while pending:
                with self._record() as record:
                    changed = [n for n in pending if record.get(n) != self._stat(n)]
                    batch = list(self._batch(changed))
                    if batch:
                        self._upload_batch(batch, record)
                    pending = changed[len(batch) :]
        with self._record() as record:
            gone = [name for name in record if not (self._source / name).exists()]
            if gone:
                self._sftp(f"-rm {self._quoted(name)}" for name in gone)
                for name in gone:
                    del record[name]

    def download(self, into: Path) -> None:
        """Download the copy as the folder `into`, which must not exist. Raises BackupError."""
        into.parent.mkdir(parents=True, exist_ok=True)
        # The copy is complete: indexes are sent last.
        self._sftp([f"get -R {_quote(str(self._target))} {_quote(str(into))}"])

    def _walk(self, folder: Path) -> Iterator[str]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(TEMPORARY):
                yield str(path.relative_to(self._source))

    def _stat(self, name: str) -> list[int] | None:
        try:
            status = (self._source / name).stat()
        except FileNotFoundError:
            return None  # expired meanwhile
        return [status.st_size, status.st_mtime_ns]

    def _batch(self, names: Iterable[str]) -> Iterator[str]:
        total = 0
        for number, name in enumerate(names):
            if number == BATCH_FILES or total > BATCH_BYTES:
                return
            total += (self._stat(name) or [0])[0]
            yield name

    def _upload_batch(self, names: Sequence[str], record: dict[str, Sequence[int]]) -> None:
        stats = {name: stat for name in names if (stat := self._stat(name)) is not None}
        folders = {parent for name in names for parent in (self._target / name).parents}
        commands = [f"-mkdir {_quote(str(folder))}" for folder in sorted(folders, key=_depth)]
        for name in stats:
            local, target = _quote(str(self._source / name)), self._quoted(name)
            draft = self._quoted(name + PARTIAL)
            commands += [f"put {local} {draft}", f"rename {draft} {target}"]
        self._sftp(commands)
        record.update(stats)

    def _quoted(self, name: str) -> str:
        return _quote(str(self._target / name))

    def _sftp(self, commands: Iterable[str]) -> None:
        try:
            subprocesses.run(self._destination.sftp_command(), stdin="\n".join(commands) + "\n")
        except ProgramFailed as error:
            raise explain_failure(error, self._destination) from None

    @contextmanager
    def _record(self) -> Iterator[dict[str, Sequence[int]]]:
        """Hold the record of sent files exclusively, and save it at the end."""
        path = self._folder / SENT_RECORD
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            record: dict[str, Sequence[int]] = {}
            try:
                found = json.loads(path.read_text())
                if found["place"] == self._destination.address:
                    record = found["files"]
            except (OSError, ValueError, KeyError, TypeError):
                pass  # no valid record for this destination: send everything again
            before = dict(record)
            try:
                yield record
            finally:
                if record != before:
                    draft = path.with_suffix(f".{os.getpid()}")
                    draft.write_text(
                        json.dumps({"place": self._destination.address, "files": record})
                    )
                    draft.replace(path)


def _depth(folder: PurePosixPath) -> int:
    return len(folder.parts)


def _quote(path: str) -> str:
    """Quote a path for sftp, which interprets backslashes, quotes and wildcards. Raises
    BackupError."""
    if any(character in path for character in '"\\*?[\n'):
        raise BackupError(f"The path {path!r} cannot be sent by SFTP.", mend="Choose another.")
    return f'"{path}"'
