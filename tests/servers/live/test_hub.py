"""Shows from the first publisher to the last record."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from madang.wire.flv import TagType
from tests.support.data_plane import Air, on_the_air, until
from tests.support.rtmp_publisher import RtmpPublisher
from tests.support.shows import Encoder, channel_key, recording

if TYPE_CHECKING:
    from madang.apps.broadcasts.models import Broadcast

pytestmark = pytest.mark.usefixtures("committed_db")


def shows() -> list[Broadcast]:
    """The records of all shows, the newest first."""
    from madang.apps.broadcasts.models import Broadcast

    return list(Broadcast.objects.all())


def rename(table: str, to: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {to}")


def edge(air: Air) -> tuple[int, int]:
    """The media sequence number and part that come next."""
    status = air.ask("/live/yard/source/media.m3u8").text
    lines = status.splitlines()
    first = int(next(x for x in lines if x.startswith("#EXT-X-MEDIA-SEQUENCE:")).split(":")[1])
    last_whole = max(i for i, line in enumerate(lines) if line.startswith("#EXTINF"))
    parts = sum(line.startswith("#EXT-X-PART:") for line in lines[last_whole:])
    return first + sum(line.startswith("#EXTINF") for line in lines), parts


def test_reconnects_and_takeovers_are_one_show_whose_numbers_only_rise() -> None:
    key = channel_key()
    seen: list[tuple[int, int]] = []
    with on_the_air(grace=10) as air:
        encoder = Encoder(air, key)
        air.on_air("yard")
        for _ in range(2):
            until(lambda: air.ask("/live/yard/source/media.m3u8").text.count("#EXTINF") > 0)
            seen.append(edge(air))
            encoder.vanish()
            air.on_air("yard", "interrupted")
            encoder = Encoder(air, key)
            air.on_air("yard")
            until(lambda: edge(air) > seen[-1])
        seen.append(edge(air))
        other = Encoder(air, key)
        assert "took over" in str(encoder.failure)
        until(lambda: edge(air) > seen[-1])
        seen.append(edge(air))
        assert seen == sorted(set(seen))
        other.stop()
    (show,) = shows()
    assert show.disconnects >= 2
    assert show.end_reason == "shutdown"
    assert show.bytes_in > 10_000
    assert show.codecs.startswith("avc1.")


def test_an_encoder_that_says_goodbye_ends_its_show_after_the_grace_period() -> None:
    from madang.servers.live.hub import LiveLimits

    with on_the_air(grace=0.5, live_limits=LiveLimits(afterglow=0.5)) as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        until(lambda: "#EXTINF" in air.ask("/live/yard/source/media.m3u8").text)
        encoder.stop()
        until(lambda: air.hub.channel("yard") is not None and not air.hub.snapshot())
        # Players that come a moment late still learn that it is over.
        assert "#EXT-X-ENDLIST" in air.ask("/live/yard/source/media.m3u8").text
        until(lambda: air.hub.channel("yard") is None)
        assert air.status("yard")["state"] == "offline"
        assert air.ask("/live/yard/source/media.m3u8").status == 404
    (show,) = shows()
    assert show.end_reason == "finished"
    assert show.ended_at is not None


def test_a_database_that_is_away_in_the_middle_costs_a_show_nothing() -> None:
    from madang.servers.live.hub import LiveLimits
    from madang.servers.live.statistics import StatisticsIntervals

    limits = LiveLimits(retry=0.6, statistics=StatisticsIntervals(report=0.6))
    key = channel_key()
    tried = threading.Event()
    rename("broadcasts_broadcast", "away")
    with on_the_air(grace=0.2, live_limits=limits) as air:
        try:
            encoder = Encoder(air, key)
            air.on_air("yard")
            until(lambda: air.ask("/live/yard/source/media.m3u8").text.count("#EXTINF") > 1)
            assert air.status("yard")["state"] == "live"
        finally:
            rename("away", "broadcasts_broadcast")
        until(shows)
        rename("broadcasts_broadcast", "away")
        try:
            encoder.stop()
            until(lambda: not air.hub.snapshot())
            received = air.hub.channel("yard")
            assert received is not None
            total = received.broadcast.bytes_in
            air.show_log._thread.submit(tried.set)
            assert tried.wait(10)
        finally:
            rename("away", "broadcasts_broadcast")
        until(lambda: shows()[0].ended_at)
    (show,) = shows()
    assert show.end_reason == "finished"
    assert show.bytes_in == total


def test_strangers_get_a_clear_answer_while_the_database_is_away() -> None:
    channel_key()
    with on_the_air() as air:
        rename("channels_channel", "away")
        try:
            for path in ("/live/yard/status.json", "/live/yard/index.m3u8", "/live/yard.flv"):
                answer = air.ask(path)
                assert answer.status == 503
                assert "database does not answer" in answer.text
                assert answer.headers["retry-after"] == "5"
        finally:
            rename("away", "channels_channel")
        assert air.ask("/live/yard/status.json").status == 200


def test_shows_that_a_crash_left_open_are_closed_at_the_next_start() -> None:
    from django.utils import timezone

    from madang.apps.broadcasts import services
    from madang.apps.channels.services import get_channel

    channel_key()
    number = services.begin(get_channel("yard").pk, timezone.now())
    assert services.close_orphans() == 1
    (show,) = shows()
    assert (show.pk, show.end_reason) == (number, "crashed")
    assert services.close_orphans() == 0


def test_a_new_title_reaches_who_watches() -> None:
    from madang.apps.channels.services import rename as retitle

    with on_the_air() as air:
        encoder = Encoder(air, channel_key())
        assert air.on_air("yard")["title"] == "The yard"
        retitle("yard", title="가을 마당")
        air.hub.channel_changed("yard")
        until(lambda: air.status("yard")["title"] == "가을 마당")
        encoder.stop()


def test_an_encoder_is_disconnected_only_where_nothing_can_be_carried() -> None:
    telephony = b"\x72" + bytes(160)
    other_sound = tuple(
        replace(tag, body=telephony) if tag.type is TagType.AUDIO else tag for tag in recording()
    )
    nothing = tuple(
        replace(tag, body=b"\x12\0") if tag.type is TagType.VIDEO else tag for tag in other_sound
    )
    with on_the_air(grace=0.5) as air:
        encoder = Encoder(air, channel_key(), other_sound)
        air.on_air("yard")
        (advice,) = air.hub.snapshot()["yard"].advice
        assert (advice.code, advice.values) == ("sound_not_carried", {"codec": "G.711 A-law"})
        encoder.stop()
        until(lambda: not air.hub.snapshot())
        Encoder(air, channel_key("lane"), nothing)
        until(lambda: "disconnected" in {show.end_reason for show in shows()})


def test_other_threads_may_look_and_send_a_publisher_away() -> None:
    with on_the_air(grace=0.5) as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        seen: list[str] = []

        def from_elsewhere() -> None:
            seen.append(air.hub.snapshot()["yard"].publisher)
            air.hub.disconnect("yard", "The station closes.")

        thread = threading.Thread(target=from_elsewhere)
        thread.start()
        thread.join()
        assert seen == ["127.0.0.1"]
        assert "The station closes." in str(encoder.failure)
        until(lambda: not air.hub.snapshot())
    assert shows()[0].end_reason == "disconnected"


def test_a_reload_that_waits_too_long_is_told_so() -> None:
    key = channel_key()
    tags = [tag for tag in recording() if tag.timestamp < 2000]
    with on_the_air(part_target=0.2, grace=30) as air:

        async def stall() -> None:
            """Publish two seconds and keep the connection open after that."""
            async with RtmpPublisher("127.0.0.1", air.rtmp_port, name=key) as publisher:
                await publisher.play(tags)
                await publisher.wait_closed()

        publishing = air.loop.start(stall())
        air.on_air("yard")
        channel = until(lambda: air.hub.channel("yard"))
        until(lambda: channel.broadcast.bytes_in == sum(len(tag.body) for tag in tags[1:]))
        until(lambda: "#EXTINF" in air.ask("/live/yard/source/media.m3u8").text)
        target = int(air.ask("/live/yard/source/media.m3u8").text.split("DURATION:")[1][0])
        ahead = f"/live/yard/source/media.m3u8?_HLS_msn={edge(air)[0] + 1}"
        began = time.monotonic()
        assert air.ask(ahead).status == 503
        waited = time.monotonic() - began
        assert 3 * target - 0.1 <= waited < 3 * target + 2
        publishing.cancel()
        air.on_air("yard", "interrupted")
        began = time.monotonic()
        answer = air.ask(ahead)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert time.monotonic() - began < 2 * target


def test_a_show_counts_its_viewers_and_what_they_were_sent() -> None:
    with on_the_air() as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        for _ in range(4):
            playlist = air.ask("/live/yard/source/media.m3u8").text
            part = playlist.split("#EXT-X-PART:")[-1].split('URI="')[1].split('"')[0]
            air.ask(f"/live/yard/source/{part}", x_playback_session_id="one")
            air.ask(f"/live/yard/source/{part}", "HEAD", x_playback_session_id="two")
        until(lambda: air.status("yard")["viewers"] == 1)
        assert air.counters.bytes_sent["part"] > 0
        sent = air.counters.bytes_sent["playlist"]
        air.ask("/live/yard/source/media.m3u8", "HEAD")
        assert air.counters.bytes_sent["playlist"] == sent
        encoder.stop()


def test_the_operators_view_is_not_for_other_sites_or_machines() -> None:
    with on_the_air() as air:
        here = air.ask("/live/operator.json", origin="https://evil.example")
        assert here.status == 200
        assert "access-control-allow-origin" not in here.headers
        assert air.ask("/live/operator.json", x_forwarded_for="198.51.100.7").status == 403
