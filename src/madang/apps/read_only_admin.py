"""Rows in Django's admin that the station writes, and administrators only read or delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

# Django's classes are not generic at run time.
if TYPE_CHECKING:
    Rows = admin.ModelAdmin[Any]
else:
    Rows = admin.ModelAdmin


class ReadOnlyAdmin(Rows):
    """Administration of rows without adding and changing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: the station adds them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: they are immutable."""
        return False
