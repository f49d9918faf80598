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


class Examination:
    """Runs the checks and queues notices. `examine` returns checks as `madang doctor --json` does,
    which a child process does where it is None."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock = SYSTEM_CLOCK,
        *,
        examine: Callable[[], Sequence[dict[str, Any]]] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._examine = examine or self.run_doctor
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Examine once. Raises django.db.Error, ExaminationFailed."""
        checks = self._examine()
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        for check in checks:
            if check["ok"]:
                resolve(KIND, check["name"], now)
                continue
            log.warning("examination: %s: %s", check["name"], check["detail"])
            notify_administrators(_message(check, self._settings.public_url), now)

    def stop(self) -> None:
        """End the child that may be running."""
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()

    def run_doctor(self) -> list[dict[str, Any]]:
        """Return the checks of `madang doctor`, run as a child. Raises ExaminationFailed."""
        settings = self._settings
        command = [sys.executable, "-m", "madang", "doctor", "--json", "--data", str(settings.data)]
        command += ["--config", str(settings.file)] if settings.file else []
        self._child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            output, _ = self._child.communicate(timeout=CHECK_SECONDS)
            found = json.loads(output)["checks"]
        except (subprocess.TimeoutExpired, ValueError, KeyError) as error:
            self._child.kill()
            self._child.wait()
            raise ExaminationFailed(f"madang doctor gave no answer: {error}.") from error
        assert isinstance(found, list)
        return found


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
