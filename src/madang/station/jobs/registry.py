"""The table of the periodic jobs. Import after `boot.start_django`."""

from __future__ import annotations

from functools import partial
from typing import Final

from madang.apps.notices.sender import NoticeSender
from madang.apps.uploads.files import UPLOADS, UploadFiles
from madang.apps.videos import trims
from madang.apps.webhooks.sender import DeliverySender
from madang.ops.backup.create import SQLITE_PREFIX
from madang.ops.backup.pgbackrest_config import SHIP_SECONDS
from madang.ops.backup.wal_shipping import WalShipper
from madang.station.backups import plan_of
from madang.station.config.settings import Settings
from madang.station.jobs import housekeeping
from madang.station.jobs.backups import BackupJob
from madang.station.jobs.examination import Examination
from madang.work.schedule import Periodic

HOUR: Final = 3600.0
MINUTE: Final = 60.0
DAY: Final = 24 * HOUR
MAIL_SECONDS: Final = 5.0
TRIM_SECONDS: Final = 5.0
PUBLISH_SECONDS: Final = 5.0
CLIP_SECONDS: Final = 1.0


def periodic_jobs(settings: Settings) -> list[Periodic]:
    """Return the jobs of the role `worker` and of the single process."""
    sender = DeliverySender()
    notices = NoticeSender()
    examination = Examination(settings)
    uploads = UploadFiles(settings.media_folder / UPLOADS)
    jobs = [
        Periodic("webhook deliveries", 1.0, sender.send_due, stop=sender.stop),
        Periodic("old webhook deliveries", HOUR, housekeeping.delete_old_deliveries),
        Periodic("mail", MAIL_SECONDS, notices.send_due, stop=notices.stop),
        Periodic("old notices", HOUR, housekeeping.delete_old_notices),
        Periodic("old jobs", HOUR, housekeeping.delete_old_jobs),
        Periodic("old uploads", HOUR, partial(housekeeping.delete_old_uploads, uploads)),
        Periodic("examination", DAY, examination.run, delay=10 * MINUTE, stop=examination.stop),
        Periodic("retention of videos", 5 * MINUTE, housekeeping.apply_retention, delay=MINUTE),
        Periodic("trims of videos", TRIM_SECONDS, trims.settle),
        Periodic("clips", CLIP_SECONDS, housekeeping.make_clips),
        Periodic("publication of videos", PUBLISH_SECONDS, housekeeping.publish_videos),
        Periodic("old changes of videos", HOUR, housekeeping.delete_old_changes),
        Periodic("old views", HOUR, housekeeping.delete_old_viewings),
        Periodic("index of the search", HOUR, housekeeping.index_missing, delay=MINUTE),
        Periodic("sessions that expired", HOUR, housekeeping.delete_expired_sessions),
        Periodic("shows whose process is gone", MINUTE, housekeeping.close_silent_shows),
    ]
    if settings.backup.run_by == "station":
        backups = BackupJob(settings)
        jobs.append(Periodic("backups", MINUTE, backups.run, delay=MINUTE, stop=backups.stop))
        if not settings.database.url.startswith(SQLITE_PREFIX):
            ship = WalShipper(plan_of(settings))
            jobs.append(Periodic("archive of PostgreSQL", SHIP_SECONDS, ship, delay=SHIP_SECONDS))
    return jobs
