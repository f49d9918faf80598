"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import re_path

from madang.apps.channels.urls import SLUG
from madang.apps.videos import (
    api,
    bulk_api,
    bulk_page,
    clip_api,
    poster_api,
    poster_page,
    studio,
    subtitle_api,
    subtitle_page,
    trim_page,
    upload_page,
    views,
)
from madang.recording.manifest import ID_PATTERN

_ID: Final = rf"(?P<video_id>{ID_PATTERN})"

urlpatterns: Final = [
    re_path(rf"^v/{_ID}$", views.watch, name="video"),
    re_path(rf"^embed/v/{_ID}$", views.embed, name="embed-video"),
    re_path(rf"^@{SLUG}/videos$", views.of_channel, name="channel-videos"),
    re_path(rf"^studio/@{SLUG}/videos$", studio.index, name="studio-videos"),
    re_path(rf"^studio/@{SLUG}/videos/upload$", upload_page.upload, name="studio-upload"),
    re_path(rf"^studio/@{SLUG}/videos/progress$", studio.progress, name="studio-video-progress"),
    re_path(rf"^studio/@{SLUG}/videos/bulk$", bulk_page.change, name="studio-videos-bulk"),
    re_path(rf"^studio/@{SLUG}/videos/undo$", bulk_page.undo, name="studio-videos-undo"),
    re_path(rf"^studio/@{SLUG}/videos/bin$", studio.in_bin, name="studio-video-bin"),
    re_path(rf"^studio/@{SLUG}/videos/{_ID}$", studio.one, name="studio-video"),
    re_path(
        rf"^studio/@{SLUG}/videos/{_ID}/subtitles$", subtitle_page.change, name="studio-subtitles"
    ),
    re_path(rf"^studio/@{SLUG}/videos/{_ID}/poster$", poster_page.change, name="studio-poster"),
    re_path(rf"^studio/@{SLUG}/videos/{_ID}/trim$", trim_page.page, name="studio-video-trim"),
]
api_routers: Final = [
    api.router,
    bulk_api.router,
    clip_api.router,
    subtitle_api.router,
    poster_api.router,
]
