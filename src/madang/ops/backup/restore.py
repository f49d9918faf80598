"""Restore of a station: database, files and settings first, so that it can start, media after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.ops.backup import staging, state
from madang.ops.backup.create import BackupCreator, temporary_folder
from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError
from madang.ops.backup.model import BackupPlan, Manifest
from madang.ops.backup.restic import Repository, Snapshot
from madang.ops.backup.verify import check_restored, select_snapshot

RESTORE_FOLDER: Final = "returned"
ASIDE_PREFIX: Final = "before-restore"
UNFINISHED: Final = "restoring"
"""File that exists during a restore, so that a partial one may be overwritten."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """A restored station. `notes` are for the operator."""

    id: str
    destination: str
    bytes: int
    media_bytes: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Options of a restore. `settings_to` is the target of settings kept outside of the data
    folder."""

    identifier: str | None = None
    replace: bool = False
    media: bool = True
    settings_to: Path | None = None


ReportProgress = Callable[[str], None]
"""Receives progress messages."""


def restore(
    plan: BackupPlan,
    request: RestoreRequest,
    load_plan: Callable[[Path | None], BackupPlan],
    report: ReportProgress,
) -> RestoreResult:
    """Restore from the first destination that has a backup.

    `load_plan` reads the restored settings (a file, or None where the backup has none) and returns
    the plan with the targets. Raises BackupError; nothing was replaced then unless its message says
    so.
    """
    if not plan.password_file.is_file():
        raise BackupError(
            f"There is no password file {plan.password_file}.",
            mend="Put the copy that you kept elsewhere there, or name it: --password-file FILE",
        )
    with state.exclusive_lock(plan.folder) as lock:
        destination, repository, snapshot = _find_snapshot(plan, request.identifier, lock)
        report(f"Restoring the backup {snapshot.id} from {destination.address}")
        with temporary_folder(plan.folder / RESTORE_FOLDER) as folder:
            repository.restore(snapshot, folder)
            check_restored(folder, snapshot, destination, list)
            manifest = staging.read_manifest(folder)
            target = load_plan(_settings_in(folder))
            restored = _RestoredBackup(manifest, folder, destination, plan.password_file)
            notes = _install(target, request, restored)
        report("Database, files and settings are back: the station can be started.")
        media = 0
        if request.media:
            media = _restore_media(target, destination, lock, report)
        # The user of the nightly backup must be able to write what root created.
        staging.chown_tree(target.folder, target.folder)
    return RestoreResult(snapshot.id, destination.name, snapshot.bytes, media, tuple(notes))


def _settings_in(folder: Path) -> Path | None:
    for file in (folder / staging.SETTINGS, folder / staging.FILES / staging.SETTINGS_FILE):
        if file.is_file():
            return file
    return None


def _find_snapshot(
    plan: BackupPlan, identifier: str | None, lock: int
) -> tuple[Destination, Repository, Snapshot]:
    failures: list[BackupError] = []
    for destination in plan.destinations:
        repository = Repository(plan, destination, RepositoryPart.STATION, lock=lock)
        try:
            snapshot = select_snapshot(repository.snapshots(), identifier)
        except BackupError as error:
            failures.append(error)
            continue
        if snapshot is not None:
            return destination, repository, snapshot
    if failures:
        raise failures[0]
    where = " or ".join(destination.address for destination in plan.destinations) or "any place"
    what = f"no backup {identifier}" if identifier else "no backup"
    raise BackupError(f"There is {what} at {where}.", mend="Check the address given with --from.")


@dataclass(frozen=True, slots=True)
class _RestoredBackup:
    """A downloaded backup and the password that opened it."""

    manifest: Manifest
    folder: Path
    destination: Destination
    password_file: Path


def _install(plan: BackupPlan, request: RestoreRequest, restored: _RestoredBackup) -> list[str]:
    manifest, folder, destination = restored.manifest, restored.folder, restored.destination
    database = BackupCreator(plan).database
    if database.engine != manifest.database.engine:
        raise BackupError(
            f"The backup is of {manifest.database.engine}, the settings name {database.engine}.",
            mend="Set database.url and backup.database to what the backup has, or take another.",
        )
    database.require_server(manifest.database)
    conflicts = [what for what in (_conflicting_files(plan), database.existing_data()) if what]
    unfinished = plan.folder / UNFINISHED
    if conflicts and not request.replace and not unfinished.exists():
        raise BackupError(
            f"A station is here already: {', '.join(conflicts)}.",
            mend="To put the backup in its place, keeping it aside, add --replace.",
        )
    notes = []
    if conflicts:
        aside = _move_aside(plan, manifest.id)
        if aside is not None:
            notes.append(f"What was in {plan.data} before is in {aside}.")
    plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished.touch()
    _save_password(restored.password_file, plan.password_file)
    notes += staging.install_files(folder, plan, request.settings_to)
    target_id = manifest.id if request.identifier else ""
    notes += database.restore(manifest.database, folder, destination, target_id=target_id)
    staging.chown_tree(plan.data, plan.data)
    unfinished.unlink()
    return notes


def _save_password(given: Path, wanted: Path) -> None:
    """Copy the password: the next backup goes into the same repositories."""
    if wanted.exists():
        return
    try:
        wanted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted.touch(mode=0o600)
        wanted.write_bytes(given.read_bytes())
    except OSError as error:
        raise BackupError(
            f"The password file {wanted} cannot be made: {error.strerror}.",
            mend=f"Copy {given} there, readable by the station's user only.",
        ) from None


def _kept_in_place(plan: BackupPlan) -> set[Path]:
    return {plan.folder, plan.password_file, plan.media_folder, plan.data / "run"}


def _conflicting_files(plan: BackupPlan) -> str | None:
    if not plan.data.is_dir():
        return None
    # Settings and run folder exist on a new machine before any station.
    harmless = _kept_in_place(plan) | {plan.data / staging.SETTINGS_FILE, plan.data / "secret.key"}
    return f"files in {plan.data}" if set(plan.data.iterdir()) - harmless else None


def _move_aside(plan: BackupPlan, identifier: str) -> Path | None:
    """Move the content of the data folder into `plan.folder`, on the same disk."""
    aside = plan.folder / f"{ASIDE_PREFIX}-{identifier}"
    number = 1
    while aside.exists():
        number += 1
        aside = plan.folder / f"{ASIDE_PREFIX}-{identifier}-{number}"
    moved = [path for path in plan.data.iterdir() if path not in _kept_in_place(plan)]
    if not moved:
        return None
    aside.mkdir(mode=0o700)
    for path in moved:
        path.rename(aside / path.name)
    return aside


def _restore_media(
    plan: BackupPlan, destination: Destination, lock: int, report: ReportProgress
) -> int:
    candidates = [
        destination,
        *(each for each in plan.destinations if each.name != destination.name),
    ]
    for each in candidates:
        repository = Repository(plan, each, RepositoryPart.MEDIA, lock=lock)
        snapshot = select_snapshot(repository.snapshots(), None)
        if snapshot is not None:
            report(f"Restoring {snapshot.bytes / 1e9:.1f} GB of media from {each.address}")
            plan.media_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            repository.restore(snapshot, plan.media_folder)
            staging.chown_tree(plan.media_folder, plan.data)
            return snapshot.bytes
    return 0
