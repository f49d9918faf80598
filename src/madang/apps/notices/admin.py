"""Notices in Django's admin, read-only except for deletion."""

from __future__ import annotations

from django.contrib import admin

from madang.apps.notices.models import Notice
from madang.apps.read_only_admin import ReadOnlyAdmin


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("subject", "recipient", "created_at", "sent", "attempts", "error")
    list_filter = ("sent", "kind")
    search_fields = ("subject", "recipient", "text")
    date_hierarchy = "created_at"
