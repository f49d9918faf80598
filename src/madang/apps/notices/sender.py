"""The sender of notices that are due, for the worker."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from madang.apps.notices import mail, services
from madang.apps.notices.errors import MailRefused
from madang.apps.notices.models import Notice
from madang.infra.clock import SYSTEM_CLOCK, Clock

BATCH: Final = 20
"""Notices that are claimed at once."""

log = logging.getLogger(__name__)


class NoticeSender:
    """Sends notices one after another over one connection."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._stopped = False

    def send_due(self) -> None:
        """Send what is due and record the outcomes. Raises django.db.Error.

        Without a mail server notices wait, and show in the administration.
        """
        while mail.is_set_up() and not self._stopped and self._send_batch() == BATCH:
            pass

    def stop(self) -> None:
        """Begin no other batch."""
        self._stopped = True

    def _send_batch(self) -> int:
        due = services.claim_due(self._now(), BATCH)
        left = list(due)
        try:
            if due:
                with mail.connection() as over:
                    while left:
                        self._send(left.pop(0), over)
        except MailRefused as error:
            log.warning("mail: %s", error.message)
            for notice in left:
                services.record_failed(notice, error.message, self._now())
        return len(due)

    def _send(self, notice: Notice, over: object) -> None:
        try:
            mail.send(notice.recipient, notice.subject, notice.text, over)
        except MailRefused as error:
            log.warning("mail: %s", error.message)
            services.record_failed(notice, error.message, self._now())
        else:
            services.record_sent(notice, self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)
