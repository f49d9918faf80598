"""The table of the kinds of durable jobs. Import after `boot.start_django`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imageio_ffmpeg import get_ffmpeg_exe

from madang.apps.jobs.services import enqueue
from madang.apps.uploads.files import UPLOADS, UploadFiles
from madang.infra.storage import storage_id
from madang.station.config.settings import Settings
from madang.work.runner import Lane
from madang.work.video.prepare import PrepareVideo
from madang.work.video.storyboard import DrawStoryboard
from madang.work.video.transcode import TranscodeVideo


def job_lanes(settings: Settings) -> list[Lane]:
    """Return what a worker does: `short` is what people wait for, `long` takes all cores."""
    return video_lanes(settings.media_folder)


def video_lanes(storage: Path) -> list[Lane]:
    """Return what makes videos of the uploads in a storage, and what draws storyboards."""
    program, uploads = get_ffmpeg_exe(), UploadFiles(storage / UPLOADS)

    def queue(kind: str, subject: str, arguments: Mapping[str, Any]) -> None:
        enqueue(kind, subject, arguments, storage=storage_id(storage) or "")

    prepare = PrepareVideo(storage, program, uploads, queue)
    transcode = TranscodeVideo(storage, program, uploads)
    return [
        Lane("short", slots=2, handlers=(prepare, DrawStoryboard(storage, program))),
        Lane("long", slots=1, handlers=(transcode,)),
    ]
