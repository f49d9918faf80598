"""Results of videos whose renditions have one file each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from madang.apps.videos.services import RecordingResult, RenditionResult
from madang.recording.manifest import Manifest, file_name


def result_of(folder: Path, manifest: Manifest, duration: float, gaps: float) -> RecordingResult:
    """Return what the database is told of a folder, `duration` and `gaps` in seconds."""
    assert manifest.ended_at is not None
    renditions = tuple(
        RenditionResult(
            each.name,
            each.files[0].width,
            each.files[0].height,
            each.files[0].codecs,
            each.bitrate,
            (folder / file_name(each.name, 1)).stat().st_size,
        )
        for each in manifest.renditions
    )
    return RecordingResult(
        duration=duration,
        bytes=sum(each.bytes for each in renditions),
        ended_at=datetime.fromtimestamp(manifest.ended_at, UTC),
        renditions=renditions,
        gaps=gaps,
    )
