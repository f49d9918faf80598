"""Result of a recording, once all of its files are finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from madang.apps.videos.services import RecordingResult, RecordingStart, RenditionResult
from madang.recording.manifest import Manifest, file_name
from madang.recording.totals import Totals

EDGE: Final = 8.0
"""Seconds that a smaller rendition may lack at each end of the show: a transcoder takes a while to
start, and what it has not encoded at the end is lost."""


def complete_renditions(source: str, totals: Mapping[str, Totals]) -> list[str]:
    """Return the renditions to be kept: the source, and those that cover all of it."""
    whole = totals[source]
    edge = min(EDGE, whole.duration / 4)
    return [name for name, each in totals.items() if name == source or each.covers(whole, edge)]


def finished_manifest(
    manifest: Manifest, totals: Mapping[str, Totals], ended_at: float
) -> Manifest:
    """Return the manifest with what is known at the end."""
    renditions = tuple(
        replace(
            each,
            bitrate=totals[each.name].peak_bitrate(),
            average_bitrate=totals[each.name].average_bitrate,
        )
        for each in manifest.renditions
    )
    return replace(manifest, renditions=renditions, ended_at=ended_at)


def without_incomplete(manifest: Manifest) -> Manifest:
    """Return the manifest without renditions that lack some of the show."""
    kept = tuple(each for each in manifest.renditions if not each.incomplete)
    return replace(manifest, renditions=kept)


def start_of(manifest: Manifest) -> RecordingStart:
    """Return the beginning of a recording."""
    return RecordingStart(
        id=manifest.id,
        channel_id=manifest.channel_id,
        title=manifest.title,
        began_at=datetime.fromtimestamp(manifest.began_at, UTC),
        temporary=manifest.temporary,
        ask=manifest.ask,
    )


def result_of(folder: Path, manifest: Manifest, source: Totals) -> RecordingResult:
    """Return the result of a finished recording in its folder; a file that is missing, as the disk
    did not take it, has no bytes. Raises OSError."""
    manifest = without_incomplete(manifest)
    assert manifest.ended_at is not None
    sizes = {
        each.name: sum(
            _size(folder / file_name(each.name, number)) for number in range(1, len(each.files) + 1)
        )
        for each in manifest.renditions
    }
    return RecordingResult(
        duration=source.duration,
        bytes=sum(sizes.values()),
        ended_at=datetime.fromtimestamp(manifest.ended_at, UTC),
        renditions=tuple(
            RenditionResult(
                name=each.name,
                width=each.files[0].width,
                height=each.files[0].height,
                codecs=each.files[0].codecs,
                bitrate=each.bitrate,
                bytes=sizes[each.name],
                files=len(each.files),
            )
            for each in manifest.renditions
        ),
        gaps=source.gaps,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
