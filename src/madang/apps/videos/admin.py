"""Videos in Django's admin, read-only; their owners change them in the studio."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from madang.apps.read_only_admin import ReadOnlyAdmin
from madang.apps.videos.models import Removal, State, Video


@admin.register(Video)
class VideoAdmin(ReadOnlyAdmin):
    list_display = ("id", "channel", "title", "state", "visibility", "bytes", "created_at", "keep")
    list_filter = ("state", "visibility", "kind", "channel")
    list_select_related = ("channel",)
    search_fields = ("id", "title")
    date_hierarchy = "created_at"

    def has_delete_permission(self, request: HttpRequest, obj: Video | None = None) -> bool:
        """Return False while there are files, which a deleted row, or channel, would leave."""
        return obj is not None and obj.state == State.DELETED


@admin.register(Removal)
class RemovalAdmin(ReadOnlyAdmin):
    list_display = ("video_id", "channel", "title", "bytes", "views", "reason", "at", "restored_at")
    list_filter = ("reason", "channel")
    search_fields = ("video_id", "title")
    date_hierarchy = "at"

    def has_delete_permission(self, request: HttpRequest, obj: Removal | None = None) -> bool:
        """Return False: the account is complete."""
        return False
