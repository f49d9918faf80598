"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import URLPattern
from ninja import Router

urlpatterns: Final[list[URLPattern]] = []
api_routers: Final[list[Router]] = []
