"""Bringing a station back: database and pages first, so that it can go on the air, media after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.ops.backup import staging, state
from madang.ops.backup.create import BackupCreator, empty_folder
from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError
from madang.ops.backup.model import Manifest, Plan
from madang.ops.backup.restic import Repository, Snapshot
from madang.ops.backup.verify import choose, compare

RETURNED: Final = "returned"
ASIDE: Final = "before-restore"
UNFINISHED: Final = "restoring"
"""A file that is there while a restore writes: what a failed one left is no station to protect."""


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """A station that came back. `notes` is what a person should know about it."""

    id: str
    place: str
    bytes: int
    media_bytes: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What is to be restored. `settings_to` is where settings go that were kept outside of the
    data folder."""

    identifier: str | None = None
    replace: bool = False
    media: bool = True
    settings_to: Path | None = None


Say = Callable[[str], None]
"""Tells a person how far it has come."""


def restore(
    plan: Plan, wish: RestoreRequest, replan: Callable[[Path | None], Plan], say: Say
) -> RestoreResult:
    """Bring the station back from the first of the plan's places that has a backup.

    `replan` reads the settings that came back (a file, or None where the backup has none) and says
    where its database, files and media go. Raises BackupError; then nothing has been replaced
    unless the error says so.
    """
    if not plan.password_file.is_file():
        raise BackupError(
            f"There is no password file {plan.password_file}.",
            mend="Put the copy that you kept elsewhere there, or name it: --password-file FILE",
        )
    with state.only_one(plan.folder) as lock:
        place, repository, snapshot = _find(plan, wish.identifier, lock)
        say(f"Restoring the backup {snapshot.id} from {place.shown}")
        with empty_folder(plan.folder / RETURNED) as folder:
            repository.restore(snapshot, folder)
            compare(folder, snapshot, place, list)
            manifest = staging.read_manifest(folder)
            target = replan(_settings_in(folder))
            returned = _Returned(manifest, folder, place, plan.password_file)
            notes = _bring_back(target, wish, returned)
        say("Database, files and settings are back: the station can be started.")
        media = 0
        if wish.media:
            media = _restore_media(target, place, snapshot.id, lock, say)
        # What root made there, the nightly backup's user has to write.
        staging.give(target.folder, target.folder)
    return RestoreResult(snapshot.id, place.name, snapshot.bytes, media, tuple(notes))


def _settings_in(folder: Path) -> Path | None:
    for file in (folder / staging.SETTINGS, folder / staging.FILES / staging.SETTINGS_FILE):
        if file.is_file():
            return file
    return None


def _find(
    plan: Plan, identifier: str | None, lock: int
) -> tuple[Destination, Repository, Snapshot]:
    troubles: list[BackupError] = []
    for place in plan.places:
        repository = Repository(plan, place, RepositoryPart.STATION, lock=lock)
        try:
            snapshot = choose(repository.snapshots(), identifier)
        except BackupError as error:
            troubles.append(error)
            continue
        if snapshot is not None:
            return place, repository, snapshot
    if troubles:
        raise troubles[0]
    where = " or ".join(place.shown for place in plan.places) or "any place"
    what = f"no backup {identifier}" if identifier else "no backup"
    raise BackupError(f"There is {what} at {where}.", mend="Check the address given with --from.")


@dataclass(frozen=True, slots=True)
class _Returned:
    """A backup that came back, and the password that opened it."""

    manifest: Manifest
    folder: Path
    place: Destination
    password_file: Path


def _bring_back(plan: Plan, wish: RestoreRequest, returned: _Returned) -> list[str]:
    manifest, folder, place = returned.manifest, returned.folder, returned.place
    database = BackupCreator(plan).database
    if database.engine != manifest.database.engine:
        raise BackupError(
            f"The backup is of {manifest.database.engine}, the settings name {database.engine}.",
            mend="Set database.url and backup.database to what the backup has, or take another.",
        )
    in_the_way = [what for what in (_files_in_the_way(plan), database.occupied()) if what]
    unfinished = plan.folder / UNFINISHED
    if in_the_way and not wish.replace and not unfinished.exists():
        raise BackupError(
            f"A station is here already: {', '.join(in_the_way)}.",
            mend="To put the backup in its place, keeping it aside, add --replace.",
        )
    notes = []
    if in_the_way:
        aside = _put_aside(plan, manifest.id)
        if aside is not None:
            notes.append(f"What was in {plan.data} before is in {aside}.")
    plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished.touch()
    _keep_password(returned.password_file, plan.password_file)
    notes += staging.install(folder, plan, wish.settings_to)
    exactly = manifest.id if wish.identifier else ""
    notes += database.restore(manifest.database, folder, place, exactly=exactly)
    staging.give(plan.data, plan.data)
    unfinished.unlink()
    return notes


def _keep_password(given: Path, wanted: Path) -> None:
    """The next backup goes into the same repositories, so it needs the same password."""
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


def _kept_in_place(plan: Plan) -> set[Path]:
    return {plan.folder, plan.password_file, plan.media_folder, plan.data / "run"}


def _files_in_the_way(plan: Plan) -> str | None:
    if not plan.data.is_dir():
        return None
    # Settings and a run folder are what setting up a machine leaves behind: nothing of a station.
    harmless = _kept_in_place(plan) | {plan.data / staging.SETTINGS_FILE, plan.data / "secret.key"}
    return f"files in {plan.data}" if set(plan.data.iterdir()) - harmless else None


def _put_aside(plan: Plan, identifier: str) -> Path | None:
    """Move what is in the data folder into one inside of it: a rename, on the same disk."""
    aside = plan.folder / f"{ASIDE}-{identifier}"
    number = 1
    while aside.exists():
        number += 1
        aside = plan.folder / f"{ASIDE}-{identifier}-{number}"
    moved = [path for path in plan.data.iterdir() if path not in _kept_in_place(plan)]
    if not moved:
        return None
    aside.mkdir(mode=0o700)
    for path in moved:
        path.rename(aside / path.name)
    return aside


def _restore_media(plan: Plan, place: Destination, identifier: str, lock: int, say: Say) -> int:
    candidates = [place, *(each for each in plan.places if each.name != place.name)]
    for each in candidates:
        repository = Repository(plan, each, RepositoryPart.MEDIA, lock=lock)
        snapshot = choose(repository.snapshots(), None)
        if snapshot is not None:
            say(f"Restoring {snapshot.bytes / 1e9:.1f} GB of media from {each.shown}")
            plan.media_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            repository.restore(snapshot, plan.media_folder)
            staging.give(plan.media_folder, plan.data)
            return snapshot.bytes
    return 0
