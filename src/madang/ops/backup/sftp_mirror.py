"""Copies pgBackRest's repository to an SFTP server, and back.

Its files are encrypted, and but for a few never change: what was sent once is remembered by size
and time. OpenSSH's own client carries them, under another name until they are whole.
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
from madang.ops.backup.restic import explain
from madang.ops.backup.subprocesses import ProgramFailed

RECORD: Final = "sent.json"
ARCHIVE: Final = "archive"
ROUND_BYTES: Final = 256 << 20
"""Sent at once. Between two rounds of a large backup, the changes of the last seconds get their
turn."""
ROUND_FILES: Final = 500
PARTIAL: Final = ".part"
TEMPORARY: Final = ".pgbackrest.tmp"
"""Ends the name of a file that pgBackRest still writes."""
INFO: Final = (".info", ".info.copy")
"""Files that say what there is: sent last, so that they promise nothing that is not there yet."""

Seen = Mapping[str, Sequence[int]]
"""Size in bytes and time of change in nanoseconds of a file, by its path in the repository."""


class Mirror:
    """The copy at `place` of the repository in `source`; `folder` remembers what was sent."""

    def __init__(self, place: Destination, source: Path, folder: Path) -> None:
        self._place = place
        self._source = source
        self._folder = folder
        self._target = PurePosixPath(place.path) / RepositoryPart.POSTGRESQL

    def send_archive(self) -> int:
        """Send what was archived since, and return how many files that were. Raises BackupError.

        Cheap where there is nothing: no connection is made.
        """
        sent = 0
        while True:
            with self._record() as record:
                known = {name for name in record if not name.endswith(INFO)}
                new = [
                    name
                    for name in self._walk(self._source / ARCHIVE)
                    if name not in known and not name.endswith(INFO)
                ][:ROUND_FILES]
                if not new:
                    return sent
                self._put(new, record)
                sent += len(new)

    def send(self) -> None:
        """Make the copy like the repository. Raises BackupError.

        Call only while pgBackRest takes no backup and deletes nothing.
        """
        names = list(self._walk(self._source))
        for info in (False, True):
            pending = [name for name in names if name.endswith(INFO) is info]
            while pending:
                with self._record() as record:
                    changed = [n for n in pending if record.get(n) != self._look(n)]
                    chunk = list(self._chunk(changed))
                    if chunk:
                        self._put(chunk, record)
                    pending = changed[len(chunk) :]
        with self._record() as record:
            gone = [name for name in record if not (self._source / name).exists()]
            if gone:
                self._sftp(f"-rm {self._quoted(name)}" for name in gone)
                for name in gone:
                    del record[name]

    def fetch(self, into: Path) -> None:
        """Bring the copy back as the folder `into`, which must not exist. Raises BackupError."""
        into.parent.mkdir(parents=True, exist_ok=True)
        # Everything it needs is there: what pgBackRest changed last was sent last.
        self._sftp([f"get -R {_quote(str(self._target))} {_quote(str(into))}"])

    def _walk(self, folder: Path) -> Iterator[str]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(TEMPORARY):
                yield str(path.relative_to(self._source))

    def _look(self, name: str) -> list[int] | None:
        try:
            status = (self._source / name).stat()
        except FileNotFoundError:
            return None  # expired a moment ago
        return [status.st_size, status.st_mtime_ns]

    def _chunk(self, names: Iterable[str]) -> Iterator[str]:
        total = 0
        for number, name in enumerate(names):
            if number == ROUND_FILES or total > ROUND_BYTES:
                return
            total += (self._look(name) or [0])[0]
            yield name

    def _put(self, names: Sequence[str], record: dict[str, Sequence[int]]) -> None:
        seen = {name: found for name in names if (found := self._look(name)) is not None}
        folders = {parent for name in names for parent in (self._target / name).parents}
        commands = [f"-mkdir {_quote(str(folder))}" for folder in sorted(folders, key=_depth)]
        for name in seen:
            local, target = _quote(str(self._source / name)), self._quoted(name)
            draft = self._quoted(name + PARTIAL)
            commands += [f"put {local} {draft}", f"rename {draft} {target}"]
        self._sftp(commands)
        record.update(seen)

    def _quoted(self, name: str) -> str:
        return _quote(str(self._target / name))

    def _sftp(self, commands: Iterable[str]) -> None:
        try:
            subprocesses.run(self._place.sftp_command(), stdin="\n".join(commands) + "\n")
        except ProgramFailed as error:
            raise explain(error, self._place) from None

    @contextmanager
    def _record(self) -> Iterator[dict[str, Sequence[int]]]:
        """What was sent, held by one process at a time and written down in the end."""
        path = self._folder / RECORD
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            record: dict[str, Sequence[int]] = {}
            try:
                found = json.loads(path.read_text())
                if found["place"] == self._place.shown:
                    record = found["files"]
            except (OSError, ValueError, KeyError, TypeError):
                pass  # sent to nobody yet, or who knows: everything is sent again
            before = dict(record)
            try:
                yield record
            finally:
                if record != before:
                    draft = path.with_suffix(f".{os.getpid()}")
                    draft.write_text(json.dumps({"place": self._place.shown, "files": record}))
                    draft.replace(path)


def _depth(folder: PurePosixPath) -> int:
    return len(folder.parts)


def _quote(path: str) -> str:
    """A name in a command of sftp, which knows backslashes and double quotes, and wildcards."""
    if any(character in path for character in '"\\*?[\n'):
        raise BackupError(f"The path {path!r} cannot be sent by SFTP.", mend="Choose another.")
    return f'"{path}"'
