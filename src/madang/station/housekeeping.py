"""Chores that nobody waits for: what has expired goes, what a crash left open is closed.

A list of chores, so that each app can add its own. Done by the role `worker`, or on a thread of
the station in one process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Final

from django.conf import settings as django_settings
from django.db import Error, close_old_connections
from django.utils import timezone

from madang.apps.broadcasts.ports import directory
from madang.apps.broadcasts.services import close_orphans
from madang.base.errors import MadangError

HOUR: Final = 3600.0

SILENT: Final = timedelta(minutes=5)
"""A show that runs has news every ten seconds; without any for so long its process is gone, or
cannot reach the database, in which case the directory still has it."""

AGAIN: Final = 60.0
"""Seconds until a chore that failed is tried again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every so many seconds; `act` returns how many things it dealt with."""

    name: str
    every: float
    act: Callable[[], int]


def forget_sessions() -> int:
    """Delete sessions that have expired; how many."""
    from django.contrib.sessions.models import Session

    expired = Session.objects.filter(expire_date__lt=timezone.now()).count()
    import_module(django_settings.SESSION_ENGINE).SessionStore.clear_expired()
    return expired


def close_silent_shows() -> int:
    """Close the records of shows whose process died and did not come back; how many."""
    return close_orphans(list(directory().snapshot()), silent_since=timezone.now() - SILENT)


CHORES: Final = (
    Chore("sessions that expired", HOUR, forget_sessions),
    Chore("shows whose process is gone", 60.0, close_silent_shows),
)


class Housekeeper:
    """Does the chores on a thread of its own, one after the other."""

    def __init__(
        self, chores: Sequence[Chore] = CHORES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._due = dict.fromkeys(chores, clock())
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no other chore. One that runs is short, and may be cut off: it is done again."""
        self._stop.set()

    def work(self) -> float:
        """Do what is due; seconds until something is again."""
        for chore, due in self._due.items():
            if due > self._clock() or self._stop.is_set():
                continue
            close_old_connections()
            try:
                count = chore.act()
            except (Error, MadangError) as error:
                log.warning("housekeeping: %s: %s; again in a minute", chore.name, error)
                self._due[chore] = self._clock() + AGAIN
            except Exception:
                log.exception("housekeeping: %s", chore.name)
                self._due[chore] = self._clock() + chore.every
            else:
                self._due[chore] = self._clock() + chore.every
                if count:
                    log.info("housekeeping: %s: %d", chore.name, count)
            finally:
                close_old_connections()
        return max(0.0, min(self._due.values()) - self._clock())

    def _run(self) -> None:
        while not self._stop.wait(self.work()):
            pass
