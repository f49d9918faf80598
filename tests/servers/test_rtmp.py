"""The RTMP server, with real sockets and real stream keys."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from madang.wire.rtmp import RtmpLimits
from tests.support.data_plane import on_the_air, until
from tests.support.rtmp_connections import closed, connect, refusal
from tests.support.rtmp_publisher import PublishRefused, RtmpPublisher
from tests.support.shows import Encoder, channel_key, recording

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_server_on_all_addresses_takes_both_kinds_of_addresses(address: str) -> None:
    key = channel_key()
    with on_the_air(rtmp_host="::") as air:

        async def come() -> str:
            async with RtmpPublisher(address, air.rtmp_port, name=key):
                channel = air.hub.channel("yard")
                assert channel is not None
                assert channel.broadcast.publisher is not None
                return channel.broadcast.publisher.address

        assert air.loop.run(come()) == address


def test_an_encoder_with_the_right_key_is_on_the_air() -> None:
    with on_the_air() as air:
        encoder = Encoder(air, channel_key())
        status = air.on_air("yard")
        assert status["renditions"][0]["codecs"].startswith("avc1.")
        assert air.ask("/live/yard/index.m3u8").status == 200
        encoder.stop()


@pytest.mark.parametrize("key", ["", "live_nonsense", "demo"])
def test_a_wrong_key_is_refused_in_words_before_anything_starts(key: str) -> None:
    channel_key()
    with on_the_air() as air:
        assert "stream key" in refusal(air, key)
        assert air.rtmp_counters.refused["publish"] == 1
        until(lambda: air.rtmp_counters.closed["refused"] == 1)
        assert air.status("yard")["state"] == "offline"


def rename(table: str, to: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {to}")


def test_a_database_that_fails_is_said_in_words_and_nothing_breaks() -> None:
    key = channel_key()
    with on_the_air() as air:
        rename("channels_streamkey", "away")
        try:
            assert "database does not answer" in refusal(air, key)
        finally:
            rename("away", "channels_streamkey")
        encoder = Encoder(air, key)
        air.on_air("yard")
        encoder.stop()


def test_silence_ends_a_connection_and_the_show_waits() -> None:
    with on_the_air(limits=RtmpLimits(silence=2.0)) as air:
        key = channel_key()

        async def go_silent() -> None:
            async with RtmpPublisher("127.0.0.1", air.rtmp_port, name=key) as publisher:
                await publisher.send(*recording()[:200])
                await publisher.wait_closed()

        air.loop.run(go_silent())
        air.on_air("yard", "interrupted")
        assert air.rtmp_counters.closed["silence"] == 1


def test_a_peer_that_says_nothing_is_closed_after_the_handshake_time() -> None:
    with on_the_air(limits=RtmpLimits(handshake=0.3)) as air, connect(air) as connection:
        began = time.monotonic()
        assert closed(connection)
        assert 0.2 < time.monotonic() - began < 3
        assert air.rtmp_counters.closed["handshake_timeout"] == 1


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(600), b"\x03" + b"\xff" * 4000]
)
def test_garbage_ends_its_connection_and_no_other(garbage: bytes) -> None:
    key = channel_key()
    with on_the_air(limits=RtmpLimits(handshake=1.0, setup=1.0)) as air:
        encoder = Encoder(air, key)
        air.on_air("yard")
        with connect(air) as connection:
            connection.sendall(garbage)
            assert closed(connection)
        assert sum(air.rtmp_counters.closed.values()) == 1
        assert air.status("yard")["state"] == "live"
        encoder.stop()


def test_closing_tells_every_encoder_why() -> None:
    with on_the_air() as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        air.loop.run(air.close_rtmp("The station is shutting down."))
        assert "shutting down" in str(encoder.failure)
        with pytest.raises(ConnectionError):
            connect(air)


def test_an_encoder_that_leaves_while_it_is_judged_leaves_no_show() -> None:
    from madang.apps.broadcasts.models import Broadcast

    with on_the_air() as air:
        key = channel_key()

        async def hurry() -> None:
            publisher = RtmpPublisher("127.0.0.1", air.rtmp_port, name=key)
            entering = asyncio.ensure_future(publisher.__aenter__())
            # Closely: soon after it was accepted it is on the air.
            while not air.rtmp_counters.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await air.close_rtmp("The station is shutting down.")
            await asyncio.gather(entering, return_exceptions=True)

        air.loop.run(hurry())
        until(lambda: sum(air.rtmp_counters.closed.values()) == 1)
        assert air.hub.channel("yard") is None
    assert not Broadcast.objects.filter(ended_at=None).exists()


def test_two_channels_are_on_the_air_at_once() -> None:
    with on_the_air() as air:
        encoders = [Encoder(air, channel_key(slug)) for slug in ("yard", "hall")]
        for slug in ("yard", "hall"):
            air.on_air(slug)
        assert set(air.hub.snapshot()) == {"yard", "hall"}
        encoders[0].stop()
        air.on_air("yard", "interrupted")
        assert air.status("hall")["state"] == "live"
        encoders[1].stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command, *names, "-out", str(made[0]), "-keyout", str(made[1])],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return made


def test_rtmps_is_the_same_server_behind_tls(certificate: tuple[Path, Path]) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    client = ssl.create_default_context(cafile=str(certificate[0]))
    with on_the_air(tls=server) as air:
        key = channel_key()

        async def publish(name: str) -> Any:
            async with RtmpPublisher("127.0.0.1", air.rtmps_port, name=name, tls=client) as it:
                await it.play(recording())

        publishing = air.loop.start(publish(key))
        air.on_air("yard")
        with pytest.raises(PublishRefused, match="stream key"):
            air.loop.run(publish("wrong"))
        publishing.result(20)
