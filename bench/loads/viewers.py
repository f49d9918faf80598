"""Connects viewers, waits until they watch, and measures."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from bench.figures import percentile
from bench.loads.audience import STARVED, Audience, Playhead
from bench.loads.fragments import Catalogue
from bench.loads.hls import BeatViewer, LowLatencyViewer, PlainViewer
from bench.loads.plan import Seen, Watch
from bench.loads.tags import Arrivals, FlvViewer, RtmpViewer
from bench.processes import BenchFailed
from madang.ops.measure.processes import cpu_seconds, resident_bytes

Viewer = LowLatencyViewer | PlainViewer | BeatViewer | FlvViewer | RtmpViewer

_HOST = "127.0.0.1"


async def run(load: Watch) -> Seen:
    """Run `load`. Raises BenchFailed if the server, or a viewer's stream, is wrong."""
    audience = Audience()
    arrivals = Arrivals(audience)
    catalogue = Catalogue(load.target, parts=load.kind in ("low-latency", "beat"), now=audience.now)
    viewers: list[Viewer] = []
    beats = asyncio.create_task(_beat(load, audience, viewers))
    try:
        for number in range(load.viewers):
            viewer = _viewer(load, number, audience, catalogue, arrivals)
            await audience.loop.create_connection(partial(_given, viewer), _HOST, load.port)
            viewers.append(viewer)
            await audience.run_for(load.ramp / load.viewers)
        await audience.run_for(load.settle)
        seen = await _measure(load, audience)
        _check(viewers, arrivals, seen)
        return seen
    finally:
        beats.cancel()
        for viewer in viewers:
            viewer.close()


def _given(viewer: Viewer) -> Viewer:
    return viewer


def _viewer(
    load: Watch, number: int, audience: Audience, catalogue: Catalogue, arrivals: Arrivals
) -> Viewer:
    host = f"{_HOST}:{load.port}"
    match load.kind:
        case "low-latency":
            return LowLatencyViewer(audience, host, number, catalogue, load.target)
        case "plain":
            return PlainViewer(audience, host, number, catalogue, load.target)
        case "beat":
            return BeatViewer(audience, host, number, catalogue, load.target, interval=load.beat)
        case "flv":
            return FlvViewer(audience, host, number, arrivals, load.target)
        case "rtmp":
            return RtmpViewer(audience, host, load.target, arrivals)


async def _measure(load: Watch, audience: Audience) -> Seen:
    window = await audience.measure(load.seconds, lambda: cpu_seconds(load.pid))
    return Seen(
        **asdict(window),
        resident=resident_bytes(load.pid),
        pieces=audience.pieces,
        stalls=audience.stalls,
        lateness=_percentiles(audience.lateness),
        delivery=_percentiles(audience.delivery) if audience.delivery else None,
    )


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    return percentile(values, 0.5), percentile(values, 0.99)


def _check(viewers: Sequence[Viewer], arrivals: Arrivals, seen: Seen) -> None:
    """Raise BenchFailed if viewers were not watching, or not the same stream."""
    heads = [viewer.playhead for viewer in viewers]
    starved = sum(head is None or not head.watched(STARVED * seen.seconds) for head in heads)
    if starved:
        watched = [head.media if isinstance(head, Playhead) else 0.0 for head in heads]
        raise BenchFailed(
            f"{starved} of {len(viewers)} viewers got too little of {seen.seconds:.0f} s; "
            f"the worst got {min(watched):.1f} s of it."
        )
    continuous = isinstance(viewers[0], FlvViewer | RtmpViewer) and len(viewers) > 1
    if continuous and arrivals.shared * 2 < seen.pieces:
        raise BenchFailed("Viewers see different timestamps: lateness would mean nothing.")


async def _beat(load: Watch, audience: Audience, viewers: Sequence[Viewer]) -> None:
    """Let every viewer on a beat request the due fragment at once."""
    if not load.beat:
        return
    began = audience.now()
    number = 0
    while True:
        number += 1
        await asyncio.sleep(began + number * load.beat - audience.now())
        at = audience.now()
        for viewer in viewers:
            if isinstance(viewer, BeatViewer):
                viewer.beat(number, at)
