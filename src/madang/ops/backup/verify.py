"""Proving a backup: all of it read, restored into a scratch folder, counted and compared."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from madang.ops.backup import staging, state
from madang.ops.backup.create import BackupCreator, empty_folder
from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.model import differences, rfc3339
from madang.ops.backup.restic import Repository, Snapshot

SCRATCH: Final = "scratch"
MEDIA_SHARES: Final = 8
"""Media may be terabytes at a place that bills reading: each week reads another eighth."""

SHOWN: Final = 3
"""Faults that are told one by one; the first few say what kind of damage it is."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What a verification found at one place: the backup that was proven and what it holds."""

    place: str
    id: str
    tables: int
    rows: int
    files: int
    media: str
    """How much of the media was read: `all`, `1/8`, or nothing where the place has none."""


def verify(
    keeper: BackupCreator, *, identifier: str | None = None, everything: bool = False
) -> list[VerifyResult]:
    """Prove the newest backup, or `identifier`, at every place that has one.

    `everything` reads all media, not only this week's share. Raises NotVerified where one is
    damaged, BackupError where one cannot be checked; either after the other places were looked at.
    """
    plan = keeper.plan
    with state.only_one(plan.folder) as lock:
        run = _Run(keeper, identifier, everything, datetime.now(UTC), lock)
        state.write(plan.folder, replace(state.read(plan.folder), checked=rfc3339(run.at)))
        verdicts: list[VerifyResult] = []
        troubles: list[BackupError] = []
        for place in plan.places:
            try:
                verdict = run.station(place)
            except BackupError as error:
                troubles.append(error)
                continue
            if verdict is not None:
                verdicts.append(verdict)
        words = " ".join(str(trouble) for trouble in troubles)
        state.write(plan.folder, replace(state.read(plan.folder), check_error=words))
    if troubles:
        damaged = any(isinstance(trouble, NotVerified) for trouble in troubles)
        raise (NotVerified if damaged else BackupError)(words)
    if not verdicts:
        what = f"no backup {identifier}" if identifier else "no backup yet"
        raise BackupError(f"There is {what}.", mend="See: madang backup list")
    return verdicts


def choose(snapshots: list[Snapshot], identifier: str | None) -> Snapshot | None:
    """The newest of `snapshots` (oldest first), or the newest with this identifier."""
    fitting = [each for each in snapshots if identifier in (None, each.id)]
    return fitting[-1] if fitting else None


def compare(
    restored: Path, snapshot: Snapshot, place: Destination, contents: Callable[[], list[str]]
) -> None:
    """Hold files against the manifest, then the database. Raises NotVerified."""
    wrong = staging.differing(restored, staging.read_manifest(restored)) or contents()
    if wrong:
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise NotVerified(
            f"The backup {snapshot.id} at {place.shown} is damaged: "
            f"{', '.join(wrong[:SHOWN])}{more}.",
            mend="Restore another: madang backup list",
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """One verification, of every place in turn."""

    keeper: BackupCreator
    identifier: str | None
    everything: bool
    at: datetime
    lock: int

    def station(self, place: Destination) -> VerifyResult | None:
        """Prove what `place` has; None where that is nothing."""
        plan, database = self.keeper.plan, self.keeper.database
        repository = Repository(plan, place, RepositoryPart.STATION, lock=self.lock)
        snapshot = choose(repository.snapshots(), self.identifier)
        if snapshot is None:
            return None
        repository.check()
        with empty_folder(plan.folder / SCRATCH) as scratch:
            restored = scratch / "stage"
            repository.restore(snapshot, restored)
            manifest = staging.read_manifest(restored)
            rows: dict[str, int] = {}

            def contents() -> list[str]:
                into = scratch / "database"
                found = database.rehearse(manifest.database, restored, into, place)
                rows.update(found.rows)
                return differences(manifest.database, found)

            compare(restored, snapshot, place, contents)
        self._prove(snapshot, RepositoryPart.STATION, place)
        media = self._media(place)
        return VerifyResult(
            place.name, snapshot.id, len(rows), sum(rows.values()), len(manifest.files), media
        )

    def _media(self, place: Destination) -> str:
        plan = self.keeper.plan
        if RepositoryPart.MEDIA not in plan.parts(place):
            return ""
        repository = Repository(plan, place, RepositoryPart.MEDIA, lock=self.lock)
        snapshot = choose(repository.snapshots(), self.identifier)
        if snapshot is None:
            return ""
        if self.everything:
            repository.check()
            self._prove(snapshot, RepositoryPart.MEDIA, place)
            return "all"
        share = f"{self.at.isocalendar().week % MEDIA_SHARES + 1}/{MEDIA_SHARES}"
        repository.check(share)
        return share

    def _prove(self, snapshot: Snapshot, part: RepositoryPart, place: Destination) -> None:
        folder = self.keeper.plan.folder
        known = state.read(folder)
        state.write(folder, known.proven(f"{snapshot.id}/{part}", place.name, self.at))
