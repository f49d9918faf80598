"""Videos as people see them: who sees which, changing one, the bin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.models import User
from madang.apps.channels.models import DESCRIPTION_LENGTH, Channel
from madang.apps.channels.services import may_run
from madang.apps.jobs import services as jobs
from madang.apps.validation import in_one_sentence, save
from madang.apps.videos import removals, tags
from madang.apps.videos.ages import longest_days
from madang.apps.videos.errors import InvalidVideo, NoSuchVideo, NotYourVideo, UnfitState
from madang.apps.videos.models import Kind, RemovalReason, State, Video, Visibility
from madang.apps.videos.signals import video_ready
from madang.recording.manifest import ID_PATTERN

BIN_TIME: Final = timedelta(days=7)
"""Time that a video stays in the bin, from which it can be taken out."""

_NO_NULLS: Final = ProhibitNullCharactersValidator()
_CHECKS: Final = (
    ("title", _NO_NULLS),
    ("description", _NO_NULLS),
    ("description", MaxLengthValidator(DESCRIPTION_LENGTH)),
)
"""Checks that the fields of a model leave to forms."""

_SHOWN_STATES: Final = (State.RECORDING, State.READY)
"""States of videos that others than the owner see."""


@dataclass(frozen=True, slots=True)
class VideoChange:
    """Changes of a video; None keeps the old value."""

    title: str | None = None
    description: str | None = None
    visibility: str | None = None
    keep: bool | None = None
    tags: tuple[str, ...] | list[str] | None = None


def all_videos() -> QuerySet[Video]:
    """Return the videos whose files there are, those in the bin among them, the newest first."""
    kept = Video.objects.select_related("channel__owner").filter(temporary=False)
    return kept.exclude(state=State.DELETED)


def visible_to(user: User | None) -> QuerySet[Video]:
    """Return the videos that `user` may open: public and unlisted ones, and the own ones in every
    state, those in the bin among them. Administrators may open all."""
    others = Q(
        visibility__in=(Visibility.PUBLIC, Visibility.UNLISTED),
        state__in=_SHOWN_STATES,
        deleted_at=None,
    ) & ~Q(state=State.RECORDING, ask=True)
    own = _owned_by(user)
    return all_videos().filter(others if own is None else others | own)


def listed_for(user: User | None) -> QuerySet[Video]:
    """Return the videos of lists for `user`: public ones, and the own ones without the bin."""
    public = Q(visibility=Visibility.PUBLIC)
    own = _owned_by(user)
    videos = visible_to(user).filter(deleted_at=None).prefetch_related("tags")
    return videos.filter(public if own is None else public | own)


def published() -> QuerySet[Video]:
    """Return the videos that everybody finds: what pages, feeds, the site map and search list."""
    return listed_for(None).filter(state=State.READY)


def main() -> QuerySet[Video]:
    """Return what lists and feeds have of `published`: clips stand by themselves."""
    return published().exclude(kind=Kind.CLIP)


def clips() -> QuerySet[Video]:
    """Return the clips that everybody finds."""
    return published().filter(kind=Kind.CLIP)


def in_bin_of(user: User | None) -> QuerySet[Video]:
    """Return the videos in the bin that `user` may take out."""
    return visible_to(user).exclude(deleted_at=None).prefetch_related("tags")


def asking_of(channel: Channel) -> QuerySet[Video]:
    """Return the recordings of `channel` that wait for its owner's answer, the newest first."""
    return all_videos().filter(channel=channel, state=State.ASKING, deleted_at=None)


def get(video_id: str) -> Video:
    """Return a video, whoever may open it. Raises NoSuchVideo."""
    return _get(all_videos(), video_id)


def find(video_id: str, user: User | None) -> Video:
    """Return a video that `user` may open. Raises NoSuchVideo."""
    return _get(visible_to(user), video_id)


def show_of_deleted(video_id: str) -> Channel | None:
    """Return the channel of a recording that everybody found and that was deleted while its show is
    still on; None for all others."""
    on_air = Video.objects.filter(
        state=State.RECORDING, visibility=Visibility.PUBLIC, temporary=False, ask=False
    ).exclude(deleted_at=None)
    try:
        return _get(on_air.select_related("channel"), video_id).channel
    except NoSuchVideo:
        return None


def find_own(video_id: str, user: User) -> Video:
    """Return a video that `user` may change. Raises NoSuchVideo, NotYourVideo."""
    video = find(video_id, user)
    if not may_run(user, video.channel):
        raise NotYourVideo(_("Only the channel's owner may do this."))
    return video


