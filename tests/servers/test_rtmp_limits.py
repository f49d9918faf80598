"""Limits of the RTMP server: connections let in, those that give way, and their log."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time

import pytest

from madang.wire.rtmp import RtmpLimits
from tests.support.data_plane import Air, on_the_air, until
from tests.support.rtmp_connections import closed, connect, refusal
from tests.support.rtmp_publisher import RtmpPublisher
from tests.support.shows import Encoder, channel_key, recording

pytestmark = pytest.mark.usefixtures("committed_db")

DIGITS = str.maketrans("0123456789", "abcdefghij")
"""Turns a number into the beginning of a wrong key."""


FOR_FAIL2BAN = "no RTMP handshake: "
"""Part of the log lines on which addresses may be shut out."""


@pytest.fixture(autouse=True)
def _no_wrong_keys_yet(station: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong keys of one test must not lock out the next."""
    from madang.apps.channels import services
    from madang.apps.channels.throttle import WrongKeys

    monkeypatch.setattr(services, "_wrong_keys", WrongKeys())


def test_wrong_keys_of_a_neighbour_are_slowed_down_and_the_right_key_is_not() -> None:
    from madang.servers.live.hub import LiveLimits

    key = channel_key()
    with on_the_air(live_limits=LiveLimits(wrong_key_delay=1.0)) as air:
        began = time.monotonic()
        for number in range(30):
            words = refusal(air, f"{number:08d}".translate(DIGITS) + "a" * 32)
            assert "is wrong" in words
        before = time.monotonic()
        assert "Too many" in refusal(air, "b" * 40)
        assert time.monotonic() - before >= 1.0
        assert before - began < 30
        encoder = Encoder(air, key)
        air.on_air("yard")
        encoder.stop()


def test_a_second_encoder_takes_over_at_once_and_the_first_is_told() -> None:
    key = channel_key()
    with on_the_air() as air:
        first = Encoder(air, key)
        air.on_air("yard")
        before = newest_segment(air)
        second = Encoder(air, key)
        assert "took over" in str(first.failure)
        until(lambda: newest_segment(air) > before)
        assert air.status("yard")["state"] == "live"
        until(lambda: air.hub.snapshot()["yard"].takeovers == 1)
        assert air.hub.snapshot()["yard"].disconnects == 1
        second.stop()


def test_an_encoder_that_was_displaced_does_not_take_over_again_by_itself() -> None:
    from madang.apps.channels.models import EncoderRefusal
    from madang.servers.live.hub import LiveLimits
    from madang.servers.live.takeovers import TakeoverLimits

    key = channel_key()
    takeovers = TakeoverLimits(quiet=6.0, silence=1.0)
    with on_the_air(live_limits=LiveLimits(takeovers=takeovers)) as air:
        first = Encoder(air, key)
        air.on_air("yard")
        second = Encoder(air, key)
        assert "took over" in str(first.failure)
        until(lambda: air.hub.snapshot()["yard"].takeovers == 1)
        for _ in range(2):
            words = refusal(air, key)
            assert "is on the air" in words
            assert re.search("wait [6-9] s", words)
        [row] = EncoderRefusal.objects.all()
        assert (row.reason, row.count) == ("displaced", 2)
        assert air.counters.refused["displaced"] == 2
        assert air.status("yard")["state"] == "live"
        second.vanish()
        air.on_air("yard", "interrupted")
        third = Encoder(air, key)
        air.on_air("yard")
        assert air.hub.snapshot()["yard"].takeovers == 1
        third.stop()


def newest_segment(air: Air) -> int:
    """The highest media sequence number that is listed."""
    lines = air.ask("/live/yard/source/media.m3u8").text.splitlines()
    first = next(line for line in lines if line.startswith("#EXT-X-MEDIA-SEQUENCE:"))
    return int(first.partition(":")[2]) + sum(line.startswith("#EXTINF") for line in lines)


def test_a_half_open_encoder_is_replaced_as_well() -> None:
    key = channel_key()
    with on_the_air() as air:

        async def go_silent() -> RtmpPublisher:
            publisher = RtmpPublisher("127.0.0.1", air.rtmp_port, name=key)
            await publisher.__aenter__()
            await publisher.send(*recording()[:40])
            return publisher

        silent = air.loop.run(go_silent())
        encoder = Encoder(air, key)
        air.on_air("yard")
        rejection = air.loop.run(silent.wait_closed())
        assert rejection is not None
        assert "took over" in rejection.description
        encoder.stop()


@pytest.mark.parametrize("limit", ["pending_per_address", "connections"])
def test_idle_connections_give_way_to_an_encoder(limit: str) -> None:
    from madang.servers.rtmp import ServerLimits

    with on_the_air(server_limits=ServerLimits(**{limit: 3})) as air:
        held = [connect(air) for _ in range(3)]
        until(lambda: air.rtmp_counters.connections == 3)
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        assert closed(held[0])
        assert air.rtmp_counters.closed == {limit: 1}
        encoder.stop()
        for connection in held:
            connection.close()


