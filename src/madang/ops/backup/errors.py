"""What can go wrong with a backup, told so that a person can mend it."""

from __future__ import annotations

from madang.base.errors import MadangError


class BackupError(MadangError):
    """A backup could not be taken, checked or brought back."""


class NotVerified(BackupError):
    """A backup is damaged: what it brought back is not what was put in."""


class Busy(BackupError):
    """Another backup, check or restore is at work on the same station."""
