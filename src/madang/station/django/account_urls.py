"""Addresses of the pages of allauth that this station has.

Those that send mail are left out: the station has no way to send any.
"""

from __future__ import annotations

from typing import Final

from allauth.account import views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import URLPattern, path
from django.utils.http import urlencode

urlpatterns: Final[list[URLPattern]] = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("signup/", views.signup, name="account_signup"),
]


def admin_login(request: HttpRequest) -> HttpResponse:
    """Lead to the one sign-in page, whose attempts are counted; Django admin's own are not."""
    if request.user.is_authenticated:
        return redirect("home")
    target = request.GET.get("next", resolve_url("admin:index"))
    return redirect(f"{resolve_url('account_login')}?{urlencode({'next': target})}")
