"""Continuous upload of WAL files, so that a lost server loses less than a minute."""

from __future__ import annotations

import logging
import time

from madang.base.errors import MadangError
from madang.ops.backup.create import ship_wal
from madang.ops.backup.model import BackupPlan
from madang.ops.backup.pgbackrest_config import SHIP_SECONDS

log = logging.getLogger(__name__)


class WalShipper:
    """Uploads once per call and logs when that starts or stops failing."""

    def __init__(self, plan: BackupPlan) -> None:
        self._plan = plan
        self._last_error = ""

    def __call__(self) -> None:
        """Upload new files. Each failure is logged once."""
        try:
            ship_wal(self._plan)
        except MadangError as error:
            if str(error) != self._last_error:
                log.error("backups: the archive does not reach the copy elsewhere: %s", error)
            self._last_error = str(error)
        else:
            if self._last_error:
                log.warning("backups: the archive reaches the copy elsewhere again")
            self._last_error = ""


def ship_continuously(plan: BackupPlan) -> None:
    """Upload every SHIP_SECONDS until the process ends."""
    ship = WalShipper(plan)
    while True:
        ship()
        time.sleep(SHIP_SECONDS)
