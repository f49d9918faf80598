"""Past shows in Django's admin, read-only except for deletion."""

from __future__ import annotations

from django.contrib import admin

from madang.apps.broadcasts.models import Broadcast
from madang.apps.read_only_admin import ReadOnlyAdmin


@admin.register(Broadcast)
class BroadcastAdmin(ReadOnlyAdmin):
    list_display = ("channel", "title", "began_at", "ended_at", "end_reason", "peak_viewers")
    list_filter = ("end_reason", "channel")
    list_select_related = ("channel",)
    date_hierarchy = "began_at"
