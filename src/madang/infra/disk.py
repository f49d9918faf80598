"""File operations as a value, which tests replace by one that fails or is slow."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Final

_MODE = 0o644

_NO_COPY: Final = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


class Disk:
    """The file system. Every method raises OSError."""

    def open(self, path: Path) -> int:
        """Return a descriptor of a file for reading and writing, which is made where missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        """Write at `offset`, and return how many bytes were taken."""
        return os.pwrite(descriptor, data, offset)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file off."""
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Bring the data of a file to the disk."""
        os.fdatasync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Bring the names in a folder to the disk."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, path: Path, data: bytes) -> None:
        """Write a whole file: a crash leaves the one before, or this one."""
        temporary = path.with_name(f".{path.name}.new")
        descriptor = self.open(temporary)
        try:
            self.truncate(descriptor, 0)
            write_all(self, descriptor, data, 0)
            self.sync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        self.sync_folder(path.parent)

    def free(self, folder: Path) -> int:
        """Return the bytes that may still be written to the disk of `folder`, which is made where
        missing."""
        folder.mkdir(parents=True, exist_ok=True)
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize

    def remove(self, folder: Path) -> None:
        """Remove a folder with all that is in it; one that is missing is fine."""
        if folder.is_dir():
            shutil.rmtree(folder)


class ShortWrite(OSError):
    """The disk took less than it was given. `written` is what it took, in bytes."""

    def __init__(self, written: int, cause: OSError | None) -> None:
        super().__init__(*(cause.args if cause is not None else ("nothing was written",)))
        self.written = written


def write_all(disk: Disk, descriptor: int, data: bytes, offset: int) -> None:
    """Write `data` at `offset`. Raises ShortWrite."""
    rest = memoryview(data)
    while rest:
        done = len(data) - len(rest)
        try:
            taken = disk.write(descriptor, rest, offset + done)
        except OSError as error:
            raise ShortWrite(done, error) from error
        if not taken:
            raise ShortWrite(done, None)
        rest = rest[taken:]


def copy(disk: Disk, source: int, target: int, count: int, *, at: int, to: int) -> int:
    """Copy up to `count` bytes at `at` of one file to `to` in another; return how many, 0 at its
    end. Where the file system can share blocks nothing is copied (copy_file_range(2)). Raises
    OSError."""
    try:
        return os.copy_file_range(source, target, count, at, to)
    except OSError as error:
        if error.errno not in _NO_COPY:
            raise
    data = os.pread(source, count, at)
    write_all(disk, target, data, to)
    return len(data)
