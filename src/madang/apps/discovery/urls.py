"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import path

from madang.apps.discovery import views
from madang.apps.discovery.api import router

urlpatterns: Final = [path("search", views.search, name="search")]
api_routers: Final = [router]
