"""Keeps sending what PostgreSQL archives, so that a lost server loses less than a minute."""

from __future__ import annotations

import logging
import time

from madang.base.errors import MadangError
from madang.ops.backup.create import ship
from madang.ops.backup.model import Plan
from madang.ops.backup.pgbackrest_config import SHIP_SECONDS

log = logging.getLogger(__name__)


class Shipper:
    """Sends once per call, and says in the log when that begins or ceases to fail."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._trouble = ""

    def __call__(self) -> None:
        """Send what there is. Failures are logged once, not every time."""
        try:
            ship(self._plan)
        except MadangError as error:
            if str(error) != self._trouble:
                log.error("backups: the archive does not reach the copy elsewhere: %s", error)
            self._trouble = str(error)
        else:
            if self._trouble:
                log.warning("backups: the archive reaches the copy elsewhere again")
            self._trouble = ""


def watch_and_send(plan: Plan) -> None:
    """Send every few seconds until this process is ended."""
    send = Shipper(plan)
    while True:
        send()
        time.sleep(SHIP_SECONDS)
