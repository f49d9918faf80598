"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import path

from madang.apps.channels import views
from madang.apps.channels.api import router

SLUG: Final = r"(?P<slug>[a-z0-9][a-z0-9_-]{1,39})"
"""A channel's slug, in the addresses of every app."""

urlpatterns: Final = [path("studio/", views.index, name="studio")]
api_routers: Final = [router]
