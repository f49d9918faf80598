"""Rights and quotas of uploads, and what becomes of them.

The server of uploads calls these with the ids of its own records. All are idempotent: a call that
is repeated after a lost connection changes nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.models import User
from madang.apps.channels.models import TITLE_LENGTH, Channel
from madang.apps.channels.services import channels_of, may_run
from madang.apps.jobs import services as jobs
from madang.apps.jobs.models import OPEN, Job
from madang.apps.uploads.errors import (
    NotAllowed,
    QuotaExceeded,
    UnknownChannel,
    UnknownVideo,
    UploadRefused,
)
from madang.apps.uploads.models import FILENAME_LENGTH, State, Upload
from madang.apps.uploads.new_upload import NewUpload
from madang.apps.videos import services as videos
from madang.apps.videos.jobs import PREPARE
from madang.apps.videos.models import Kind, Video
from madang.apps.videos.models import State as VideoState

KEPT: Final = timedelta(days=7)
"""Time for which an upload stays known that is not sent any more."""

_AT_ONCE: Final = 500
"""Uploads deleted in one run: SQLite limits the number of values of a query."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """Bytes that the uploaded videos of a person, and of all, may take; None: no limit."""

    person: int | None = None
    station: int | None = None


@transaction.atomic
def begin(new: NewUpload, quotas: Quotas = Quotas(), *, now: datetime | None = None) -> str:
    """Note an upload, and return the id of the video that it becomes, or whose files it replaces.
    Raises UploadRefused.

    Without a channel it goes to the only one of the account.
    """
    user = User.objects.filter(pk=new.account_id, is_active=True).first()
    if user is None:
        raise NotAllowed(_("The account is closed."))
    replaced = None if new.partial else _replaced(user, new.metadata.get("replaces", ""))
    channel = None
    if replaced is not None:
        channel = replaced.channel
    elif not new.partial:
        channel = _channel(user, new.metadata.get("channel", ""))
    video_id = new.video_id if replaced is None else replaced.pk
    if Upload.objects.filter(pk=new.id, state=State.ACTIVE).exists():
        return video_id
    _check_quotas(user, new.length or 0, quotas)
    at = now or timezone.now()
    Upload.objects.update_or_create(
        pk=new.id,
        defaults={
            "user": user,
            "channel": channel,
            "state": State.ACTIVE,
            "partial": new.partial,
            "filename": _text(new.metadata.get("filename", ""), FILENAME_LENGTH),
            "title": _text(new.metadata.get("title", ""), TITLE_LENGTH),
            "length": new.length,
            "offset": 0,
            "video_id": video_id,
            "replaces": replaced is not None,
            "created_at": at,
            "updated_at": at,
            "expires_at": _instant(new.expires_at),
        },
    )
    return video_id


@transaction.atomic
def declare(
    upload_id: str, length: int, quotas: Quotas = Quotas(), *, now: datetime | None = None
) -> None:
    """Note the length of an upload that was begun without. Raises QuotaExceeded."""
    upload = Upload.objects.select_related("user").filter(pk=upload_id, state=State.ACTIVE).first()
    if upload is not None and upload.length is None:
        _check_quotas(upload.user, length, quotas)
        Upload.objects.filter(pk=upload_id).update(length=length, updated_at=now or timezone.now())


def progress(
    upload_id: str, offset: int, expires_at: float | None, *, now: datetime | None = None
) -> None:
    """Note how far an upload has come."""
    Upload.objects.filter(pk=upload_id, state=State.ACTIVE).update(
        offset=Greatest(F("offset"), offset),
        expires_at=_instant(expires_at),
        updated_at=now or timezone.now(),
    )


@transaction.atomic
def finish(upload_id: str, length: int, *, storage: str = "", now: datetime | None = None) -> None:
    """Make the row of the video that a complete upload becomes, and queue its preparation by a
    worker that has the storage. Raises UploadRefused where nobody wants it any more."""
    upload = Upload.objects.select_for_update().filter(pk=upload_id).first()
    if upload is None or upload.channel_id is None:
        raise UnknownChannel(_("The channel of this upload is deleted."))
    if upload.state == State.COMPLETE:
        return
    if upload.state != State.ACTIVE:
        raise UploadRefused(_("This upload was deleted."))
    at = now or timezone.now()
    video_id = upload.video_id
    arguments: dict[str, jobs.JSON] = {"upload": upload_id}
    if upload.replaces:
        if not videos.has_files(video_id):
            raise UploadRefused(_("The video whose file this replaces is deleted."))
        jobs.cancel_subject(video_id, kind=PREPARE, now=at)  # of a file before this one
        arguments["replaces"] = True
    else:
        videos.begin_upload(
            *(video_id, upload.channel_id, upload.title, upload.filename, length), now=at
        )
    jobs.enqueue(PREPARE, video_id, arguments, storage=storage)
    Upload.objects.filter(pk=upload_id).update(
        state=State.COMPLETE, length=length, offset=length, updated_at=at, expires_at=None
    )


def end(upload_id: str, state: str, *, now: datetime | None = None) -> None:
    """Note that an upload is gone, or was joined with others."""
    Upload.objects.filter(pk=upload_id, state=State.ACTIVE).update(
        state=State(state), updated_at=now or timezone.now(), expires_at=None
    )


def delete_ended(now: datetime, release: Callable[[str], None]) -> int:
    """Delete uploads that ended KEPT ago, and have `release` delete what is left of their data;
    return how many.

    A complete one stays while a job needs it: until then one that failed may be tried again.
    """
    long_ago = now - KEPT
    # Rows whose server was killed before it could tell of their end: quotas count them.
    lost = Upload.objects.filter(state=State.ACTIVE, expires_at__lt=long_ago)
    lost.filter(updated_at__lt=long_ago).update(state=State.EXPIRED)
    ended = Upload.objects.exclude(state=State.ACTIVE).filter(updated_at__lt=long_ago)
    needed = Job.objects.filter(state__in=OPEN, subject=OuterRef("video_id"))
    ids = list(ended.filter(~Exists(needed)).values_list("pk", flat=True)[:_AT_ONCE])
    for upload_id in ids:
        release(upload_id)
    return Upload.objects.filter(pk__in=ids).delete()[0]


def _channel(user: User, slug: str) -> Channel:
    if slug:
        channel = Channel.objects.filter(slug=slug).first() if "\0" not in slug else None
        if channel is None:
            raise UnknownChannel(format_lazy(_("There is no channel {slug}."), slug=slug[:80]))
        if not may_run(user, channel):
            raise NotAllowed(_("Only the owner of a channel uploads to it."))
        return channel
    own = list(channels_of(user)[:2])
    if len(own) != 1:
        raise UnknownChannel(
            _("The upload names no channel."), mend=_("Send `channel` in Upload-Metadata.")
        )
    return own[0]


def _replaced(user: User, video_id: str) -> Video | None:
    """Return the video whose files an upload replaces; None where it names none."""
    if not video_id:
        return None
    rows = Video.objects.select_related("channel").filter(pk=video_id, deleted_at=None)
    video = rows.first() if "\0" not in video_id else None
    if video is None or not may_run(user, video.channel):
        raise UnknownVideo(format_lazy(_("You have no video {video}."), video=video_id[:80]))
    if not videos.replaceable().filter(pk=video.pk).exists():
        raise UploadRefused(
            _("This video is not finished: its file can be replaced when it is."),
            mend=_("Wait until the video is ready, and upload again."),
        )
    return video


def _check_quotas(user: User, more: int, quotas: Quotas) -> None:
    """Raise QuotaExceeded where `more` bytes are too many beside what there is and is coming."""
    if quotas.person is not None:
        used = _used(user)
        if used + more > quotas.person:
            raise QuotaExceeded(
                format_lazy(
                    _("Your videos may take {quota}, and {used} are used."),
                    quota=_gigabytes(quotas.person),
                    used=_gigabytes(used),
                ),
                mend=_("Delete videos and empty their bin."),
            )
    if quotas.station is not None and _used(None) + more > quotas.station:
        raise QuotaExceeded(
            _("The station has no room for more uploads."),
            mend=_("Ask its operator."),
        )


def _used(user: User | None) -> int:
    """Return the bytes of uploaded videos, and of what is being sent, of one account or of all."""
    made = Video.objects.filter(kind=Kind.UPLOAD).exclude(state=VideoState.DELETED)
    sent = Upload.objects.filter(state=State.ACTIVE)
    if user is not None:
        made, sent = made.filter(channel__owner=user), sent.filter(user=user)
    stored = made.aggregate(total=Coalesce(Sum("bytes"), 0))["total"]
    coming = sent.aggregate(total=Sum(Coalesce("length", "offset")))["total"]
    return int(stored) + int(coming or 0)


def _text(text: str, most: int) -> str:
    return unicodedata.normalize("NFC", text).replace("\0", "")[:most].strip()


def _instant(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
