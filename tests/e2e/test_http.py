"""The one HTTP port while something is on the air: what clients, monitors and strangers ask."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from madang.wire.hls import MediaPlaylist, parse_media
from tests.e2e.conftest import METRICS_TOKEN
from tests.support.encoders import publish
from tests.support.station import Station, until

MEDIA = "/live/crowd/source/media.m3u8"


@pytest.fixture(scope="module")
def crowd(on_air: Station, picture: Path) -> Iterator[httpx.Client]:
    """A client of the station while the channel `crowd` is on the air."""
    with (
        publish(picture, on_air.publish_url("crowd"), loop=True),
        httpx.Client(
            base_url=on_air.http, trust_env=False, headers={"Accept-Encoding": "identity"}
        ) as client,
    ):
        until(lambda: client.get(MEDIA).text.count("#EXTINF") >= 2, "on the air", within=45)
        yield client


def _segment(client: httpx.Client) -> str:
    """The address of the newest whole segment."""
    playlist = parse_media(client.get(MEDIA).text)
    whole = [segment for segment in playlist.segments if segment.complete]
    return urljoin(MEDIA, whole[-1].uri)


def test_every_live_address_is_open_to_other_sites(crowd: httpx.Client) -> None:
    addresses = ("/live/crowd/index.m3u8", MEDIA, _segment(crowd), "/live/crowd/status.json")
    for address in addresses:
        reply = crowd.get(address, headers={"Origin": "https://blog.example"})
        assert reply.status_code == 200, address
        assert reply.headers["access-control-allow-origin"] == "*", address
        asked = {
            "Origin": "https://blog.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "x-playback-session-id",
        }
        preflight = crowd.options(address, headers=asked)
        assert preflight.status_code == 204, address
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "x-playback-session-id" in preflight.headers["access-control-allow-headers"]
        assert crowd.post(address).status_code == 405


def test_head_tells_what_get_would_send(crowd: httpx.Client) -> None:
    address = _segment(crowd)
    head, get = crowd.head(address), crowd.get(address)
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "cache-control"):
        assert head.headers[name] == get.headers[name]
    assert "immutable" in get.headers["cache-control"]
    assert crowd.head("/live/crowd.flv").headers["content-type"] == "video/x-flv"


def test_ranges_of_a_segment_are_served(crowd: httpx.Client) -> None:
    address = _segment(crowd)
    whole = crowd.get(address).content
    for asked, expected in (
        ("bytes=0-99", whole[:100]),
        ("bytes=100-", whole[100:]),
        ("bytes=-50", whole[-50:]),
    ):
        reply = crowd.get(address, headers={"Range": asked})
        assert reply.status_code == 206
        assert reply.content == expected
        assert reply.headers["content-range"].endswith(f"/{len(whole)}")
    beyond = crowd.get(address, headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416


def test_a_segment_that_the_client_has_is_not_sent_again(crowd: httpx.Client) -> None:
    address = _segment(crowd)
    etag = crowd.get(address).headers["etag"]
    again = crowd.get(address, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert crowd.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_playlists_are_compressed_for_who_accepts_it(crowd: httpx.Client, on_air: Station) -> None:
    with crowd.stream("GET", MEDIA, headers={"Accept-Encoding": "gzip"}) as reply:
        raw = b"".join(reply.iter_raw())
    assert reply.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw).startswith(b"#EXTM3U")
    assert "content-encoding" not in crowd.get(MEDIA).headers


def test_the_clients_of_other_machines_need_the_token_for_metrics(crowd: httpx.Client) -> None:
    near = crowd.get("/metrics")
    assert near.status_code == 200
    assert 'madang_viewers{channel="crowd"}' in near.text
    for name in ("ingest_bits_per_second", "ingest_frames_per_second", "part_lag_seconds"):
        assert f'madang_{name}{{channel="crowd"}}' in near.text
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    assert crowd.get("/metrics", headers=forwarded).status_code == 403
    wrong = {**forwarded, "Authorization": "Bearer of bad news"}
    assert crowd.get("/metrics", headers=wrong).status_code == 403
    right = {**forwarded, "Authorization": f"Bearer {METRICS_TOKEN}"}
    assert crowd.get("/metrics", headers=right).status_code == 200


def test_the_station_is_alive_and_ready(crowd: httpx.Client) -> None:
    assert crowd.get("/healthz").text == "alive\n"
    assert crowd.get("/readyz").text == "ready\n"


def test_the_status_command_tells_what_is_live(crowd: httpx.Client, on_air: Station) -> None:
    def listed() -> dict[str, object] | None:
        found = on_air.command("status")
        assert found["running"]
        each = {show["slug"]: show for show in found["live"]}
        show: dict[str, object] = each["crowd"]
        return show if show["bitrate"] else None

    show = until(listed, "a bit rate")
    assert show["codecs"].split(",")[0].startswith("avc1.")
    assert show["renditions"] == ["source"]
    assert show["publisher"] == "127.0.0.1"
    assert {"since", "viewers", "bitrate", "codecs", "renditions", "publisher"} <= set(show)


async def _viewers(client: httpx.AsyncClient) -> int:
    status = (await client.get("/live/crowd/status.json")).json()
    return int(status["viewers"])


async def _becomes(client: httpx.AsyncClient, count: int, within: float) -> None:
    seen: list[int] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not seen or seen[-1] != count:
                seen.append(await _viewers(client))
                await asyncio.sleep(0.25)
    assert seen[-1] == count, seen


async def _play(client: httpx.AsyncClient, headers: dict[str, str], *, media: bool) -> None:
    """Reload the playlist for ever and, with `media`, fetch every new part."""
    known: set[str] = set()
    query = ""
    while True:
        reply = await client.get(MEDIA + query, headers=headers, timeout=20)
        playlist: MediaPlaylist = parse_media(reply.text)
        parts = [part.uri for segment in playlist.segments for part in segment.parts]
        for uri in parts[-1:] if media else ():
            if uri not in known:
                known.add(uri)
                await client.get(urljoin(MEDIA, uri), headers=headers)
        last = playlist.segments[-1]
        newest = playlist.media_sequence + len(playlist.segments) - (not last.complete)
        query = f"?_HLS_msn={newest}&_HLS_part={0 if last.complete else len(last.parts)}"


@asynccontextmanager
async def _clients(
    client: httpx.AsyncClient, sessions: list[dict[str, str]], *, media: bool
) -> AsyncIterator[None]:
    playing = [asyncio.create_task(_play(client, each, media=media)) for each in sessions]
    try:
        yield
        for task in playing:
            assert not task.done(), task.exception()
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)


async def test_viewers_are_clients_that_play_and_nobody_else(
    crowd: httpx.Client, on_air: Station
) -> None:
    async with httpx.AsyncClient(base_url=on_air.http, trust_env=False) as client:
        await asyncio.sleep(1.5)  # who came within the last second is not counted yet
        await _becomes(client, 0, within=45)
        players = [{"X-Playback-Session-Id": f"player {number}"} for number in range(5)]
        readers = [{"X-Playback-Session-Id": f"reader {number}"} for number in range(3)]
        async with (
            _clients(client, readers, media=False),
            _clients(client, players, media=True),
        ):
            for number in range(4):  # link previews and probes: one look each
                probe = {"X-Playback-Session-Id": f"probe {number}"}
                await client.get(_segment(crowd), headers=probe)
                await client.head(_segment(crowd), headers=probe)
            await _becomes(client, 5, within=10)
            async with client.stream("GET", "/live/crowd.flv") as stream:
                chunks = stream.aiter_raw()
                await anext(chunks)
                await _becomes(client, 6, within=10)
            await _becomes(client, 5, within=10)
            for _ in range(8):
                assert await _viewers(client) == 5
                await asyncio.sleep(0.25)
        await _becomes(client, 0, within=15)


@pytest.mark.parametrize("door", ["http", "rtmp"])
def test_garbage_at_a_door_does_no_harm(crowd: httpx.Client, on_air: Station, door: str) -> None:
    port = on_air.http_port if door == "http" else on_air.rtmp_port
    before = _edge(crowd)
    openings = (b"", b"\x03", b"GET / HTTP/9.9\r\n\r\n", b"\x03" + bytes(1536), b"\xff" * 65_536)
    for opening in openings:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as stranger,
            suppress(OSError),  # being hung up on, or left waiting, is as good an answer
        ):
            stranger.sendall(opening + os.urandom(4_096))
            stranger.settimeout(0.5)
            stranger.recv(4_096)
    until(lambda: _edge(crowd) > before, "the show goes on")
    assert crowd.get("/readyz").status_code == 200
    assert "Traceback" not in on_air.said()


def _edge(client: httpx.Client) -> int:
    playlist = parse_media(client.get(MEDIA).text)
    return playlist.media_sequence + len(playlist.segments)
