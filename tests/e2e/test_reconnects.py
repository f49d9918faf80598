"""Encoders that are replaced, vanish and come back, on real sockets: one show, going forward."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser

from madang.wire.flv import Tag
from madang.wire.hls import MediaPlaylist, parse_media
from tests.support import encoders
from tests.support.browser import open_tab
from tests.support.encoders import publish
from tests.support.rtmp_publisher import RtmpPublisher, read_flv
from tests.support.station import Station

pytestmark = pytest.mark.alone


@pytest.fixture(scope="session")
def tags(picture: Path) -> list[Tag]:
    """The picture, for publishers that replay tags."""
    return read_flv(encoders.flv(picture))


@asynccontextmanager
async def _replaying(
    station: Station, slug: str, tags: list[Tag]
) -> AsyncIterator[tuple[RtmpPublisher, asyncio.Task[None]]]:
    """A publisher that is sending, and the task that sends."""
    async with RtmpPublisher("127.0.0.1", station.rtmp_port, name=station.keys[slug]) as publisher:
        sending = asyncio.create_task(publisher.play(tags))
        try:
            yield publisher, sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _playlist(station: Station, slug: str) -> MediaPlaylist | None:
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.get(f"{station.http}/live/{slug}/source/media.m3u8")
    return parse_media(reply.text) if reply.status_code == 200 else None


def _end(playlist: MediaPlaylist) -> int:
    return playlist.media_sequence + len(playlist.segments)


async def _grows_beyond(station: Station, slug: str, msn: int) -> MediaPlaylist:
    async with asyncio.timeout(20):
        while True:
            playlist = await _playlist(station, slug)
            if playlist is not None and _end(playlist) > msn:
                return playlist
            await asyncio.sleep(0.1)


def _shows(station: Station, slug: str) -> list[dict[str, Any]]:
    """The records of a channel's shows, as they stand in the database."""
    with closing(sqlite3.connect(f"file:{station.data}/madang.db?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(
            "SELECT show.* FROM broadcasts_broadcast AS show"
            " JOIN channels_channel AS channel ON channel.id = show.channel_id"
            " WHERE channel.slug = ?",
            (slug,),
        )
        return [dict(row) for row in rows]


async def test_a_second_encoder_with_the_key_replaces_the_first_at_once_and_tells_it(
    on_air: Station, browser: Browser, tags: list[Tag]
) -> None:
    async with _replaying(on_air, "taken", tags) as (first, _):
        await _grows_beyond(on_air, "taken", 0)
        async with open_tab(browser, f"{on_air.http}/@taken") as tab:
            await tab.plays()
            before = await _playlist(on_air, "taken")
            assert before is not None
            began = asyncio.get_running_loop().time()
            async with _replaying(on_air, "taken", tags):
                async with asyncio.timeout(5):
                    words = await first.wait_closed()
                assert words is not None
                assert "took over" in words.description
                after = await _grows_beyond(on_air, "taken", _end(before) + 1)
                assert asyncio.get_running_loop().time() - began < 10
                assert after.media_sequence >= before.media_sequence
                assert any(segment.discontinuity for segment in after.segments)
                await tab.plays()
            assert (await tab.player())["state"] == "live"
            assert not tab.faults
    assert len(_shows(on_air, "taken")) == 1


async def test_a_half_open_encoder_does_not_stand_in_the_way_of_its_return(
    on_air: Station, browser: Browser, picture: Path
) -> None:
    with publish(picture, on_air.publish_url("cut"), loop=True) as silenced:
        await _grows_beyond(on_air, "cut", 0)
        async with open_tab(browser, f"{on_air.http}/@cut") as tab:
            await tab.plays()
            silenced.freeze()
            before = await _playlist(on_air, "cut")
            assert before is not None
            with publish(picture, on_air.publish_url("cut"), loop=True):
                after = await _grows_beyond(on_air, "cut", _end(before) + 1)
                assert after.media_sequence >= before.media_sequence
                await tab.plays()
                assert (await tab.playback()).longest < 8
            assert not tab.faults
    assert len(_shows(on_air, "cut")) == 1


async def test_three_reconnects_in_a_minute_are_one_show_that_goes_on(
    on_air: Station, browser: Browser, picture: Path
) -> None:
    edges: list[int] = []
    with publish(picture, on_air.publish_url("thrice"), loop=True) as encoder:
        await _grows_beyond(on_air, "thrice", 0)
        async with open_tab(browser, f"{on_air.http}/@thrice") as tab:
            await tab.plays()
            for leave in (encoder.vanish, None, None):
                playlist = await _playlist(on_air, "thrice")
                assert playlist is not None
                edges.append(_end(playlist))
                if leave is not None:
                    leave()
                with publish(picture, on_air.publish_url("thrice"), loop=True):
                    await _grows_beyond(on_air, "thrice", edges[-1] + 1)
                    await tab.plays()
            with publish(picture, on_air.publish_url("thrice"), loop=True):
                last = await _grows_beyond(on_air, "thrice", edges[-1] + 1)
                await tab.plays()
                edges.append(_end(last))
                assert edges == sorted(set(edges))
                assert not last.ended
            assert not tab.faults
    (show,) = _shows(on_air, "thrice")
    assert show["ended_at"] is None
    listed = on_air.command("status")["live"]
    assert [each["slug"] for each in listed].count("thrice") == 1
