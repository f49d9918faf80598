"""Finds the files behind `/static/`: the built front end and what installed apps bring along."""

from __future__ import annotations

from pathlib import Path

from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousFileOperation


def find(path: str) -> Path | None:
    """Return the file at `/static/PATH`; None where there is none, or the path leads outside.

    Reads the file system; safe to call from any thread after `boot.start_django`.
    """
    try:
        found = finders.find(path)
    except (SuspiciousFileOperation, ValueError):
        return None
    return Path(found) if isinstance(found, str) and Path(found).is_file() else None
