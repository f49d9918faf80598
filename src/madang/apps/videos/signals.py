"""Signals of videos, for apps that this one does not know.

Each is sent with `video`, its row, and `at`, the instant, in the transaction that changes the row:
a receiver that raises undoes the change.
"""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

video_ready: Final = Signal()
video_failed: Final = Signal()
