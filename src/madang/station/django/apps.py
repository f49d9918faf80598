"""The list of the station's apps: the one place where a new app is entered.

Each is a package with an AppConfig in `apps.py` (whose attribute `problems` may give its errors
problem types) and a module `urls` with `urlpatterns` and `api_routers`.
"""

from __future__ import annotations

from typing import Final

APPS: Final = (
    "madang.apps.accounts",
    "madang.apps.channels",
    "madang.apps.broadcasts",
    "madang.apps.jobs",
    "madang.apps.videos",
    "madang.apps.discovery",
    "madang.apps.uploads",
    "madang.apps.chat",
    "madang.apps.webhooks",
    "madang.apps.notices",
    "madang.apps.planner",
)
