"""The studio's pages of a channel's videos, and of one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from madang.apps.api import UnknownCursor
from madang.apps.channels import services as channels
from madang.apps.channels.models import (
    DESCRIPTION_LENGTH,
    MAX_RETENTION_DAYS,
    MAX_RETENTION_GB,
    TITLE_LENGTH,
    Channel,
    Clips,
    Record,
)
from madang.apps.chat.studio_parts import attempt, room_of
from madang.apps.jobs.errors import JobError
from madang.apps.videos import (
    bulk_page,
    entries,
    library,
    preparation,
    publication,
    services,
    subtitles,
    tags,
)
from madang.apps.videos.errors import NoSuchVideo, VideoError
from madang.apps.videos.library import VideoChange
from madang.apps.videos.models import State, Video, Visibility
from madang.apps.videos.studio_forms import PosterForm, SubtitlesForm
from madang.recording.manifest import ID_PATTERN

_AT_ONCE: Final = 50
"""Videos that one request asks about."""


class RecordingForm(forms.Form):
    """Which shows a channel keeps, and for how long; an empty field follows the station."""

    record = forms.ChoiceField(
        label=gettext_lazy("what is kept"), choices=Record.choices, required=False
    )
    retention_days = forms.IntegerField(
        label=gettext_lazy("days that recordings are kept"),
        required=False,
        min_value=0,
        max_value=MAX_RETENTION_DAYS,
    )
    retention_gb = forms.IntegerField(
        label=gettext_lazy("gigabytes that videos take at most"),
        required=False,
        min_value=0,
        max_value=MAX_RETENTION_GB,
        help_text=gettext_lazy(
            "Empty or 0: without limit. Beyond it those with the fewest views for their age go to "
            "the bin."
        ),
    )
    clips = forms.ChoiceField(
        label=gettext_lazy("who may make clips, besides you"),
        choices=Clips.choices,
        required=False,
    )
    chat_replay = forms.BooleanField(
        label=gettext_lazy("show the chat beside videos of shows"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        station = dict(Record.choices)[settings.MADANG_RECORD]
        field = self.fields["record"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (value, format_lazy("{name}: {station}", name=name, station=station))
            if value == Record.DEFAULT
            else (value, name)
            for value, name in Record.choices
        ]
        days: int = settings.MADANG_RETENTION_DAYS
        self.fields["retention_days"].widget.attrs["placeholder"] = days or _("for ever")
        self.fields["retention_days"].help_text = _("Empty: as the station does. 0: for ever.")


class VideoForm(forms.Form):
    """Title, description and visibility of a video."""

    title = forms.CharField(label=gettext_lazy("title"), max_length=TITLE_LENGTH)
    description = forms.CharField(
        label=gettext_lazy("description"),
        required=False,
        max_length=DESCRIPTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy("Lines that begin with a time, such as 12:30, become chapters."),
    )
    tags = forms.CharField(
        label=gettext_lazy("tags"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy("With commas between. Search and the library find videos by them."),
    )
    visibility = forms.ChoiceField(
        label=gettext_lazy("who may see it"),
        choices=(
            (Visibility.PUBLIC, gettext_lazy("everybody, and it is listed")),
            (Visibility.UNLISTED, gettext_lazy("whoever has the address")),
            (Visibility.PRIVATE, gettext_lazy("you alone")),
        ),
    )
    publish_at = forms.DateTimeField(
        label=gettext_lazy("becomes public at"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("In the station's time zone. Until then nobody finds it."),
    )
    keep = forms.BooleanField(label=gettext_lazy("keep it for good"), required=False)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a channel's videos, and change what is kept from the form."""
    channel, _user = room_of(request, slug, owner=True)
    given = {name: getattr(channel, name) for name in RecordingForm.base_fields}
    form = RecordingForm(request.POST or None, initial=given)

    def choose(chosen: Mapping[str, Any]) -> None:
        days = chosen["retention_days"]
        channels.set_recording(
            slug,
            record=chosen["record"] or channels.STATION_DEFAULT,
            retention_days=channels.STATION_DEFAULT if days is None else days,
            retention_gb=chosen["retention_gb"] or 0,
            chat_replay=chosen["chat_replay"],
            clips=chosen["clips"] or None,
        )

    if request.method == "POST" and attempt(form, choose):
        messages.success(request, _("Saved."))
        return redirect("studio-videos", slug=slug)
    own = library.all_videos().filter(channel=channel)
    context = {
        **_page_of(request, own.filter(deleted_at=None).exclude(state=State.ASKING)),
        "asking": [entries.entry_of(video) for video in library.asking_of(channel)],
        "in_bin": own.exclude(deleted_at=None).count(),
        "changes": bulk_page.CHANGES,
        "changed": _changed(request),
        "form": form,
    }
    return _render(request, channel, "studio/videos.html", context, 400 if form.errors else 200)


