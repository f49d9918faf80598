"""Uploads on the disk: a folder for each, with the data and the record of its state.

The functions block; they run on threads. The order of writes is that of `madang.wire.tus.model`.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from madang.apps.uploads.files import IMPORT_PREFIX, UploadFiles
from madang.base.errors import ParseError
from madang.infra.disk import Disk, copy
from madang.wire.tus import State, Upload, decode, encode, recover

RECORD: Final = "upload.json"

_COPY_BYTES: Final = 64 << 20
"""Bytes copied at once: between two of them a join can be stopped."""

log = logging.getLogger(__name__)


class JoinStopped(Exception):
    """The final upload was deleted while its parts were joined."""


class UploadFolder:
    """The folder of all uploads."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.folder = folder
        self.disk = disk or Disk()
        self._files = UploadFiles(folder)

    def data(self, upload_id: str) -> Path:
        """Return the path of the data of an upload."""
        return self._files.path(upload_id)

    def load(self) -> Iterator[tuple[Upload, float]]:
        """Yield all uploads after a start, with the instants of their last records; cut off what
        was never recorded of their data."""
        if not self.folder.is_dir():
            return
        for entry in sorted(self.folder.iterdir()):
            if entry.name.startswith(IMPORT_PREFIX):
                continue
            path = entry / RECORD
            try:
                stored = decode(path.read_bytes())
                recorded_at = path.stat().st_mtime
                size = self._size(stored.id)
                upload = recover(stored, size)
                if (upload.state, upload.offset) != (stored.state, stored.offset):
                    self.save(upload)
                if upload.state is State.ACTIVE and size > upload.offset:
                    self.truncate(upload.id, upload.offset)
            except FileNotFoundError:  # killed before the first record: nobody knows of it
                self.disk.remove(entry)
            except (OSError, ParseError) as error:
                log.error("the upload %s is left alone: %s", entry.name, error)
            else:
                yield upload, recorded_at

    def save(self, upload: Upload) -> None:
        """Replace the record of an upload. Raises OSError."""
        folder = self.folder / upload.id
        new = not folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        self.disk.replace(folder / RECORD, encode(upload))
        if new:
            self.disk.sync_folder(self.folder)

    def open(self, upload_id: str, size: int) -> int:
        """Return a descriptor of the data, cut off after `size` bytes: a request may have left more
        whose record could not be written. Raises OSError."""
        descriptor = self.disk.open(self.data(upload_id))
        try:
            self.disk.truncate(descriptor, size)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def truncate(self, upload_id: str, size: int) -> None:
        """Cut the data off. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.data(upload_id), size)

    def remove_data(self, upload_id: str) -> None:
        """Delete the data, and keep the record. Raises OSError."""
        self._files.release(upload_id)

    def remove(self, upload_id: str) -> None:
        """Delete an upload with its record. Raises OSError."""
        self.disk.remove(self.folder / upload_id)

    def has_data(self, upload_id: str) -> bool:
        """Return whether the data is there."""
        return self.data(upload_id).exists()

    def free(self) -> int:
        """Return the bytes that may be written to the disk. Raises OSError."""
        return self.disk.free(self.folder)

    def join(self, upload: Upload, wanted: Callable[[], bool]) -> None:
        """Make the data of a final upload of its parts, from the beginning.

        Where the file system can share blocks nothing is copied (copy_file_range(2)). Raises
        OSError, and JoinStopped once it is not `wanted`.
        """
        target = self.open(upload.id, 0)
        try:
            size = 0
            for part in upload.parts:
                size = self._append(target, size, self.data(part), wanted)
            if size != upload.length:
                raise OSError(errno.EIO, f"the parts have {size} bytes, not {upload.length}")
            self.disk.sync(target)
        finally:
            os.close(target)
        self.disk.sync_folder(self.folder / upload.id)

    def _append(self, target: int, size: int, path: Path, wanted: Callable[[], bool]) -> int:
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            at, end = 0, os.fstat(source).st_size
            while at < end:
                if not wanted():
                    raise JoinStopped
                count = min(_COPY_BYTES, end - at)
                copied = copy(self.disk, source, target, count, at=at, to=size + at)
                if not copied:
                    break
                at += copied
            return size + at
        finally:
            os.close(source)

    def _size(self, upload_id: str) -> int:
        try:
            return self.data(upload_id).stat().st_size
        except FileNotFoundError:
            return 0
