"""Causes of a late stream, told apart by real streams over slow links and from slow processors."""

from __future__ import annotations

import pytest

from madang.live.advice_conditions import LATE
from madang.live.meter import Measurement
from tests.live.advice_cases import shown
from tests.support.broadcast import Sent
from tests.support.real_streams import X264, from_slow_processor, real_stream, through_link

REFRESH = (*X264, "-x264-params", "keyint=infinite:intra-refresh=1:scenecut=0")
STREAMS = {
    "test picture": real_stream,
    "moving": lambda **how: real_stream(source="mandelbrot=s=320x180:r=25", **how),
    "black": lambda **how: real_stream(source="color=black:s=160x90:r=25", **how),
    "B-frames": lambda **how: real_stream((*X264, "-g", "50", "-bf", "3"), **how),
    "intra-refresh": lambda **how: real_stream(REFRESH, **how),
    "sound": lambda **how: real_stream(None, **how),
    "without sound": lambda **how: real_stream(sound=None, **how),
}

ALIKE = {"black", "intra-refresh", "sound"}
"""Streams whose frames are of much the same size: over some links both causes are named."""


def measured(sent: list[Sent]) -> Measurement:
    made = shown(sent)
    return made.show.meter.measurement(made.now)


@pytest.mark.parametrize("speed", [0.7, 0.94])
@pytest.mark.parametrize("name", sorted(STREAMS.keys() - {"sound"}))
def test_a_slow_processor_is_no_slow_uplink(name: str, speed: float) -> None:
    sent = STREAMS[name](seconds=20.0)
    slow = measured(list(from_slow_processor(sent, speed)))
    assert slow.late_by == "processor"
    assert slow.speed == pytest.approx(speed, abs=0.03)


@pytest.mark.parametrize("packet", [200, 1448])
@pytest.mark.parametrize("name", sorted(STREAMS.keys() - ALIKE))
def test_a_slow_uplink_is_no_slow_processor(name: str, packet: int) -> None:
    sent = STREAMS[name](seconds=20.0)
    assert measured(list(through_link(sent, 0.8, packet=packet))).late_by == "uplink"


@pytest.mark.parametrize("share", [0.6, 0.8])
@pytest.mark.parametrize("name", STREAMS)
def test_an_uplink_in_use_by_others_is_no_slow_processor(name: str, share: float) -> None:
    sent = STREAMS[name](seconds=20.0)
    for changes in ((1.5, 0.5), (0.2, 1.8, 0.3, 1.7)):
        found = measured(list(through_link(sent, share, changes=changes)))
        assert found.arrival_lag > LATE
        assert found.late_by != "processor", changes


def test_what_was_held_back_and_comes_at_once_tells_of_the_uplink() -> None:
    sent = real_stream(seconds=20.0)
    held = [Sent(max(item.at, 14.0) if item.at > 10 else item.at, item.tag) for item in sent]
    found = measured(held)
    assert found.late_by == "uplink"
