"""Errors of durable jobs."""

from __future__ import annotations

from madang.base.errors import LazyText, MadangError


class JobError(MadangError):
    """Root of the app's errors."""


class NoSuchJob(JobError):
    """No job has the id, or the account may not see it."""


class UnfitJobState(JobError):
    """The job is in a state that does not allow the change."""


class JobFailed(JobError):
    """An attempt failed. The message is the reason, for the person whose job it is.

    `retry=False`: another attempt would fail as well, as with a file that cannot be read.
    """

    def __init__(self, message: LazyText, *, mend: LazyText = "", retry: bool = True) -> None:
        super().__init__(message, mend=mend)
        self.retry = retry


class AttemptEnded(JobError):
    """Root of the reasons for which an attempt ends from outside. Handlers do not catch them."""


class JobCancelled(AttemptEnded):
    """Somebody cancelled the job."""


class LeaseLost(AttemptEnded):
    """The lease has expired and the job was taken again: nothing of this attempt is published."""


class AttemptInterrupted(AttemptEnded):
    """The worker stops; the next attempt begins as soon as there is a worker."""


class AttemptStalled(AttemptEnded):
    """The attempt made no progress for too long."""