@transaction.atomic
def change(video: Video, wanted: VideoChange, *, now: datetime | None = None) -> Video:
    """Change title, description, visibility, retention or tags, and return the video.

    A recording that waits for an answer is kept by a visibility, or by `keep`, which leaves the
    one that it had during its show. Raises InvalidVideo, UnfitState.
    """
    video = _locked(video)
    _need_outside_bin(video)
    answered = video.state == State.ASKING and (wanted.visibility is not None or wanted.keep)
    if wanted.title is not None:
        video.title = wanted.title.strip()
    if wanted.description is not None:
        video.description = wanted.description.strip()
    if wanted.visibility is not None:
        video.visibility = wanted.visibility
        if video.visibility == Visibility.PUBLIC:
            video.publish_at = None
        if video.visibility == Visibility.PRIVATE:  # nobody is to see it through its clips
            Video.objects.filter(clip_of=video.pk).update(visibility=Visibility.PRIVATE)
    if wanted.keep is not None:
        video.keep = wanted.keep
    if answered:
        video.state, video.asked_until = State.READY, None
    if wanted.tags is not None:
        tags.replace(video, wanted.tags)
    _save(video)
    if answered:
        video_ready.send(Video, video=video, at=now or timezone.now())
    return video


@transaction.atomic
def delete(video: Video, *, now: datetime | None = None) -> Video:
    """Put a video into the bin, where nobody but its owner sees it; return it.

    Jobs about it are cancelled.
    """
    at = now or timezone.now()
    jobs.cancel_subject(video.pk, now=at)  # first, as jobs that publish lock themselves first
    video = _locked(video)
    if video.deleted_at is None:
        removals.note([video], {video.pk: RemovalReason.HAND}, at)
        video.deleted_at = at
        video.save(update_fields=["deleted_at"])
    return video


@transaction.atomic
def restore(video: Video, *, now: datetime | None = None) -> Video:
    """Take a video out of the bin; return it.

    One whose time is over is kept for good from now on, and one that waited for an answer is
    private. One that is not in the bin stays as it is. Raises UnfitState.
    """
    video = _locked(video)
    if video.state == State.DELETED:
        raise UnfitState(_("The files of this video are deleted."))
    if video.deleted_at is None:
        return video
    at = now or timezone.now()
    jobs.resume_subject(video.pk, video.deleted_at)
    removals.note_restored(video.pk, at)
    video.deleted_at = None
    answered = video.state == State.ASKING
    if answered:
        video.state, video.asked_until = State.READY, None
        video.visibility = Visibility.PRIVATE
    expires = expires_at(video)
    video.keep = video.keep or (expires is not None and expires <= at)
    video.save(update_fields=["deleted_at", "state", "visibility", "asked_until", "keep"])
    if answered:
        video_ready.send(Video, video=video, at=at)
    return video


def expires_at(video: Video) -> datetime | None:
    """Return when the video goes to the bin by itself, or its files go if it is there; None for
    never."""
    if video.deleted_at is not None:
        return video.deleted_at + BIN_TIME
    if video.state == State.ASKING:
        return video.asked_until
    days = longest_days(video)
    if video.keep or not days or video.ended_at is None:
        return None
    return video.ended_at + timedelta(days=days)


def _get(videos: QuerySet[Video], video_id: str) -> Video:
    # The pattern first: PostgreSQL refuses texts with a zero byte.
    if re.fullmatch(ID_PATTERN, video_id):
        video = videos.filter(pk=video_id).first()
        if video is not None:
            return video
    raise NoSuchVideo(format_lazy(_("There is no video {video}."), video=video_id))


def _owned_by(user: User | None) -> Q | None:
    """Return the condition of being the user's; None for nobody's."""
    if user is None:
        return None
    return ~Q(pk="") if user.admin else Q(channel__owner=user)


def _need_outside_bin(video: Video) -> None:
    if video.deleted_at is not None:
        raise UnfitState(_("The video is in the bin."), mend=_("Take it out first."))


def _locked(video: Video) -> Video:
    return (
        Video.objects.select_for_update(of=("self",))
        .select_related("channel__owner")
        .get(pk=video.pk)
    )


def _save(video: Video) -> None:
    checked = {"title", "description", "visibility"}
    try:
        video.clean_fields(exclude={field.name for field in Video._meta.fields} - checked)
        _check_texts(video)
        save(video, (*checked, "keep", "state", "asked_until", "publish_at"))
    except ValidationError as error:
        raise InvalidVideo(in_one_sentence(error, Video)) from None


def _check_texts(video: Video) -> None:
    for name, check in _CHECKS:
        try:
            check(getattr(video, name))
        except ValidationError as error:
            raise ValidationError({name: error}) from None
