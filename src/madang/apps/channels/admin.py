"""Channels in Django's admin. Keys are shown; only the services make and revoke them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from madang.apps.channels.models import Channel, StreamKey

# Django's classes are not generic at run time.
if TYPE_CHECKING:
    StreamKeys = admin.TabularInline[StreamKey, Channel]
    Channels = admin.ModelAdmin[Channel]
else:
    StreamKeys = admin.TabularInline
    Channels = admin.ModelAdmin


class StreamKeyInline(StreamKeys):
    """The keys of a channel, without their secrets."""

    model = StreamKey
    extra = 0
    can_delete = False
    fields = ("key_id", "created_at", "last_used_at", "revoked_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        """Return False: a key is shown once, at its creation by the services."""
        return False


@admin.register(Channel)
class ChannelAdmin(Channels):
    list_display = ("slug", "title", "owner", "language", "created_at")
    list_filter = ("language",)
    search_fields = ("slug", "title", "owner__name")
    inlines = (StreamKeyInline,)
