"""Uploads in Django's admin, read-only."""

from __future__ import annotations

from django.contrib import admin

from madang.apps.read_only_admin import ReadOnlyAdmin
from madang.apps.uploads.models import Upload


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "channel", "filename", "state", "offset", "length", "created_at")
    list_filter = ("state",)
    search_fields = ("id", "filename", "video_id")
    date_hierarchy = "created_at"
