"""The addresses below `/live/`, as players and strangers use them."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from websockets.sync.client import connect

from madang.servers.direct import Framing
from madang.wire.flv import FlvReader, Tag, TagType
from tests.support.air import Air, on_the_air, until
from tests.support.shows import Encoder, channel_key

pytestmark = pytest.mark.usefixtures("committed_db")


def playing(air: Air, tags: list[Tag]) -> bool:
    """Whether `tags` begin with both sequence headers and a key frame, and go on in order."""
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


def test_who_joins_in_the_same_moment_shares_one_opening() -> None:
    with on_the_air() as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        channel = air.hub.channel("yard")
        assert channel is not None

        def openings() -> list[object]:
            found = []
            for _ in range(2):
                reader = channel.join(Framing.CHUNKED)
                assert reader is not None
                found.append(channel._flv_opening)
                channel._readers.discard(reader)
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
