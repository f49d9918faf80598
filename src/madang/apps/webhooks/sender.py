"""The sender of deliveries that are due, for the worker."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import Final

from django.db import Error

from madang.apps.webhooks import services
from madang.apps.webhooks.delivery import send
from madang.infra.clock import SYSTEM_CLOCK, Clock

THREADS: Final = 4
"""Requests at a time: a slow receiver holds up one of them."""

BATCH: Final = 20
"""Deliveries that are claimed at once: THREADS send them within their lease, slow or not."""

log = logging.getLogger(__name__)


class DeliverySender:
    """Sends deliveries on threads of its own, which make no use of the database."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks")
        self._stopped = False

    def send_due(self) -> None:
        """Send what is due and record the outcomes. Raises django.db.Error."""
        while not self._stopped and self._send_batch() == BATCH:
            pass

    def stop(self) -> None:
        """Begin no other batch."""
        self._stopped = True

    def _send_batch(self) -> int:
        sending = {
            self._threads.submit(send, delivery, self._now()): delivery
            for delivery in services.claim_due(self._now(), BATCH)
        }
        for done in as_completed(sending):
            delivery = sending[done]
            try:
                services.record(delivery, done.result(), self._now())
            except Error:
                log.warning("the delivery d%d is sent again: the database is away", delivery.pk)
        return len(sending)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)
