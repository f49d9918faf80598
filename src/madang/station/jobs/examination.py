"""The daily examination of the machine: what `madang doctor` finds wrong is mailed to
administrators, once a week for as long as it lasts."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.notices.services import Message, notify_administrators, resolve
from madang.base.errors import MadangError
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.station.config.settings import Settings

KIND: Final = "examination"

CHECK_SECONDS: Final = 600.0
"""Time for all checks: that of a large database reads all of it."""

log = logging.getLogger(__name__)


class ExaminationFailed(MadangError):
    """The checks did not come to an end."""


def run_doctor(settings: Settings) -> list[dict[str, Any]]:
    """Return the checks of `madang doctor --json`, run as a child. Raises ExaminationFailed."""
    command = [sys.executable, "-m", "madang", "doctor", "--json", "--data", str(settings.data)]
    command += ["--config", str(settings.file)] if settings.file else []
    try:
        done = subprocess.run(
            command,
            check=False,  # it ends with 1 where anything is wrong
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_SECONDS,
        )
        found = json.loads(done.stdout)["checks"]
    except (subprocess.TimeoutExpired, ValueError, KeyError) as error:
        raise ExaminationFailed(f"madang doctor gave no answer: {error}.") from error
    assert isinstance(found, list)
    return found


class Examination:
    """Runs the checks and queues notices."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock = SYSTEM_CLOCK,
        *,
        examine: Callable[[Settings], Sequence[dict[str, Any]]] = run_doctor,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._examine = examine

    def run(self) -> None:
        """Examine once. Raises django.db.Error, ExaminationFailed."""
        checks = self._examine(self._settings)
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        for check in checks:
            if check["ok"]:
                resolve(KIND, check["name"], now)
                continue
            log.warning("examination: %s: %s", check["name"], check["detail"])
            notify_administrators(_message(check, self._settings.public_url), now)


def _message(check: dict[str, Any], address: str) -> Message:
    return Message(
        KIND,
        check["name"],
        format_lazy(_("something is wrong: {name}"), name=check["name"]),
        format_lazy(
            _(
                "The station {address} examines itself once a day, and found this:\n\n"
                "{name}: {detail}\n\nWhat to do: {mend}\n\n"
                "`madang doctor` shows all checks. This message comes again in a week if nothing "
                "has changed."
            ),
            address=address,
            name=check["name"],
            detail=check["detail"],
            mend=check["mend"],
        ),
    )
