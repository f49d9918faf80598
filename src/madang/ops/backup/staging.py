"""The staging folder: all files of a backup, before it is sent and after it is restored.

Contains `manifest.json`, the database file, the settings file where it is outside of the data
folder, and below `files` the rest of the data folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from madang.ops.backup.database import copy_sqlite, is_sqlite
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.model import MANIFEST, BackupPlan, DatabaseBackup, Manifest

FILES: Final = "files"
SETTINGS_FILE: Final = "madang.toml"
SETTINGS: Final = "settings.toml"
SQLITE_SUFFIXES: Final = ("-wal", "-shm", "-journal")
"""Suffixes of files that belong to a SQLite database; its copy needs none of them."""

EXCLUDED: Final = frozenset({"run", "cache", "tmp", "lost+found"})
"""Folders of the data folder that are created anew."""


def collect(plan: BackupPlan, database_file: Path | None, folder: Path) -> None:
    """Copy the data folder and the settings into `folder`. Raises BackupError.

    Copies, because the manifest must match what is sent. `database_file` is left out: the Database
    port copies it.
    """
    skipped = {plan.folder, plan.media_folder, database_file}
    try:
        for file in _walk(plan.data, skipped):
            copy = folder / FILES / file.relative_to(plan.data)
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy_file(file, copy)
        if plan.settings_file is not None:
            shutil.copy2(plan.settings_file, folder / SETTINGS)
    except OSError as error:
        raise BackupError(
            f"The file {error.filename} cannot be copied: {error.strerror}.",
            mend="Free space on the disk, or run as the user of the station.",
        ) from None


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in `folder` but the manifest, by path."""
    found = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.is_file() and name != MANIFEST:
            with file.open("rb") as opened:
                found[name] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


def write_manifest(folder: Path, manifest: Manifest) -> int:
    """Write the manifest and return the size of the whole folder in bytes."""
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a restored folder. Raises BackupError, NotVerified."""
    try:
        return Manifest.from_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise NotVerified(f"The backup has no manifest: {error.strerror}.") from None


def changed_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return what is wrong with restored files, in sentences."""
    found = checksums(folder)
    return [
        f"the file {name} is missing" if name not in found else f"the file {name} was changed"
        for name, expected in manifest.files.items()
        if found.get(name) != expected
    ]


def install_files(folder: Path, plan: BackupPlan, settings_to: Path | None) -> list[str]:
    """Install files and settings for the station and return notes for the operator.

    An existing settings file belongs to this machine and stays. Raises BackupError.
    """
    own = plan.data / SETTINGS_FILE
    kept = [(folder / FILES / SETTINGS_FILE, own)]
    if settings_to is not None:
        kept.append((folder / SETTINGS, settings_to))
    notes = []
    try:
        plan.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for source, target in kept:
            if source.is_file() and target.exists():
                copy = target.with_name(f"{target.name}.from-backup")
                shutil.move(source, copy)
                notes.append(f"{target} stays as it is; the one of the backup is {copy}.")
            elif source.is_file() and target != own:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        if (folder / FILES).is_dir():
            shutil.copytree(folder / FILES, plan.data, dirs_exist_ok=True)
    except OSError as error:
        raise BackupError(
            f"The file {error.filename} cannot be restored: {error.strerror}.",
            mend="Free space on the disk and run the same command again.",
        ) from None
    return notes


def chown_tree(path: Path, like: Path) -> None:
    """Give everything below `path` to the owner of `like`, where this process is root."""
    if os.geteuid() != 0:
        return
    owner = like.stat()
    for each in (path, *path.rglob("*")):
        os.chown(each, owner.st_uid, owner.st_gid, follow_symlinks=False)


def restored_size(backup: DatabaseBackup, stage_bytes: int) -> int:
    """Return the restored size in bytes: SQLite is in the folder, PostgreSQL is not."""
    return stage_bytes + (backup.bytes if backup.label else 0)


def _copy_file(file: Path, copy: Path) -> None:
    if is_sqlite(file):
        copy_sqlite(file, copy)
        shutil.copystat(file, copy)
    else:
        shutil.copy2(file, copy)


def _walk(folder: Path, skipped: set[Path | None]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path in skipped or path.name in EXCLUDED or path.is_symlink():
            continue
        if path.is_dir():
            yield from _walk(path, skipped)
        elif path.is_file() and not _belongs_to_sqlite(path):
            yield path


def _belongs_to_sqlite(path: Path) -> bool:
    for suffix in SQLITE_SUFFIXES:
        if path.name.endswith(suffix) and path.with_name(path.name.removesuffix(suffix)).exists():
            return True
    return False
