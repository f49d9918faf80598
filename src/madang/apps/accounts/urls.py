"""Addresses of the app. Those below `/accounts/` are allauth's: `madang.station.django`."""

from __future__ import annotations

from typing import Final

from django.urls import path

from madang.apps.accounts import account_page, views
from madang.apps.accounts.api import router
from madang.apps.accounts.tokens_api import router as tokens_router

urlpatterns: Final = [
    path("account/", account_page.account, name="account"),
    path("studio/tokens", views.api_tokens, name="studio-tokens"),
    path("ops/staff", views.staff, name="staff"),
]
api_routers: Final = [router, tokens_router]
