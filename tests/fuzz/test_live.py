"""Shows accept any tags: bad ones become notices, and the window keeps its invariants."""

from __future__ import annotations

import functools
import os
import resource
import struct

from madang.live.demux import Notice
from madang.live.show import Show
from madang.media.track import Codec
from madang.wire.flv import (
    AudioPacket,
    PacketKind,
    Tag,
    TagType,
    VideoPacket,
    encode_audio,
    encode_video,
)
from madang.wire.hls import parse_media
from tests.support.broadcast import FIRST_MSN, Encoder, new_show, ready
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.support.samples import sample

CODECS = ("avc-b-frames", "hevc", "av1", "vp9", "aac", "opus", "flac", "ac3", "eac3", "mp3")

PER_SHOW = 2000
"""Mutated tags for one show, with as many unmodified ones between them."""

MAX_GROWTH = 250 << 10
"""Kilobytes of growth allowed for the process: a show keeps its window, not the 600 MB sent."""

HEADERS_EVERY = 60
"""Unmodified tags between two pairs of sequence headers."""

_STAMP = struct.Struct(">BI")


@functools.cache
def seeds() -> list[bytes]:
    """Tags of real streams: type, stamp, body."""
    found = []
    for name in CODECS:
        real = sample("bundled", name)
        for number, unit in enumerate(real.units[:14]):
            stamp = round(unit.dts * 1000 / real.stream.timescale) % 2**32
            data = unit.data[:400]
            if real.codec.is_video:
                video = VideoPacket(PacketKind.FRAME, real.codec, unit.key, 33, 0, number % 3, data)
                found.append(_STAMP.pack(TagType.VIDEO, stamp) + encode_video(video))
            else:
                audio = AudioPacket(PacketKind.FRAME, real.codec, 0, number % 3, data)
                found.append(_STAMP.pack(TagType.AUDIO, stamp) + encode_audio(audio))
        if real.codec.is_video:
            head = VideoPacket(PacketKind.CONFIG, real.codec, True, 0, 0, 0, real.config)
            found.append(_STAMP.pack(TagType.VIDEO, 0) + encode_video(head))
        elif real.codec in (Codec.AAC, Codec.OPUS, Codec.FLAC):
            header = AudioPacket(PacketKind.CONFIG, real.codec, 0, 0, real.config)
            found.append(_STAMP.pack(TagType.AUDIO, 0) + encode_audio(header))
    return found


def check_window(show: Show) -> None:
    """Check the invariants for players (RFC 8216bis, sections 4.4.3.1, 4.4.3.7 and 6.2.1)."""
    for window in show.windows().values():
        playlist = parse_media(ready(window).body.decode())
        assert playlist.part_target is not None
        for segment in playlist.segments:
            assert int(segment.duration + 0.5) <= playlist.target_duration
            assert all(0 < part.duration <= playlist.part_target for part in segment.parts)
        assert window.next_msn == playlist.media_sequence + len(playlist.segments)


class Station:
    """Publisher of mutated tags among unmodified ones, for one show after another."""

    def __init__(self) -> None:
        self.shows = 0
        self.notices = 0
        self.segments = 0
        self._good: list[Tag] = []
        self._show = new_show(window=30.0)
        self._now = 0.0
        self._begin()

    def take(self, data: bytes) -> None:
        if not self._good:
            check_window(self._show)
            self._show.publisher_gone(self._now)
            self._show.end(self._now)
            if self._show.source is not None:
                self.segments += self._show.source.window.next_msn - FIRST_MSN
            check_window(self._show)
            self._begin()
        kind, stamp = _STAMP.unpack(data[:5].ljust(5, b"\0"))
        now = self._now
        good = self._good.pop()
        events = self._show.receive(good.type, good.timestamp, good.body, now)
        # Half of the timestamps are near the real ones, so that not only jumps are tried.
        near = (good.timestamp + stamp % 500 - 250) % 2**32 if stamp & 1 else stamp
        tag_type = TagType.VIDEO if kind & 1 else TagType.AUDIO
        events += self._show.receive(tag_type, near, data[5:], now)
        self.notices += sum(isinstance(event, Notice) for event in events)
        deadline = self._show.deadline()
        if deadline is not None and deadline <= now:
            self._show.tick(now)
        if stamp % 997 == 0:
            self._connect()
        self._now += 0.012

    def _begin(self) -> None:
        self.shows += 1
        encoder = Encoder(gop=0.5)
        frames = [item.tag for item in encoder.frames(PER_SHOW * 0.012)]
        # Repeat the headers: mutated ones have replaced them.
        headers = [item.tag for item in encoder.headers()]
        self._good = []
        for begin in range(0, PER_SHOW, HEADERS_EVERY):
            self._good += headers + frames[begin : begin + HEADERS_EVERY - len(headers)]
        self._good.reverse()
        self._show = new_show(window=30.0)
        self._connect()

    def _connect(self) -> None:
        """Connect a publisher, whose first track of each kind is carried."""
        self._show.publisher_connected(self._now)
        for item in Encoder().headers():
            self._show.receive(item.tag.type, item.tag.timestamp, item.tag.body, self._now)


def test_shows_turn_bad_media_into_notices() -> None:
    station = Station()
    fuzz(station.take, seeds(), allowed=())
    check_window(station._show)
    if "MADANG_FUZZ_COUNT" not in os.environ:
        assert station.shows >= SUITE_COUNT // PER_SHOW
        assert station.notices > SUITE_COUNT // 100
        assert station.segments > station.shows * 10


def test_a_show_of_bad_media_stays_as_large_as_its_window() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fuzz(Station().take, [seed + bytes(20_000) for seed in seeds()], allowed=(), count=30_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH
