"""Notices in Django's admin, read-only except for deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from madang.apps.notices.models import Notice

# Django's classes are not generic at run time.
if TYPE_CHECKING:
    Notices = admin.ModelAdmin[Notice]
else:
    Notices = admin.ModelAdmin


@admin.register(Notice)
class NoticeAdmin(Notices):
    list_display = ("subject", "recipient", "created_at", "sent", "attempts", "error")
    list_filter = ("sent", "kind")
    search_fields = ("subject", "recipient", "text")
    date_hierarchy = "created_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: the station writes them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Notice | None = None) -> bool:
        """Return False: what was sent is sent."""
        return False
