"""Files of this machine that become videos: copied as uploads, one video for the same bytes.

A file is known by its fingerprint. What was copied and synced is in the row of its upload, so that
an import that was killed goes on from there; a lock keeps two from copying the same file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.models import Channel
from madang.apps.ids import new_id
from madang.apps.uploads import services
from madang.apps.uploads.errors import ImportFailed, UploadRefused
from madang.apps.uploads.files import IMPORT_PREFIX, UploadFiles
from madang.apps.uploads.models import ImportedFile, State, Upload
from madang.apps.uploads.new_upload import NewUpload
from madang.apps.uploads.services import KEPT, Quotas
from madang.apps.videos.models import State as VideoState
from madang.apps.videos.models import Video, Visibility
from madang.infra.disk import Disk, copy
from madang.infra.file_lock import locked

COPY_BYTES: Final = 64 << 20
"""Bytes copied between two notes of the progress: what a crash makes the next import repeat."""

_PARTS: Final = 16
_PART_BYTES: Final = 256 << 10
"""Parts of a file that its fingerprint reads; a file that is no larger is read whole."""

_LOCK: Final = "lock"

Inspect = Callable[[int], str]
"""Returns the title that a file has inside, given its descriptor. Raises MadangError where no
video can be made of it."""

Progress = Callable[[int, int], None]
"""Is told how many bytes of how many are there."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A file whose video there is. `new` is false for one that was imported before; `resumed`
    bytes were there already."""

    video_id: str
    title: str
    bytes: int
    new: bool
    resumed: int = 0


@dataclass(frozen=True, slots=True)
class _Begun:
    upload_id: str
    video_id: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Importer:
    """Imports files into a channel. `files` and the id `storage` are of the storage, `reserve` the
    bytes of its disk that are left free."""

    channel: Channel
    files: UploadFiles
    storage: str
    inspect: Inspect
    visibility: Visibility = Visibility.PUBLIC
    quotas: Quotas = field(default_factory=Quotas)
    reserve: int = 0
    disk: Disk = field(default_factory=Disk)
    copy_bytes: int = COPY_BYTES

    def take(self, path: Path, progress: Progress = lambda done, size: None) -> Imported:
        """Import a file. Raises MadangError, OSError."""
        # A pipe without a writer would keep the caller waiting.
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            before = os.fstat(source)
            if not stat.S_ISREG(before.st_mode):
                raise ImportFailed(_("This is no ordinary file."))
            begun = self._begin(path, source, before.st_size)
            if not begun.wanted:
                return _imported(begun.video_id, before.st_size)
            self.disk.free(self.files.folder)  # makes the folder
            folder = self.files.path(begun.upload_id).parent
            folder.mkdir(exist_ok=True)
            with locked(folder / _LOCK) as held:
                if not held:
                    raise ImportFailed(_("Another import copies this file now."))
                return self._copy(begun, source, before, progress)
        finally:
            os.close(source)

    def _begin(self, path: Path, source: int, size: int) -> _Begun:
        """Return the upload and the video of a file, new or of an earlier import."""
        fingerprint = fingerprint_of(source, size)
        known = _known(self.channel, fingerprint)
        if known is not None:
            return known
        title = self.inspect(source)
        self._check_room(size + _undelivered())
        new = NewUpload(
            id=IMPORT_PREFIX + secrets.token_hex(16),
            account_id=self.channel.owner_id,
            metadata={
                "channel": self.channel.slug,
                "filename": _shown(path.name),
                "title": title,
            },
            length=size,
            expires_at=None,
            video_id=new_id(),
        )
        return _begin(self.channel, fingerprint, new, self.quotas)

    def _copy(
        self, begun: _Begun, source: int, before: os.stat_result, progress: Progress
    ) -> Imported:
        upload = Upload.objects.get(pk=begun.upload_id)
        if upload.state != State.ACTIVE:
            return _imported(begun.video_id, before.st_size)
        resumed = at = upload.offset
        self._check_room(before.st_size - at)
        target = self.disk.open(self.files.path(upload.pk))
        try:
            if os.fstat(target).st_size < at:  # the disk is another, or lost it
                resumed = at = 0
            self.disk.truncate(target, at)
            progress(at, before.st_size)
            while at < before.st_size:
                count = min(self.copy_bytes, before.st_size - at)
                self._check_room(count)
                done = copy(self.disk, source, target, count, at=at, to=at)
                if not done:
                    break
                self.disk.sync(target)
                at += done
                services.progress(upload.pk, at, None)
                progress(at, before.st_size)
            self.disk.sync(target)
        finally:
            os.close(target)
        after = os.fstat(source)
        if at != before.st_size or (after.st_size, after.st_mtime_ns) != (
            before.st_size,
            before.st_mtime_ns,
        ):
            self._give_up(upload.pk)
            raise ImportFailed(
                _("The file changed while it was copied."), mend=_("Import it when it is complete.")
            )
        self.disk.sync_folder(self.files.path(upload.pk).parent)
        self.disk.sync_folder(self.files.folder)
        try:
            self._finish(upload, min(_date(before), timezone.now()))
        except UploadRefused:
            self._give_up(upload.pk)
            raise
        return _imported(begun.video_id, before.st_size, new=True, resumed=resumed)

    @transaction.atomic
    def _finish(self, upload: Upload, at: datetime) -> None:
        services.finish(upload.pk, upload.length or 0, storage=self.storage)
        video = Video.objects.get(pk=upload.video_id)
        video.created_at, video.visibility = at, self.visibility
        video.save(update_fields=["created_at", "visibility"])

    def _give_up(self, upload_id: str) -> None:
        services.end(upload_id, State.FAILED)
        self.files.release(upload_id)

    def _check_room(self, size: int) -> None:
        if size > self.disk.free(self.files.folder) - self.reserve:
            raise ImportFailed(
                _("The station's disk has no room for this file."), mend=_("Delete something.")
            )


def fingerprint_of(descriptor: int, size: int) -> str:
    """Return what tells a file from others: SHA-256 of its size and of parts all over it. Raises
    OSError."""
    digest = hashlib.sha256(str(size).encode())
    if size <= _PARTS * _PART_BYTES:
        places = range(0, size, _PART_BYTES)
    else:
        step = (size - _PART_BYTES) // (_PARTS - 1)
        places = range(0, step * (_PARTS - 1), step)
    for place in (*places, max(0, size - _PART_BYTES)):
        digest.update(os.pread(descriptor, _PART_BYTES, place))
    return digest.hexdigest()


def expire(now: datetime) -> None:
    """End imports that nobody has gone on with for a week; what they copied goes with other
    uploads that ended."""
    Upload.objects.filter(
        pk__startswith=IMPORT_PREFIX, state=State.ACTIVE, updated_at__lt=now - KEPT
    ).update(state=State.EXPIRED)


def delete_folders(folder: Path) -> None:
    """Delete the folders of imports whose rows are gone. Raises OSError."""
    if not folder.is_dir():
        return
    found = [each.name for each in folder.iterdir() if each.name.startswith(IMPORT_PREFIX)]
    disk = Disk()
    for name in found:  # after the folders were listed: a row is made before its folder
        if not Upload.objects.filter(pk=name).exists():
            disk.remove(folder / name)


def _known(channel: Channel, fingerprint: str) -> _Begun | None:
    """Return what an earlier import of the same bytes has begun, None where nothing is left."""
    row = ImportedFile.objects.filter(channel=channel, fingerprint=fingerprint).first()
    if row is None:
        return None
    if Upload.objects.filter(pk=row.upload_id, state=State.ACTIVE).exists():
        return _Begun(row.upload_id, row.video_id, True)
    if Video.objects.filter(pk=row.video_id).exclude(state=VideoState.DELETED).exists():
        return _Begun(row.upload_id, row.video_id, False)
    return None


@transaction.atomic
def _begin(channel: Channel, fingerprint: str, new: NewUpload, quotas: Quotas) -> _Begun:
    Channel.objects.select_for_update().filter(pk=channel.pk).first()  # one import after another
    known = _known(channel, fingerprint)
    if known is not None:
        return known
    services.begin(new, quotas)
    ImportedFile.objects.update_or_create(
        channel=channel,
        fingerprint=fingerprint,
        defaults={"upload_id": new.id, "video_id": new.video_id},
    )
    return _Begun(new.id, new.video_id, True)


def _undelivered() -> int:
    """Return the bytes that are declared of all uploads, and are still to come."""
    rows = Upload.objects.filter(state=State.ACTIVE)
    return int(rows.aggregate(total=Sum(Coalesce("length", "offset") - F("offset")))["total"] or 0)


def _imported(video_id: str, size: int, *, new: bool = False, resumed: int = 0) -> Imported:
    title = Video.objects.values_list("title", flat=True).get(pk=video_id)
    return Imported(video_id, title, size, new, resumed)


def _date(facts: os.stat_result) -> datetime:
    return datetime.fromtimestamp(max(0.0, facts.st_mtime), UTC)


def _shown(name: str) -> str:
    """Return a name of a file as text; bytes that are no text are replaced."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode(errors="replace"))