def test_a_server_full_of_publishers_takes_no_more() -> None:
    from madang.servers.rtmp import ServerLimits

    with on_the_air(server_limits=ServerLimits(connections=1)) as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        with connect(air) as one_more:
            assert closed(one_more)
        assert air.rtmp_counters.closed["connections"] == 1
        assert air.status("yard")["state"] == "live"
        encoder.stop()


def test_only_bytes_of_no_honest_client_are_logged_for_fail2ban(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "madang.servers.rtmp")
    key = channel_key()
    honest = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01" + bytes(600),
        b"\x06",
        b"\x03" + b"\xff" * 4000,
    ]
    with on_the_air() as air:
        for start in honest:
            with connect(air) as connection:
                connection.sendall(start)
                assert closed(connection)
        with connect(air):
            pass  # a probe of a monitor
        from madang.apps.channels.services import rotate_key

        rotate_key("yard")
        for name in ("", "demo", "b" * 40, key):
            refusal(air, name)
        lines = [record.getMessage() for record in caplog.records]
        assert any("rtmp 127.0.0.1: not let in: The stream key was revoked" in one for one in lines)
        assert not any(FOR_FAIL2BAN in line for line in lines)
        assert not any("refused: " in line for line in lines)
        assert key not in caplog.text
        with connect(air) as connection:
            connection.sendall(b"\x8a\xff\x00")
            assert closed(connection)
        until(lambda: f"rtmp 127.0.0.1: {FOR_FAIL2BAN}" in caplog.text)


def test_what_closes_a_connection_is_logged_with_the_header_of_its_chunk(
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = channel_key()

    async def send_odd_bytes(air: Air) -> None:
        async with RtmpPublisher("127.0.0.1", air.rtmp_port, name=key) as publisher:
            publisher._writer.write(b"\x04\0\0\0\0\0\x01\x14\0\0\0\0\0" + b"\xff")
            await publisher.wait_closed()

    caplog.set_level("INFO", "madang.servers.rtmp")
    with on_the_air() as air:
        air.loop.run(send_odd_bytes(air))
        until(lambda: "(chunk type 3, chunk stream 63, without a header" in caplog.text)
        until(lambda: air.rtmp_counters.passed_over == 1)
        assert "1 malformed messages were passed over" in caplog.text


def test_nobody_fills_the_log(caplog: pytest.LogCaptureFixture) -> None:
    from madang.chat.rate_limits import Rate
    from madang.servers.rtmp import ServerLimits

    with on_the_air(server_limits=ServerLimits(lines=Rate(3, 600.0))) as air:
        for _ in range(6):
            with connect(air) as connection:
                connection.sendall(b"\x8a")
                assert closed(connection)
        assert air.rtmp_counters.closed["no_handshake"] == 6
        assert caplog.text.count(FOR_FAIL2BAN) == 3


def test_the_last_words_reach_a_peer_that_is_still_sending() -> None:
    with on_the_air() as air:
        key = channel_key()

        async def be_refused() -> str:
            publisher = RtmpPublisher("127.0.0.1", air.rtmp_port, name=key)
            async with publisher:
                publisher._reader._transport.pause_reading()  # type: ignore[attr-defined]
                await air.close_rtmp("The station is shutting down.")
                for _ in range(50):
                    publisher._writer.write(bytes(60_000))
                    await asyncio.sleep(0.001)
                publisher._reader._transport.resume_reading()  # type: ignore[attr-defined]
                rejection = await publisher.wait_closed()
                return rejection.description if rejection is not None else ""

        assert "shutting down" in air.loop.run(be_refused())


def test_a_peer_that_does_not_read_its_answers_is_closed() -> None:
    from madang.servers.rtmp import ServerLimits

    key = channel_key()
    ping = b"\x02\0\0\0\0\0\x06\x04\0\0\0\0\0\x06\0\0\0\0"

    async def ask_and_never_read(air: Air) -> None:
        async with RtmpPublisher("127.0.0.1", air.rtmp_port, name=key) as publisher:
            publisher._reader._transport.pause_reading()  # type: ignore[attr-defined]
            with contextlib.suppress(ConnectionError):
                while not air.rtmp_counters.closed:
                    publisher._writer.write(ping * 5000)
                    await publisher._writer.drain()
                    await asyncio.sleep(0.001)

    with on_the_air(server_limits=ServerLimits(unread=1000)) as air:
        # The kernel takes megabytes of answers first, which is much work for a busy machine.
        air.loop.run(ask_and_never_read(air), timeout=150)
        assert air.rtmp_counters.closed["unread"] == 1


def test_too_many_bits_a_second_end_the_stream_in_words() -> None:
    with on_the_air(limits=RtmpLimits(bit_rate=100_000.0, bit_rate_window=1.0)) as air:
        encoder = Encoder(air, channel_key())
        assert "0.1 Mbit/s" in str(encoder.failure)
        assert air.rtmp_counters.closed["bit_rate"] == 1


def test_a_full_station_says_so() -> None:
    with on_the_air(max_publishers=1) as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        assert "limit" in refusal(air, channel_key("hall"))
        again = Encoder(air, channel_key("attic"))
        assert "limit" in str(again.failure)
        encoder.stop()
