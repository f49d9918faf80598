"""Past shows in Django's admin, read-only except for deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from madang.apps.broadcasts.models import Broadcast

# Django's classes are not generic at run time.
if TYPE_CHECKING:
    Broadcasts = admin.ModelAdmin[Broadcast]
else:
    Broadcasts = admin.ModelAdmin


@admin.register(Broadcast)
class BroadcastAdmin(Broadcasts):
    list_display = ("channel", "title", "began_at", "ended_at", "end_reason", "peak_viewers")
    list_filter = ("end_reason", "channel")
    list_select_related = ("channel",)
    date_hierarchy = "began_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: shows are recorded by the data plane."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        """Return False: records are immutable."""
        return False
