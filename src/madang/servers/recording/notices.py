"""Mail to the administrators about a disk that takes no recordings."""

from __future__ import annotations

import contextlib
import socket
from datetime import UTC, datetime
from typing import Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.notices.services import Message, notify_administrators, resolve
from madang.base.errors import LazyText
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.servers.recording.rows import Submit
from madang.servers.recording.space import Trouble

KIND: Final = "recordings"


class StorageNotices:
    """Queues a notice while there is a trouble, and resolves it when that is over; on a thread that
    may wait for the database."""

    def __init__(
        self, submit: Submit, address: str, reserve_gb: float, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._submit = submit
        self._address = address
        self._reserve_gb = reserve_gb
        self._clock = clock
        self._host = socket.gethostname()
        self._trouble: Trouble | None = None

    def __call__(self, trouble: Trouble | None) -> None:
        """Report `trouble`, or that there is none."""
        self._trouble = trouble
        # At the end of the process the thread may be over already.
        with contextlib.suppress(RuntimeError):
            self._submit(self._note, keep=True)

    def _note(self) -> None:
        """Note what holds now: while the database was away that may have changed."""
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        if self._trouble is None:
            resolve(KIND, self._host, now)
        else:
            notify_administrators(self._message(self._trouble), now)

    def _message(self, trouble: Trouble) -> Message:
        return Message(
            KIND,
            self._host,
            _("nothing is being recorded"),
            format_lazy(
                _(
                    "{reason}\n\nShows go on live; what is not recorded of them becomes a gap in "
                    "their videos.\n\nWhat to do: {mend}\n\nRecording goes on by itself once the "
                    "disk takes data again. Station: {address}, machine: {host}."
                ),
                reason=self._reason(trouble),
                mend=_MENDS[trouble.kind],
                address=self._address,
                host=self._host,
            ),
        )

    def _reason(self, trouble: Trouble) -> LazyText:
        match trouble.kind:
            case "full":
                return format_lazy(
                    _(
                        "The disk of the recordings is full but for the reserve of {reserve} GB "
                        "(recording.reserve_gb)."
                    ),
                    reserve=f"{self._reserve_gb:g}",
                )
            case "unreachable":
                return format_lazy(
                    _("The storage of the recordings cannot be reached: {detail}."),
                    detail=trouble.detail,
                )
            case "failing":
                return format_lazy(
                    _("The disk of the recordings refuses what is written: {detail}."),
                    detail=trouble.detail,
                )


_MENDS: Final[dict[str, LazyText]] = {
    "full": _(
        "delete videos in the studio, keep them for a shorter time (recording.retention_days), or "
        "enlarge the disk."
    ),
    "unreachable": _("look whether the disk is mounted and the storage answers."),
    "failing": _("look at the disk and at the log of the kernel (journalctl --dmesg)."),
}
