"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import path, re_path

from madang.apps.broadcasts import studio, views
from madang.apps.broadcasts.api import router
from madang.apps.channels.urls import SLUG

urlpatterns: Final = [
    path("", views.home, name="home"),
    re_path(rf"^@{SLUG}$", views.channel, name="channel"),
    re_path(rf"^embed/@{SLUG}$", views.embed, name="embed"),
    re_path(rf"^studio/@{SLUG}$", studio.channel_page, name="studio-channel"),
    re_path(rf"^studio/@{SLUG}/details$", studio.details, name="studio-details"),
    re_path(rf"^studio/@{SLUG}/key$", studio.key, name="studio-key"),
    re_path(rf"^studio/@{SLUG}/health\.json$", studio.stream_health, name="studio-health"),
]
api_routers: Final = [router]
