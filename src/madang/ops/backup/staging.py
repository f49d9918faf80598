"""The stage: what a backup consists of, laid out in one folder, before it is sent and after it has
come back.

`manifest.json`, the database's file, the settings file where it is kept elsewhere, and below
`files` whatever else is in the data folder.
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
from madang.ops.backup.model import MANIFEST, DatabaseBackup, Manifest, Plan

FILES: Final = "files"
SETTINGS_FILE: Final = "madang.toml"
SETTINGS: Final = "settings.toml"
DATABASE_SUFFIXES: Final = ("-wal", "-shm", "-journal")
"""Files beside a SQLite database that are nothing without it; its copy needs none."""

NOT_KEPT: Final = frozenset({"run", "cache", "tmp", "lost+found"})
"""Folders of the data folder that are made anew."""


def collect(plan: Plan, database_file: Path | None, stage: Path) -> None:
    """Copy the files of the data folder, and the settings, into `stage`. Raises BackupError.

    Copies, not the files themselves: what the manifest says of them must be true of what is sent.
    `database_file` is not among them, its copy is made by the database's own means.
    """
    skipped = {plan.folder, plan.media_folder, database_file}
    try:
        for file in _walk(plan.data, skipped):
            copy = stage / FILES / file.relative_to(plan.data)
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy_file(file, copy)
        if plan.settings_file is not None:
            shutil.copy2(plan.settings_file, stage / SETTINGS)
    except OSError as error:
        raise BackupError(
            f"The file {error.filename} cannot be copied: {error.strerror}.",
            mend="Free space on the disk, or run as the user of the station.",
        ) from None


def sums(stage: Path) -> dict[str, str]:
    """SHA-256 of every file in `stage` but the manifest, by path."""
    found = {}
    for file in sorted(stage.rglob("*")):
        name = str(file.relative_to(stage))
        if file.is_file() and name != MANIFEST:
            with file.open("rb") as opened:
                found[name] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


def write_manifest(stage: Path, manifest: Manifest) -> int:
    """Write the manifest; returns how many bytes the whole stage has."""
    (stage / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return sum(file.stat().st_size for file in stage.rglob("*") if file.is_file())


def read_manifest(stage: Path) -> Manifest:
    """The manifest of a stage that came back. Raises BackupError, NotVerified."""
    try:
        return Manifest.from_json((stage / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise NotVerified(f"The backup has no manifest: {error.strerror}.") from None


def differing(stage: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files that came back, in sentences."""
    found = sums(stage)
    return [
        f"the file {name} is missing" if name not in found else f"the file {name} was changed"
        for name, expected in manifest.files.items()
        if found.get(name) != expected
    ]


def install(stage: Path, plan: Plan, settings_to: Path | None) -> list[str]:
    """Put files and settings where the station expects them; returns what a person should know.

    A settings file that is there already is of this machine and stays. Raises BackupError.
    """
    own = plan.data / SETTINGS_FILE
    kept = [(stage / FILES / SETTINGS_FILE, own)]
    if settings_to is not None:
        kept.append((stage / SETTINGS, settings_to))
    notes = []
    try:
        plan.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for source, target in kept:
            if source.is_file() and target.exists():
                beside = target.with_name(f"{target.name}.from-backup")
                shutil.move(source, beside)
                notes.append(f"{target} stays as it is; the one of the backup is {beside}.")
            elif source.is_file() and target != own:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        if (stage / FILES).is_dir():
            shutil.copytree(stage / FILES, plan.data, dirs_exist_ok=True)
    except OSError as error:
        raise BackupError(
            f"The file {error.filename} cannot be restored: {error.strerror}.",
            mend="Free space on the disk and run the same command again.",
        ) from None
    return notes


def give(path: Path, like: Path) -> None:
    """Give everything below `path` to the owner of `like`, where this process may."""
    if os.geteuid() != 0:
        return
    owner = like.stat()
    for each in (path, *path.rglob("*")):
        os.chown(each, owner.st_uid, owner.st_gid, follow_symlinks=False)


def size_of(taken: DatabaseBackup, stage_bytes: int) -> int:
    """Bytes that a backup brings back: SQLite is in the stage, PostgreSQL is not."""
    return stage_bytes + (taken.bytes if taken.label else 0)


def _copy_file(file: Path, copy: Path) -> None:
    if is_sqlite(file):
        copy_sqlite(file, copy)
        shutil.copystat(file, copy)
    else:
        shutil.copy2(file, copy)


def _walk(folder: Path, skipped: set[Path | None]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path in skipped or path.name in NOT_KEPT or path.is_symlink():
            continue
        if path.is_dir():
            yield from _walk(path, skipped)
        elif path.is_file() and not _belongs_to_sqlite(path):
            yield path


def _belongs_to_sqlite(path: Path) -> bool:
    for suffix in DATABASE_SUFFIXES:
        if path.name.endswith(suffix) and path.with_name(path.name.removesuffix(suffix)).exists():
            return True
    return False
