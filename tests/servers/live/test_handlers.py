"""The addresses below `/live/`, as players and strangers use them."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import connect

from madang.infra.socket_writer import Framing
from madang.live.files import MediaFile
from madang.servers.http.exchange import Exchange
from madang.wire.flv import FlvReader, Tag, TagType
from madang.wire.hls import parse_media
from tests.servers.http.test_connection import answer_of
from tests.support.data_plane import Air, on_the_air, until
from tests.support.shows import Encoder, channel_key

if TYPE_CHECKING:
    from madang.servers.live.hls import HlsDelivery

pytestmark = pytest.mark.usefixtures("committed_db")


def playing(air: Air, tags: list[Tag]) -> bool:
    """Return whether `tags` begin with both sequence headers and a key frame, in order."""
    if len(tags) < 40:
        return False
    assert [tag.type for tag in tags[:1]] == [TagType.SCRIPT]
    assert {tag.type for tag in tags[1:3]} == {TagType.AUDIO, TagType.VIDEO}
    pictures = [tag for tag in tags[3:] if tag.type is TagType.VIDEO]
    assert pictures[0].body[0] >> 4 == 1, "a key frame"
    stamps = [tag.timestamp for tag in pictures]
    assert stamps == sorted(set(stamps))
    return True


def test_flv_over_http_and_over_a_websocket_is_the_same_stream() -> None:
    with on_the_air() as air, ExitStack() as stack:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        web = stack.enter_context(connect(f"ws://127.0.0.1:{air.number}/live/yard.flv"))
        plain = air.connect()
        plain.sendall(b"GET /live/yard.flv HTTP/1.0\r\n\r\n")
        over_http, over_web = FlvReader(), FlvReader()
        head = b""
        while b"\r\n\r\n" not in head:
            head += plain.recv(1)
        assert b"content-type: video/x-flv" in head
        heard: list[Tag] = []
        seen: list[Tag] = []
        until(lambda: heard.extend(over_http.receive(plain.recv(65_536))) or playing(air, heard))

        def take() -> bool:
            data = web.recv(5)
            assert isinstance(data, bytes)
            seen.extend(over_web.receive(data))
            return playing(air, seen)

        until(take)
        until(lambda: air.status("yard")["viewers"] == 2)
        web.close()
        plain.close()
        until(lambda: air.status("yard")["viewers"] == 0)
        encoder.stop()


def asked(client: socket.socket, path: str, session: str, method: str = "GET") -> None:
    """Ask for `path` below `/live/yard/source/`, in the words that a player repeats."""
    fields = f"Host: x\r\nX-Playback-Session-Id: {session}\r\n\r\n"
    client.sendall(f"{method} /live/yard/source/{path} HTTP/1.1\r\n{fields}".encode())


def bodies(clients: list[socket.socket]) -> set[bytes]:
    return {answer_of(client).partition(b"\r\n\r\n")[2] for client in clients}


def test_many_who_watch_get_the_same_and_are_counted_each(monkeypatch: pytest.MonkeyPatch) -> None:
    from madang.servers.live.hls import HlsDelivery

    found_out: list[str] = []
    find_out = HlsDelivery.file

    def counted(
        hls: HlsDelivery, exchange: Exchange, rendition: str, name: str, client: str
    ) -> MediaFile | None:
        found_out.append(name)
        return find_out(hls, exchange, rendition, name, client)

    monkeypatch.setattr(HlsDelivery, "file", counted)
    with on_the_air() as air, ExitStack() as stack:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        until(lambda: "#EXT-X-PART:" in air.ask("/live/yard/source/media.m3u8").text)
        clients = [stack.enter_context(air.connect()) for _ in range(12)]

        def ask(path: str) -> set[bytes]:
            for number, client in enumerate(clients):
                asked(client, path, f"number {number}")
            return bodies(clients)

        ask("nothing")
        for _ in range(2):
            playlist = parse_media(air.ask("/live/yard/source/media.m3u8").text)
            hint = playlist.preload_hint
            assert hint is not None
            newest = playlist.segments[-1]
            part = (newest.parts or playlist.segments[-2].parts)[-1].uri
            before = air.counters.bytes_sent["part"]
            (body,) = ask(part)
            assert body == air.ask(f"/live/yard/source/{part}").body
            every = before + 13 * len(body)
            until(lambda: air.counters.bytes_sent["part"] == every)  # noqa: B023
            assert found_out.count(part) <= 4  # it may have become another second meanwhile

            (later,) = ask(
                f"media.m3u8?_HLS_msn={playlist.media_sequence + len(playlist.segments)}"
            )
            assert hint.encode() in later
        until(lambda: air.status("yard")["viewers"] == 12 + 1)  # we have looked as well
        encoder.stop()


def test_who_waits_for_a_head_is_counted_without_a_body() -> None:
    with on_the_air() as air, air.connect() as client:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        until(lambda: "#EXTINF" in air.ask("/live/yard/source/media.m3u8").text)
        playlist = parse_media(air.ask("/live/yard/source/media.m3u8").text)
        sent = air.loop.call(lambda: air.counters.bytes_sent["playlist"])  # after the callback
        ahead = playlist.media_sequence + len(playlist.segments)
        asked(client, f"media.m3u8?_HLS_msn={ahead}", "one", "HEAD")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert air.loop.call(lambda: air.counters.bytes_sent["playlist"]) == sent
        encoder.stop()


def test_only_who_plays_whole_segments_waits_for_the_first_one() -> None:
    path = "/live/yard/source/media.m3u8"
    with on_the_air(segment=2.0) as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        begun = air.ask(path, x_playback_session_id="ours").text
        assert "#EXT-X-PART:" in begun
        assert "#EXTINF" not in begun
        assert "#EXTINF" in air.ask(path).text
        encoder.stop()


def test_who_joins_in_the_same_moment_shares_one_opening() -> None:
    with on_the_air() as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        channel = air.hub.channel("yard")
        assert channel is not None

        def openings() -> list[object]:
            found = []
            for _ in range(2):
                client = channel.flv.join(Framing.CHUNKED)
                assert client is not None
                found.append(channel.flv._opening)
                channel.flv._clients.discard(client)
            return found

        first, second = air.loop.call(openings)
        assert first is second
        encoder.stop()


def test_streams_can_only_be_read_from_any_site() -> None:
    with on_the_air() as air:
        preflight = air.ask("/live/yard/index.m3u8", "OPTIONS")
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "range" in preflight.headers["access-control-allow-headers"]
        assert air.ask("/live/yard/index.m3u8", "POST", b"x").status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/live/",
        "/live/yard",
        "/live/yard/",
        "/live/yard/a/b/c",
        "/live/nobody/index.m3u8",
        "/live/nobody.flv",
        "/live/nobody/status.json",
        "/live/%00/index.m3u8",
        "/live/%ff/source/media.m3u8",
    ],
)
def test_what_is_not_there_is_404(path: str) -> None:
    with on_the_air() as air:
        assert air.ask(path).status == 404


@pytest.mark.parametrize(
    "query",
    [
        "_HLS_msn=a",
        "_HLS_msn=-1",
        "_HLS_msn=1e3",
        f"_HLS_msn={'9' * 5000}",
        "_HLS_msn=99999999999999",
        "_HLS_part=1",
        "_HLS_msn=%D9%A1",
        "_HLS_skip=NO",
    ],
)
def test_a_directive_that_makes_no_sense_is_400(query: str) -> None:
    with on_the_air() as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        assert air.ask(f"/live/yard/source/media.m3u8?{query}").status == 400
        encoder.stop()


def test_head_of_a_stream_ends() -> None:
    with on_the_air() as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        assert air.ask("/live/yard.flv", "HEAD").headers["content-type"] == "video/x-flv"
        encoder.stop()
