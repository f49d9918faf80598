"""Signals of shows, for apps that this one does not know.

Each is sent with `show`, its record, and `at`, the instant, in the transaction that changes the
record: a receiver that raises undoes the change.
"""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

show_began: Final = Signal()
show_ended: Final = Signal()
