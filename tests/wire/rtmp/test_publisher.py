"""Test publisher against a session on a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from madang.wire.flv import Tag, TagType, encode_tag, file_header
from madang.wire.rtmp import MediaReceived, PublishStopped
from tests.support.rtmp_publisher import PublishRefused, RtmpPublisher, read_flv
from tests.wire.rtmp.shell import listening

_TAGS = [Tag(TagType.VIDEO, 0, b"\x17\x00\0\0\0c"), Tag(TagType.AUDIO, 60, b"\xaf\x01a")]


def test_it_publishes_and_says_goodbye() -> None:
    async def story() -> None:
        async with listening() as door:
            async with RtmpPublisher("127.0.0.1", door.port, name="key") as publisher:
                await publisher.send(*_TAGS)
            events = await door.shells[0].until(PublishStopped)
            assert events[2:] == [
                *(MediaReceived(tag.type, tag.timestamp, tag.body) for tag in _TAGS),
                PublishStopped(),
            ]

    asyncio.run(story())


def test_it_plays_at_the_speed_of_the_timestamps() -> None:
    async def story() -> None:
        async with listening() as door:
            loop = asyncio.get_running_loop()
            async with RtmpPublisher("127.0.0.1", door.port, name="key") as publisher:
                began = loop.time()
                await publisher.play(_TAGS, shift=0xFFFFFFFF)
                assert loop.time() - began >= 0.055
            events = await door.shells[0].until(PublishStopped)
            assert [e.timestamp for e in events if isinstance(e, MediaReceived)] == [0xFFFFFFFF, 59]

    asyncio.run(story())


def test_a_refusal_is_raised_in_the_servers_words() -> None:
    async def story() -> None:
        async with listening("Not with this key.") as door:
            with pytest.raises(PublishRefused) as caught:
                async with RtmpPublisher("127.0.0.1", door.port, name="key"):
                    pass
            assert caught.value.description == "Not with this key."

    asyncio.run(story())


def test_a_takeover_is_raised_in_the_servers_words() -> None:
    async def story() -> None:
        async with (
            listening() as door,
            RtmpPublisher("127.0.0.1", door.port, name="key") as publisher,
        ):
            door.shells[0].session.end("Another encoder took over.")
            door.shells[0].flush()
            rejection = await publisher.wait_closed()
            assert rejection is not None
            with pytest.raises(PublishRefused, match="took over"):
                await publisher.send(_TAGS[0])

    asyncio.run(story())


def test_an_abort_sends_no_goodbye() -> None:
    async def story() -> None:
        async with listening() as door:
            async with RtmpPublisher("127.0.0.1", door.port, name="key") as publisher:
                publisher.abort()
            await asyncio.sleep(0.05)
            assert not any(isinstance(event, PublishStopped) for event in door.shells[0].events)

    asyncio.run(story())


def test_an_flv_file_is_read_into_tags(tmp_path: Path) -> None:
    path = tmp_path / "clip.flv"
    path.write_bytes(file_header(audio=True, video=True) + b"".join(map(encode_tag, _TAGS)))
    assert read_flv(path) == _TAGS