@login_required
@never_cache
@require_safe
def in_bin(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a channel's videos in the bin."""
    channel, _user = room_of(request, slug, owner=True)
    binned = library.all_videos().filter(channel=channel).exclude(deleted_at=None)
    context = _page_of(request, binned)
    context["videos"] = entries.with_reasons(context["videos"])
    return _render(request, channel, "studio/video_bin.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, slug: str, video_id: str) -> HttpResponse:
    """Show a video, and do what one of its forms says (`do`)."""
    channel, _user = room_of(request, slug, owner=True)
    video = own_video(channel, video_id)
    if (act := _ACTS.get(request.POST.get("do", ""))) is not None:
        try:
            messages.success(request, act(video))
        except (VideoError, JobError) as error:
            messages.error(request, str(error))
        return redirect("studio-videos", slug=slug)
    form = _form_of(video, request.POST or None)

    def change(given: Mapping[str, Any]) -> None:
        publish_at = given["publish_at"]
        others = {name: value for name, value in given.items() if name != "publish_at"}
        with transaction.atomic():
            changed = library.change(
                video, VideoChange(**{**others, "tags": tags.split(given["tags"])})
            )
            # A plan that was left alone may be over, or was ended by making the video public.
            if "publish_at" in form.changed_data:
                publication.schedule(changed, publish_at)

    if request.method == "POST" and attempt(form, change):
        messages.success(request, _("Saved."))
        return redirect("studio-video", slug=slug, video_id=video_id)
    return show(request, channel, video, {"form": form}, 400 if form.errors else 200)


def show(
    request: HttpRequest, channel: Channel, video: Video, form: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Show the page of a video, with a form that was filled in."""
    (entry,) = entries.with_preparations([entries.entry_of(video)])
    context = {
        "entry": entry,
        "video": video,
        "form": _form_of(video),
        "replaceable": services.has_files(video.pk),
        "subtitles": subtitles.of(video),
        "subtitles_form": SubtitlesForm(),
        "poster_form": PosterForm(),
        **form,
    }
    return _render(request, channel, "studio/video.html", context, status)


def _form_of(video: Video, given: Any = None) -> VideoForm:
    fields = ("title", "description", "visibility", "publish_at", "keep")
    initial = {name: getattr(video, name) for name in fields}
    if video.publish_at is not None:  # as the field shows it
        initial["publish_at"] = video.publish_at.replace(second=0, microsecond=0)
    initial["tags"] = ", ".join(tag.name for tag in video.tags.all())
    return VideoForm(given, initial=initial)


@login_required
@never_cache
@require_safe
def progress(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what is being done about the videos `id`, and with `rows` how the list shows them."""
    channel, _user = room_of(request, slug, owner=True)
    ids = [each for each in request.GET.getlist("id")[:_AT_ONCE] if re.fullmatch(ID_PATTERN, each)]
    videos = library.all_videos().filter(channel=channel, deleted_at=None, pk__in=ids)
    found = entries.with_preparations([entries.entry_of(video) for video in videos])
    shown = {"channel": channels.card(channel), "ask": False, "choose": True}
    items = []
    for entry in found:
        about = entry.preparation
        item = {
            "id": entry.video.pk,
            "state": entry.video.state,
            "version": entry.version,
            "busy": about is not None and about.busy,
            "words": about.words if about is not None else "",
            "progress": about.progress if about is not None else None,
        }
        if "rows" in request.GET:
            row = {**shown, "entry": entry}
            item["row"] = render_to_string("studio/video_row.html", row, request)
        items.append(item)
    return JsonResponse({"items": items})


def _publish(video: Video) -> str:
    library.change(video, VideoChange(visibility=Visibility.PUBLIC))
    return _("The video is kept, and public.")


def _delete(video: Video) -> str:
    library.delete(video)
    return _("The video is in the bin for seven days.")


def _restore(video: Video) -> str:
    library.restore(video)
    return _("The video is out of the bin.")


def _cancel(video: Video) -> str:
    preparation.cancel(video)
    return _("Cancelled.")


def _retry(video: Video) -> str:
    preparation.retry(video)
    return _("It is tried again.")


_ACTS: Final[Mapping[str, Callable[[Video], str]]] = {
    "publish": _publish,
    "delete": _delete,
    "restore": _restore,
    "cancel": _cancel,
    "retry": _retry,
}


def _page_of(request: HttpRequest, videos: Any) -> dict[str, Any]:
    try:
        found, following = entries.page(videos, request.GET.get("cursor"))
    except UnknownCursor:
        raise Http404 from None
    return {"videos": entries.with_preparations(found), "next_cursor": following}


def _changed(request: HttpRequest) -> dict[str, Any] | None:
    """Return the change of several videos that the address names: its id, and their number."""
    change_id, count = request.GET.get("change", ""), request.GET.get("n", "")
    if not re.fullmatch(ID_PATTERN, change_id) or not re.fullmatch(r"[1-9][0-9]{0,2}", count):
        return None
    return {"id": change_id, "count": int(count)}


def own_video(channel: Channel, video_id: str) -> Video:
    """Return a video of `channel`. Raises Http404."""
    try:
        video = library.get(video_id)
    except NoSuchVideo:
        raise Http404 from None
    if video.channel_id != channel.pk:
        raise Http404
    return video


def _render(
    request: HttpRequest, channel: Channel, template: str, more: dict[str, Any], status: int = 200
) -> HttpResponse:
    context = {"channel": channels.card(channel), "may_run": True, **more}
    return render(request, template, context, status=status)
