"""Addresses of the app: none. Notices are in the administration."""

from __future__ import annotations

from typing import Any, Final

urlpatterns: Final[list[Any]] = []
api_routers: Final[list[Any]] = []
