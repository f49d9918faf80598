"""Signals of jobs, sent inside the transaction that changes the row."""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

job_failed: Final = Signal()
"""Sent with `job`, a Job that has failed for good; its `error` has the reason."""

job_cancelled: Final = Signal()
"""Sent with `job`, a Job that somebody cancelled, but not with the deletion of its subject."""

job_retried: Final = Signal()
"""Sent with `job`, a Job that somebody queued again after it had come to nothing."""
