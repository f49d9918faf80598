"""Clean-up of what has expired, and of what a crash left open."""

from __future__ import annotations

import logging
from datetime import timedelta
from importlib import import_module
from typing import Final

from django.conf import settings as django_settings
from django.utils import timezone

from madang.apps.broadcasts.ports import directory
from madang.apps.broadcasts.services import close_orphans
from madang.apps.discovery import index as search_index
from madang.apps.discovery import viewings
from madang.apps.jobs import services as jobs
from madang.apps.notices import services as notices
from madang.apps.uploads import imports
from madang.apps.uploads import services as uploads
from madang.apps.uploads.files import UploadFiles
from madang.apps.videos import bulk, clips, publication, retention
from madang.apps.webhooks import services as webhooks

SILENT: Final = timedelta(minutes=5)
"""A show that runs has news every ten seconds; without any for so long its process is gone, or
cannot reach the database, in which case the directory still has it."""

log = logging.getLogger(__name__)


def delete_expired_sessions() -> None:
    """Delete sessions that have expired."""
    from django.contrib.sessions.models import Session

    expired = Session.objects.filter(expire_date__lt=timezone.now()).count()
    import_module(django_settings.SESSION_ENGINE).SessionStore.clear_expired()
    if expired:
        log.info("housekeeping: sessions that expired: %d", expired)


def close_silent_shows() -> None:
    """Close the records of shows whose process died and did not come back."""
    closed = close_orphans(list(directory().snapshot()), silent_since=timezone.now() - SILENT)
    if closed:
        log.info("housekeeping: shows whose process is gone: %d", closed)


def delete_old_deliveries() -> None:
    """Delete webhook deliveries that were done long ago."""
    webhooks.delete_done(timezone.now())


def delete_old_notices() -> None:
    """Delete notices that were done long ago."""
    notices.delete_done(timezone.now())


def index_missing() -> None:
    """Complete the index of the search."""
    if written := search_index.catch_up():
        log.info("housekeeping: videos and channels that the search did not have: %d", written)


def apply_retention() -> None:
    """Put into the bin what the rules say, and delete files of what was there for long."""
    retention.apply()


def publish_videos() -> None:
    """Make videos public whose time has come."""
    if count := publication.publish_due():
        log.info("videos that became public: %d", count)


def make_clips() -> None:
    """Make clips that were asked for where the storage was not at hand."""
    clips.settle()


def delete_old_changes() -> None:
    """Delete changes of several videos that cannot be taken back any more."""
    bulk.delete_old(timezone.now())


def delete_old_viewings() -> None:
    """Delete views that were counted long ago; videos keep their number."""
    viewings.delete_old(timezone.now())


def delete_old_jobs() -> None:
    """Delete rows of durable jobs that ended long ago."""
    jobs.delete_ended(timezone.now())


def delete_old_uploads(files: UploadFiles) -> None:
    """Delete uploads that ended long ago, and what is left of their data."""
    now = timezone.now()
    imports.expire(now)
    uploads.delete_ended(now, files.release)
    imports.delete_folders(files.folder)
