"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import path, re_path
from django.views.generic import RedirectView

from madang.apps.channels.urls import SLUG
from madang.apps.discovery import feeds, views
from madang.apps.discovery.api import router

urlpatterns: Final = [
    path("search", views.search, name="search"),
    path("library/", views.library, name="library"),
    path("videos", RedirectView.as_view(pattern_name="library", query_string=True)),
    re_path(rf"^feeds/@{SLUG}\.xml$", feeds.of_channel, name="channel-feed"),
    path("sitemap.xml", feeds.site_map),
    path("robots.txt", feeds.robots),
]
api_routers: Final = [router]
