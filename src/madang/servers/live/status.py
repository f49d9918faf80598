"""The status of a channel on the air: for pages, for the studio, and for everybody."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from madang.apps.broadcasts.ports import (
    AdviceStatus,
    LiveState,
    LiveStatus,
    RenditionStatus,
    rewind_url,
    rfc3339,
)
from madang.apps.channels.services import ChannelCard
from madang.live.rendition import Rendition
from madang.live.variants import codecs
from madang.servers.live.channel import LiveChannel


def status_of(channel: LiveChannel, now: float) -> LiveStatus:
    """Return everything about a channel that is on the air."""
    broadcast, statistics = channel.broadcast, channel.statistics
    show = broadcast.show
    measured = show.meter.measurement(now)
    stopped = channel.recorder is not None and channel.recorder.stopped
    publisher = broadcast.publisher
    return LiveStatus(
        slug=channel.slug,
        title=channel.title,
        state=_state(channel),
        since=broadcast.since,
        viewers=statistics.audience.count,
        peak_viewers=statistics.audience.peak,
        bitrate=measured.bit_rate,
        codecs=broadcast.codecs,
        renditions=_renditions(channel),
        publisher=publisher.address if publisher is not None else "",
        encoder=publisher.encoder if publisher is not None else "",
        frame_rate=measured.frame_rate,
        keyframe_interval=measured.key_frame_interval,
        dropped_frames=measured.dropped_frames,
        arrival_lag=measured.arrival_lag,
        part_lag=show.part_lag,
        disconnects=broadcast.disconnects,
        bytes_in=broadcast.bytes_in,
        bytes_out=statistics.bytes_out,
        advice=tuple(
            AdviceStatus(advice.code, advice.severity, advice.values)
            for advice in show.advice(now, recording_stopped=stopped)
        ),
        poster=_poster(channel),
        takeovers=broadcast.takeovers.count,
        recording_id=_recording_id(channel),
        recording_kept=channel.recorder is not None and channel.recorder.kept,
    )


def public_status(channel: LiveChannel) -> bytes:
    """Return what everybody may know of a channel on the air, as JSON.

    `key_frame_overdue` is true where newcomers see nothing until a key frame comes; `recording_id`
    is there only if everybody finds the show as a video after it, `rewind_url` wherever one can go
    back in it.
    """
    show, recorder = channel.broadcast.show, channel.recorder
    recording_id = _recording_id(channel)
    kept = recorder is not None and recorder.kept and not recorder.asks
    return msgspec.json.encode(
        {
            "slug": channel.slug,
            "state": show.state,
            "since": rfc3339(channel.broadcast.since),
            "viewers": channel.statistics.audience.count,
            "title": channel.title,
            "description": channel.description,
            "poster": _poster(channel),
            "part_target": show.source.cutting.part_target if show.source else None,
            "renditions": [asdict(rendition) for rendition in _renditions(channel)],
            "key_frame_overdue": show.key_frame_wait(channel.broadcast.clock.monotonic()) > 0,
            "recording_id": recording_id if kept else None,
            "rewind_url": rewind_url(recording_id),
        }
    )


def offline_status(card: ChannelCard) -> bytes:
    """Return what everybody may know of a channel that is not on the air, as JSON."""
    nothing: dict[str, Any] = {
        "slug": card.slug,
        "state": "offline",
        "since": None,
        "viewers": 0,
        "title": card.title,
        "description": card.description,
        "poster": None,
        "part_target": None,
        "renditions": [],
        "key_frame_overdue": False,
        "recording_id": None,
        "rewind_url": None,
    }
    return msgspec.json.encode(nothing)


def _state(channel: LiveChannel) -> LiveState:
    state = channel.broadcast.show.state
    return "interrupted" if state == "ended" else state


def _recording_id(channel: LiveChannel) -> str | None:
    return channel.recorder.recording_id if channel.recorder is not None else None


def _poster(channel: LiveChannel) -> str | None:
    picture = channel.thumbnails.latest
    return None if picture is None else f"/live/{channel.slug}/poster.jpg?v={picture.number}"


def _renditions(channel: LiveChannel) -> tuple[RenditionStatus, ...]:
    return tuple(
        _rendition(name, rendition)
        for name, rendition in channel.broadcast.show.renditions().items()
    )


def _rendition(name: str, rendition: Rendition) -> RenditionStatus:
    video = rendition.tracks.video
    width, height = video.display_size if video is not None else (0, 0)
    return RenditionStatus(
        name=name,
        width=width,
        height=height,
        frame_rate=None if rendition.frame_rate is None else round(rendition.frame_rate, 3),
        codecs=codecs(rendition),
        bitrate=rendition.window.bit_rates()[1],
    )
