"""Shows whose key frames never come, as newcomers meet them."""

from __future__ import annotations

import asyncio

import pytest

from madang.wire.flv import Tag, TagType
from tests.live.advice_cases import REFRESH, is_key
from tests.support.broadcast import Sent
from tests.support.data_plane import Air, Answer, on_the_air, until
from tests.support.real_streams import real_stream
from tests.support.rtmp_publisher import RtmpPublisher
from tests.support.shows import channel_key

pytestmark = pytest.mark.usefixtures("committed_db")


async def publish(air: Air, key: str, tags: list[Tag]) -> None:
    """Send `tags` at once, and stay connected."""
    async with RtmpPublisher("127.0.0.1", air.rtmp_port, name=key) as publisher:
        await publisher.send(*tags)
        await asyncio.Event().wait()


def is_key_picture(item: Sent) -> bool:
    return item.tag.type is TagType.VIDEO and is_key(item) and item.tag.body[1] == 1


def told_all(air: Air) -> Answer | None:
    """Return the answer to an FLV reader once all of the stream has arrived."""
    answer = air.ask("/live/yard.flv")
    assert answer.status == 503
    words = "The encoder has sent no key frame for 14 s. Nothing can be seen before.\n"
    return answer if answer.text == words else None


@pytest.mark.parametrize("first_key_frame", [True, False])
def test_newcomers_are_told_that_no_key_frame_comes(first_key_frame: bool) -> None:
    sent = real_stream(REFRESH, seconds=14.0)
    tags = [item.tag for item in sent if first_key_frame or not is_key_picture(item)]
    with on_the_air() as air:
        publishing = air.loop.start(publish(air, channel_key(), tags))
        until(lambda: air.status("yard")["key_frame_overdue"])
        refused = until(lambda: told_all(air))
        assert refused.headers["retry-after"] == "5"
        playlist = air.ask("/live/yard/index.m3u8")
        assert playlist.status == (200 if first_key_frame else 503)
        publishing.cancel()


def test_a_reader_that_waits_for_a_key_frame_in_vain_is_let_go() -> None:
    sent = real_stream(REFRESH, seconds=14.0)
    cached = max(i for i, item in enumerate(sent) if item.at < 9)
    with on_the_air() as air:
        key = channel_key()
        rest = asyncio.Event()

        async def in_two_halves() -> None:
            async with RtmpPublisher("127.0.0.1", air.rtmp_port, name=key) as publisher:
                tags = [item.tag for item in sent if not is_key_picture(item)]
                await publisher.send(*tags[:cached])
                await rest.wait()
                await publisher.send(*tags[cached:])
                await asyncio.Event().wait()

        publishing = air.loop.start(in_two_halves())
        until(lambda: air.ask("/live/yard.flv", "HEAD").status == 200)
        reader = air.connect()
        reader.sendall(b"GET /live/yard.flv HTTP/1.0\r\n\r\n")
        assert b"200 OK" in reader.recv(15)
        air.loop.call(rest.set)
        while reader.recv(65_536):
            pass
        publishing.cancel()
