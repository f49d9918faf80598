"""Broadcasts and their subscribers, with a clock that the test sets and no socket."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from madang.infra.clock import Clock
from madang.infra.tasks import TaskSupervisor
from madang.live.demux import Notice
from madang.live.events import Interrupted, Resumed, ShowEnded, ShowEvent, ShowOpened
from madang.media.track import Codec
from madang.wire.flv import PacketKind, TagType, VideoPacket, encode_video
from tests.support.broadcast import WALL, Encoder, Sent, new_show

if TYPE_CHECKING:
    from madang.apps.broadcasts.services import Progress
    from madang.servers.live.broadcast import LiveBroadcast, PublishSession

pytestmark = pytest.mark.usefixtures("station")


@dataclass
class Publisher:
    """A connection that keeps what it is told at its end."""

    address: str = "192.0.2.1"
    encoder: str = "test"
    told: list[str] = field(default_factory=list)

    def end(self, words: str) -> None:
        self.told.append(words)


@dataclass
class Follower:
    """Keeps what it is told."""

    events: list[ShowEvent] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)

    def on_event(self, event: ShowEvent) -> None:
        self.events.append(event)

    def tick(self, now: float) -> None:
        self.ticks.append(now)


class Run:
    """A broadcast at `now`."""

    def __init__(self) -> None:
        from madang.servers.live.broadcast import LiveBroadcast

        self.now = 50.0
        clock = Clock(lambda: self.now, lambda: WALL + self.now)
        self.broadcast: LiveBroadcast = LiveBroadcast("yard", new_show(grace=30.0), clock)
        self.follower = Follower()

    def send(self, session: PublishSession, sent: list[Sent]) -> None:
        began = self.now
        for item in sent:
            self.now = began + item.at
            session.media(item.tag.type, item.tag.timestamp, item.tag.body)

    def tick(self, now: float) -> None:
        self.now = now
        self.broadcast.tick(now)


def test_a_show_waits_for_its_encoder_and_ends_with_the_grace_period() -> None:
    from madang.apps.broadcasts.models import EndReason

    run = Run()
    run.broadcast.subscribe(run.follower)
    assert run.broadcast.since == datetime.fromtimestamp(WALL + 50, UTC)
    session = run.broadcast.connect(Publisher())
    run.send(session, Encoder().stream(5.0))
    session.gone("unpublished")
    gone = run.now
    run.tick(gone + 29.9)
    assert run.broadcast.ended_at is None
    run.tick(gone + 30.0)
    assert run.broadcast.ended_at == gone + 30.0
    assert run.broadcast.end_reason is EndReason.FINISHED
    assert run.broadcast.disconnects == 1
    assert run.follower.ticks == [gone + 29.9, gone + 30.0]
    assert run.follower.events[0] == ShowOpened()
    assert run.follower.events[-2:] == [Interrupted(), ShowEnded()]


def test_a_publisher_that_was_replaced_is_told_so_and_adds_nothing() -> None:
    run = Run()
    run.broadcast.subscribe(run.follower)
    first, second = Publisher(), Publisher("192.0.2.2")
    earlier = run.broadcast.connect(first)
    run.send(earlier, Encoder().stream(3.0))
    run.broadcast.connect(second)
    assert "took over" in first.told[0]
    received, said = run.broadcast.bytes_in, len(run.follower.events)
    run.send(earlier, Encoder().frames(3.0, 3.0))
    earlier.gone("closed_by_peer")
    assert run.broadcast.publisher is second
    assert (run.broadcast.bytes_in, len(run.follower.events)) == (received, said)
    assert Resumed() not in run.follower.events


def test_a_phone_that_comes_back_over_its_half_open_connection_is_not_held_off() -> None:
    run = Run()
    session = run.broadcast.connect(Publisher())
    for number in range(1, 6):
        run.send(session, Encoder().stream(3.0))
        run.now += 10.0  # the network went away
        assert not run.broadcast.sending
        session = run.broadcast.connect(Publisher())
        assert run.broadcast.disconnects == run.broadcast.takeovers.count == number
    assert run.broadcast.takeovers.hold_off("192.0.2.1", "test", run.now) == 0.0


def test_an_encoder_that_was_displaced_while_it_sent_is_held_off() -> None:
    run = Run()
    run.send(run.broadcast.connect(Publisher()), Encoder().stream(3.0))
    assert run.broadcast.sending
    run.broadcast.connect(Publisher("192.0.2.2"))
    assert run.broadcast.takeovers.hold_off("192.0.2.1", "test", run.now + 1) > 0.0
    assert run.broadcast.takeovers.hold_off("192.0.2.2", "test", run.now + 1) == 0.0


def test_what_an_event_leads_to_comes_behind_it_for_every_subscriber() -> None:
    run = Run()
    last = Follower()
    run.broadcast.subscribe(run.follower)
    run.broadcast.subscribe(last)
    publisher = Publisher()
    session = run.broadcast.connect(publisher)
    # Codecs that nobody plays are notices, upon the last of which the encoder is sent away.
    packet = VideoPacket(PacketKind.CONFIG, Codec.AVC, True, 0, 0, 0, b"")
    body = bytearray(encode_video(packet))
    body[0] = 0x12  # Sorenson H.263
    session.media(TagType.VIDEO, 0, bytes(body))
    assert not publisher.told
    session.media(TagType.AUDIO, 0, b"\x72" + bytes(160))  # G.711
    assert publisher.told
    *notices, interrupted = run.follower.events
    assert [each.code for each in notices if isinstance(each, Notice)] == [
        "unsupported_codec",
        "unsupported_codec",
        "nothing_carried",
    ]
    assert interrupted == Interrupted()
    assert last.events == run.follower.events


class Record:
    """Stands in for the record of a show in the database."""

    def __init__(self) -> None:
        self.reports: list[Progress] = []
        self.closed: list[tuple[Progress, object, datetime]] = []

    def report(self, progress: Progress) -> None:
        self.reports.append(progress)

    def close(self, progress: Progress, reason: object, ended_at: datetime) -> None:
        self.closed.append((progress, reason, ended_at))


def test_statistics_are_reported_every_ten_seconds_and_closed_once() -> None:
    from madang.apps.broadcasts.models import EndReason
    from madang.servers.live.counters import LiveCounters
    from madang.servers.live.statistics import Statistics

    run, record, counters = Run(), Record(), LiveCounters()
    statistics = Statistics(run.broadcast, record, counters)  # type: ignore[arg-type]
    run.broadcast.subscribe(statistics)
    sent = Encoder().stream(5.0)
    run.send(run.broadcast.connect(Publisher()), sent)
    statistics.audience.reader_came()
    statistics.sent("flv", 1000)
    for second in range(60, 76):
        run.tick(float(second))
    assert len(record.reports) == 1
    run.broadcast.end(EndReason.SHUTDOWN)
    for second in range(76, 99):
        run.tick(float(second))
    assert len(record.reports) == 1
    ((progress, reason, ended_at),) = record.closed
    assert reason is EndReason.SHUTDOWN
    assert ended_at == datetime.fromtimestamp(WALL + 75, UTC)
    assert progress.bytes_out == counters.bytes_sent["flv"] == 1000
    assert progress.bytes_in == sum(len(item.tag.body) for item in sent)
    assert progress.peak_viewers == 1
    assert progress.viewer_seconds == pytest.approx(14.0)
    assert progress.codecs.startswith("avc1.")


def test_a_ladder_that_keeps_dying_is_started_five_times(caplog: pytest.LogCaptureFixture) -> None:
    from madang.apps.broadcasts.models import EndReason
    from madang.servers.live.counters import LiveCounters
    from madang.servers.live.flv import FlvDelivery
    from madang.servers.live.ladder import Ladder
    from madang.servers.live.statistics import Statistics

    async def story() -> None:
        run, tasks = Run(), TaskSupervisor(logging.getLogger("test"), "the ladder")
        statistics = Statistics(run.broadcast, Record(), LiveCounters())  # type: ignore[arg-type]
        flv = FlvDelivery(run.broadcast, statistics, LiveCounters())
        ladder = Ladder("/nowhere/ffmpeg", (16, 9000), run.broadcast, flv, tasks)
        run.broadcast.subscribe(flv)
        run.broadcast.subscribe(ladder)
        run.send(run.broadcast.connect(Publisher()), Encoder().stream(5.0))
        began = run.now
        await tasks.wait(5)
        starts = caplog.text.count("the ladder stopped")
        assert starts == 1
        for tick in range(1, 40):
            run.tick(began + tick)
            before = caplog.text.count("the ladder stopped")
            await tasks.wait(5)
            starts += caplog.text.count("the ladder stopped") - before
            assert starts == min(1 + tick // 3, 5)
        run.broadcast.end(EndReason.SHUTDOWN)

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert caplog.text.count("it stopped too often") == 1
    assert "9000" not in caplog.text
