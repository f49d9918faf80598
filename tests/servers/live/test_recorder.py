"""Shows through the hub to recordings on the disk and videos in the database."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import pytest

from madang.live.events import PartAdded, ShowEvent
from madang.live.rendition import SOURCE
from tests.support.data_plane import Air, on_the_air, until
from tests.support.recorder import faulty_disk, manifest_of
from tests.support.shows import Encoder, channel_key

if TYPE_CHECKING:
    from madang.apps.channels.services import RecordPolicy
    from madang.apps.videos.models import Video
    from madang.infra.disk import Disk
    from madang.servers.live.broadcast import LiveBroadcast

pytestmark = pytest.mark.usefixtures("committed_db")


@dataclass
class Parts:
    """Parts of a broadcast as viewers get them."""

    sent: list[PartAdded] = field(default_factory=list)

    def on_event(self, event: ShowEvent) -> None:
        if isinstance(event, PartAdded):
            self.sent.append(event)

    def tick(self, now: float) -> None:
        """Nothing is due."""

    @property
    def data(self) -> bytes:
        return b"".join(event.file.body for event in self.sent)


@dataclass
class Recording:
    """A hub that records, and what it sent; one element of `shows` for each."""

    air: Air
    root: Path
    shows: list[Parts]


@contextlib.contextmanager
def recording(root: Path, *, disk: Disk | None = None, grace: float = 0.3) -> Iterator[Recording]:
    """Run a hub with recorders; on leaving everything is finished."""
    from madang.infra.clock import SYSTEM_CLOCK
    from madang.servers.live.recorder import Recorders
    from madang.servers.live.show_log import ShowLog
    from madang.servers.recording.rows import VideoRows
    from madang.servers.recording.writer import RecordingWriter, WriterLimits

    limits = WriterLimits(batch_seconds=0.1, sync=0.3, reserve=0)
    writer = RecordingWriter(root, limits, disk=disk, clock=SYSTEM_CLOCK)
    writer.start()
    show_log = ShowLog()
    recorders = Recorders(writer, VideoRows(show_log.submit))
    shows: list[Parts] = []

    def follow(_: LiveBroadcast) -> Parts:
        shows.append(Parts())
        return shows[-1]

    async def close() -> None:
        await writer.close(20)
        await show_log.close(20)

    try:
        with on_the_air(grace=grace, subscribers=[follow], recorders=recorders) as air:
            yield Recording(air, root, shows)
    finally:
        asyncio.run(close())


def videos() -> list[Video]:
    from madang.apps.videos.models import Video

    return list(Video.objects.order_by("created_at"))


def is_ready(name: str) -> bool:
    return any(video.pk == name and video.state == "ready" for video in videos())


def media(path: Path) -> bytes:
    """Return the coded data in a file, packet after packet as they are stored."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
    return b"".join(bytes(p) for p in sorted(packets, key=lambda packet: packet.pos or 0))


def test_a_show_becomes_a_video(tmp_path: Path) -> None:
    with recording(tmp_path) as made:
        encoder = Encoder(made.air, channel_key())
        made.air.on_air("yard")
        until(lambda: made.air.status("yard")["recording_id"])
        status = made.air.status("yard")
        name = status["recording_id"]
        assert status["rewind_url"] == f"/vod/{name}/index.m3u8"
        until(lambda: [video.state for video in videos()] == ["recording"])
        until((tmp_path / name / "poster.jpg").exists)
        until(lambda: len(made.shows[0].sent) > 9)
        encoder.stop()
        until(lambda: is_ready(name))
        assert made.air.status("yard")["recording_id"] is None
    (video,) = videos()
    manifest = manifest_of(tmp_path / name)
    (rendition,) = manifest.renditions
    assert (rendition.files[0].width, rendition.files[0].height) == (320, 180)
    assert rendition.files[0].frame_rate == pytest.approx(30, abs=0.5)
    assert video.title == "The yard"
    assert video.gaps == 0
    assert video.duration == pytest.approx(sum(e.duration for e in made.shows[0].sent))
    path = tmp_path / name / SOURCE / "1.mp4"
    assert video.bytes == path.stat().st_size
    assert made.shows[0].data in path.read_bytes()
    assert len(media(path)) > 50_000
    assert not (tmp_path / name / "lock").exists()


