"""Errors of backups, with what the operator can do."""

from __future__ import annotations

from madang.base.errors import MadangError


class BackupError(MadangError):
    """A backup could not be taken, verified or restored."""


class NotVerified(BackupError):
    """A backup is damaged: the restored data differs from the original."""


class Busy(BackupError):
    """Another backup, verification or restore of the same station runs."""
