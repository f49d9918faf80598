"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import path

from madang.apps.planner import views
from madang.apps.planner.api import router

urlpatterns: Final = [path("plan/", views.page, name="plan")]
api_routers: Final = [router]
