"""Changes of several videos at once, and taking them back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.models import User
from madang.apps.ids import new_id
from madang.apps.jobs.errors import JobError
from madang.apps.videos import library, publication
from madang.apps.videos.errors import InvalidVideo, UnfitState, VideoError
from madang.apps.videos.library import VideoChange
from madang.apps.videos.models import BulkChange, State, Visibility
from madang.recording.manifest import ID_PATTERN

MOST: Final = 200
"""Videos of one change: it is answered within a request."""

UNDO_TIME: Final = timedelta(minutes=15)
"""Time for which a change can be taken back."""

KEPT: Final = timedelta(days=1)
"""Time for which changes are remembered: who comes later is told so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change of each video; None leaves it as it is."""

    visibility: Visibility | None = None
    keep: bool | None = None
    delete: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome for one video; `reason` is empty where it was changed."""

    video_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: its id, by which it is taken back, and what became of each video."""

    change_id: str
    outcomes: tuple[Outcome, ...]

    @property
    def changed(self) -> int:
        """Number of videos that were changed."""
        return sum(not each.reason for each in self.outcomes)


def change(user: User, ids: Sequence[str], wanted: Wanted, *, now: datetime | None = None) -> Done:
    """Change videos that `user` may change, each by itself: one that cannot be changed does not
    hold up the others. Raises InvalidVideo."""
    chosen = list(dict.fromkeys(ids))
    if not chosen:
        raise InvalidVideo(_("No video is chosen."), mend=_("Choose some."))
    if len(chosen) > MOST:
        raise InvalidVideo(_("These are too many videos at once."), mend=_("Choose fewer."))
    at = now or timezone.now()
    made = BulkChange.objects.create(id=new_id(), user=user, at=at, before=[])
    outcomes: list[Outcome] = []
    for video_id in chosen:
        try:
            with transaction.atomic():
                made.before.append(_change_one(user, video_id, wanted, at))
                made.save(update_fields=["before"])
            outcomes.append(Outcome(video_id))
        except (VideoError, JobError) as error:
            outcomes.append(Outcome(video_id, str(error)))
    return Done(made.pk, tuple(outcomes))


def undo(user: User, change_id: str, *, now: datetime | None = None) -> int:
    """Take back a change of `user`, and return how many videos are again as they were: what
    somebody has changed since then stays. Raises UnfitState."""
    at = now or timezone.now()
    with transaction.atomic():
        made = None
        if re.fullmatch(ID_PATTERN, change_id):  # PostgreSQL refuses texts with a zero byte
            made = BulkChange.objects.select_for_update().filter(pk=change_id, user=user).first()
        if made is None or at - made.at > UNDO_TIME:
            raise UnfitState(_("This change can no longer be taken back."))
        if made.undone_at is not None:
            raise UnfitState(_("This change was taken back already."))
        made.undone_at = at
        made.save(update_fields=["undone_at"])
    return sum(_undo_one(user, each, made.at, at) for each in made.before)


def delete_old(now: datetime) -> None:
    """Forget changes that cannot be taken back any more."""
    BulkChange.objects.filter(at__lt=now - KEPT).delete()


def _change_one(user: User, video_id: str, wanted: Wanted, at: datetime) -> dict[str, Any]:
    """Change one video; return what it takes to undo that."""
    video = library.find_own(video_id, user)
    if video.state in {State.RECORDING, State.ASKING}:
        raise UnfitState(_("The video is not ready."), mend=_("Wait until its show is over."))
    before: dict[str, Any] = {"id": video_id, "deleted": wanted.delete}
    if wanted.delete:
        if video.deleted_at is not None:
            raise UnfitState(_("The video is in the bin."))
        library.delete(video, now=at)
        return before
    for name in ("visibility", "keep"):
        value = getattr(wanted, name)
        if value is not None:
            before[name] = [getattr(video, name), value]
    if wanted.visibility == Visibility.PUBLIC and video.publish_at is not None:
        before["publish_at"] = video.publish_at.isoformat()  # being public ends the plan
    library.change(video, VideoChange(visibility=wanted.visibility, keep=wanted.keep), now=at)
    return before


def _undo_one(user: User, before: dict[str, Any], changed_at: datetime, at: datetime) -> bool:
    try:
        with transaction.atomic():
            video = library.find_own(before["id"], user)
            if before["deleted"]:
                if video.deleted_at != changed_at:
                    return False
                library.restore(video, now=at)
                return True
            back = {
                name: before[name][0]
                for name in ("visibility", "keep")
                if name in before and getattr(video, name) == before[name][1]
            }
            library.change(video, VideoChange(**back), now=at)
            if "visibility" in back and "publish_at" in before:
                # Refused once that time is over: it would be public by now in any case.
                publication.schedule(video, datetime.fromisoformat(before["publish_at"]), now=at)
            return bool(back)
    except (VideoError, JobError):  # it is gone, or in the bin: nothing is to be taken back
        return False
