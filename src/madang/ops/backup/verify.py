"""Verification of backups: read everything, restore into a scratch folder, count and compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from madang.ops.backup import staging, state
from madang.ops.backup.create import BackupCreator, temporary_folder
from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.model import database_differences, format_rfc3339
from madang.ops.backup.restic import Repository, Snapshot

SCRATCH: Final = "scratch"
MEDIA_SHARES: Final = 8
"""Media may be terabytes at a destination that bills reads, so each week reads one share."""

SHOWN: Final = 3
"""Number of faults in the message."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Result of a verification at one destination."""

    destination: str
    id: str
    tables: int
    rows: int
    files: int
    media: str
    """Share of the media that was read: `all`, `1/8`, or empty where there are none."""


def verify(
    creator: BackupCreator, *, identifier: str | None = None, everything: bool = False
) -> list[VerifyResult]:
    """Verify the newest backup, or `identifier`, at every destination that has one.

    `everything` reads all media, not only this week's share. Raises NotVerified for a damaged
    backup and BackupError for one that cannot be read, after all destinations.
    """
    plan = creator.plan
    with state.exclusive_lock(plan.folder) as lock:
        verification = _Verification(creator, identifier, everything, datetime.now(UTC), lock)
        state.write(
            plan.folder, replace(state.read(plan.folder), checked=format_rfc3339(verification.at))
        )
        results: list[VerifyResult] = []
        failures: list[BackupError] = []
        for destination in plan.destinations:
            try:
                result = verification.verify(destination)
            except BackupError as error:
                failures.append(error)
                continue
            if result is not None:
                results.append(result)
        message = " ".join(str(failure) for failure in failures)
        state.write(plan.folder, replace(state.read(plan.folder), check_error=message))
    if failures:
        damaged = any(isinstance(failure, NotVerified) for failure in failures)
        raise (NotVerified if damaged else BackupError)(message)
    if not results:
        what = f"no backup {identifier}" if identifier else "no backup yet"
        raise BackupError(f"There is {what}.", mend="See: madang backup list")
    return results


def select_snapshot(snapshots: list[Snapshot], identifier: str | None) -> Snapshot | None:
    """Return the newest of `snapshots` (oldest first), or the newest with this identifier."""
    fitting = [each for each in snapshots if identifier in (None, each.id)]
    return fitting[-1] if fitting else None


def check_restored(
    restored: Path,
    snapshot: Snapshot,
    destination: Destination,
    database_faults: Callable[[], list[str]],
) -> None:
    """Compare restored files with the manifest, then the database. Raises NotVerified."""
    faults = staging.changed_files(restored, staging.read_manifest(restored)) or database_faults()
    if faults:
        more = f", and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise NotVerified(
            f"The backup {snapshot.id} at {destination.address} is damaged: "
            f"{', '.join(faults[:SHOWN])}{more}.",
            mend="Restore another: madang backup list",
        )


@dataclass(frozen=True, slots=True)
class _Verification:
    """One verification of every destination in turn."""

    creator: BackupCreator
    identifier: str | None
    everything: bool
    at: datetime
    lock: int

    def verify(self, destination: Destination) -> VerifyResult | None:
        """Verify the station's part; None where there is no backup."""
        plan, database = self.creator.plan, self.creator.database
        repository = Repository(plan, destination, RepositoryPart.STATION, lock=self.lock)
        snapshot = select_snapshot(repository.snapshots(), self.identifier)
        if snapshot is None:
            return None
        repository.check()
        with temporary_folder(plan.folder / SCRATCH) as scratch:
            restored = scratch / "stage"
            repository.restore(snapshot, restored)
            manifest = staging.read_manifest(restored)
            rows: dict[str, int] = {}

            def database_faults() -> list[str]:
                into = scratch / "database"
                found = database.verify_restore(manifest.database, restored, into, destination)
                rows.update(found.rows)
                return database_differences(manifest.database, found)

            check_restored(restored, snapshot, destination, database_faults)
        self._record_verified(snapshot, RepositoryPart.STATION, destination)
        media = self._verify_media(destination)
        return VerifyResult(
            destination.name, snapshot.id, len(rows), sum(rows.values()), len(manifest.files), media
        )

    def _verify_media(self, destination: Destination) -> str:
        plan = self.creator.plan
        if RepositoryPart.MEDIA not in plan.parts(destination):
            return ""
        repository = Repository(plan, destination, RepositoryPart.MEDIA, lock=self.lock)
        snapshot = select_snapshot(repository.snapshots(), self.identifier)
        if snapshot is None:
            return ""
        if self.everything:
            repository.check()
            self._record_verified(snapshot, RepositoryPart.MEDIA, destination)
            return "all"
        share = f"{self.at.isocalendar().week % MEDIA_SHARES + 1}/{MEDIA_SHARES}"
        repository.check(share)
        return share

    def _record_verified(
        self, snapshot: Snapshot, part: RepositoryPart, destination: Destination
    ) -> None:
        folder = self.creator.plan.folder
        known = state.read(folder)
        state.write(folder, known.with_verified(f"{snapshot.id}/{part}", destination.name, self.at))
