"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import URLPattern

from madang.apps.uploads.api import router

urlpatterns: Final[list[URLPattern]] = []
api_routers: Final = [router]