def test_an_encoder_that_comes_back_goes_on_with_the_recording(tmp_path: Path) -> None:
    with recording(tmp_path, grace=10.0) as made:
        key = channel_key()
        encoder = Encoder(made.air, key)
        made.air.on_air("yard")
        until(lambda: len(made.shows[0].sent) > 3)
        encoder.vanish()
        made.air.on_air("yard", "interrupted")
        before = len(made.shows[0].sent)
        again = Encoder(made.air, key)
        until(lambda: len(made.shows[0].sent) > before + 3)
        again.stop()
    (video,) = videos()
    assert video.state == "ready"
    manifest = manifest_of(tmp_path / video.pk)
    assert [len(each.files) for each in manifest.renditions] == [1]
    assert made.shows[0].data in (tmp_path / video.pk / SOURCE / "1.mp4").read_bytes()


@pytest.mark.parametrize("record", ["never", "ask"])
def test_a_show_that_nobody_finds_after_it_can_be_rewound(tmp_path: Path, record: str) -> None:
    from madang.apps.channels.services import set_recording

    key = channel_key()
    set_recording("yard", record=record)
    with recording(tmp_path) as made:
        encoder = Encoder(made.air, key)
        until(lambda: made.air.status("yard")["rewind_url"])
        assert made.air.status("yard")["recording_id"] is None
        until(lambda: made.air.hub.snapshot()["yard"].recording_id)
        assert (made.air.hub.snapshot()["yard"].kept_as is None) is (record == "never")
        encoder.stop()
    (video,) = videos()
    assert video.temporary is (record == "never")
    assert manifest_of(tmp_path / video.pk).temporary is video.temporary


def test_the_next_show_begins_while_the_last_is_being_finished(tmp_path: Path) -> None:
    from madang.infra.disk import Disk

    held, free = threading.Event(), threading.Event()

    class HeldDisk(Disk):
        """Holds the first write that overwrites something: the second of the finishing."""

        def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
            if len(data) == 8 and not held.is_set():
                held.set()
                assert free.wait(20)
            return super().write(descriptor, data, offset)

    with recording(tmp_path, disk=HeldDisk()) as made:
        key = channel_key()
        first = Encoder(made.air, key)
        made.air.on_air("yard")
        until(lambda: len(made.shows[0].sent) > 3)
        first.stop()
        assert held.wait(20)
        second = Encoder(made.air, key)
        until(lambda: len(made.shows) == 2 and len(made.shows[1].sent) > 6)
        assert made.air.status("yard")["recording_id"]
        assert not any(video.state == "ready" for video in videos())
        free.set()
        until(lambda: any(video.state == "ready" for video in videos()))
        second.stop()
    assert [(video.state, video.gaps) for video in videos()] == [("ready", 0.0)] * 2
    for video, show in zip(videos(), made.shows, strict=True):
        path = tmp_path / video.pk / SOURCE / "1.mp4"
        assert show.data in path.read_bytes()
        assert media(path)


def test_without_rewind_only_what_is_kept_is_written() -> None:
    from madang.apps.channels.services import PublishGrant
    from madang.servers.live.recorder import Recorders

    nothing: Any = None
    recorders = Recorders(nothing, nothing, rewind=False)
    for policy, written in (("always", True), ("ask", True), ("never", False)):
        grant = PublishGrant(7, "yard", "The yard", cast("RecordPolicy", policy))
        recorder = recorders.follow(nothing, grant, nothing)
        assert (recorder is not None) == written


def test_a_fault_in_what_follows_a_row_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    from madang.servers.live.show_log import ShowLog

    def told() -> None:
        raise PermissionError("the lock stays")

    show_log = ShowLog()
    show_log.submit(told)
    asyncio.run(show_log.close(20))
    assert "the lock stays" in caplog.text


def test_the_studio_says_that_nothing_is_recorded_while_the_disk_is_full(tmp_path: Path) -> None:
    from madang.apps.broadcasts.advice_texts import localize

    free = [0]
    with recording(tmp_path, disk=faulty_disk(lambda: free[0])) as made:
        Encoder(made.air, channel_key())
        made.air.on_air("yard")

        def words() -> list[str]:
            return [each.title for each in localize(made.air.hub.snapshot()["yard"].advice)]

        until(lambda: any("Nothing is being recorded" in title for title in words()))
        free[0] = 1 << 40
        until(lambda: not any("Nothing is being recorded" in title for title in words()))
