"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import re_path

from madang.apps.channels.urls import SLUG
from madang.apps.webhooks import views
from madang.apps.webhooks.api import router

urlpatterns: Final = [
    re_path(rf"^studio/@{SLUG}/webhooks$", views.index, name="studio-webhooks"),
    re_path(
        rf"^studio/@{SLUG}/webhooks/(?P<webhook>[0-9]{{1,18}})$", views.one, name="studio-webhook"
    ),
]
api_routers: Final = [router]
