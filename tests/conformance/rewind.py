"""Watches the long playlist of a show that is on: an EVENT playlist over byte ranges.

Only reads. `watch_event` asks the network, `judge` looks at what was seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from urllib.parse import urljoin

import httpx

from madang.base.errors import ParseError
from madang.wire.hls import ByteRange, MediaPlaylist, Segment, apply_delta, parse_media
from tests.conformance import rules_media
from tests.conformance.adversary import skip_range
from tests.conformance.observed import Rendition, Snapshot
from tests.conformance.oracle import http_client, multivariant
from tests.conformance.report import Report, Rule, Statistics, Violation
from tests.conformance.rules_playlist import judge_event
from tests.support.virtual_time import wall

PAUSE = 1.0
"""Seconds between two looks at a playlist: about as often as players look."""


@dataclass(slots=True)
class Event:
    """What was seen of one media playlist.

    `rendition.files` are the answers to requests for ranges, by `address`, and `again` those to
    the same requests at the end. `deltas` are delta updates, each with the whole playlists that
    were asked for before and after it.
    """

    rendition: Rendition
    deltas: list[tuple[Snapshot, MediaPlaylist, Snapshot]] = field(default_factory=list)
    again: dict[str, httpx.Response] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def ranges(self) -> Iterator[tuple[str, ByteRange]]:
        """Yield address and range of all that the last playlist names, in its order."""
        for segment in self.rendition.latest.playlist.segments:
            if segment.map_uri is not None and segment.map_range is not None:
                yield self._named(segment.map_uri, segment.map_range)
            if segment.byte_range is not None:
                yield self._named(segment.uri, segment.byte_range)

    def _named(self, uri: str, part: ByteRange) -> tuple[str, ByteRange]:
        return address(self.rendition.resolve(uri), part), part


def address(url: str, part: ByteRange) -> str:
    """Return the name of a range of a resource."""
    return f"{url}#{part.offset}-{part.offset + part.length - 1}"


async def watch_event(
    url: str, *, seconds: float, transport: httpx.AsyncBaseTransport | None = None
) -> Report:
    """Watch a show's long playlist, whose multivariant playlist is at `url`, for `seconds`.

    Raises httpx.TransportError where there is no server, and AssertionError where the multivariant
    playlist cannot be read.
    """
    async with http_client(transport) as client:
        variants = (await multivariant(client, url)).variants
        urls = dict.fromkeys(urljoin(url, variant.uri) for variant in variants)
        watches = [_Watch(client, Event(Rendition(each))) for each in urls]
        await asyncio.gather(*(each.run(seconds) for each in watches))
    events = [each.event for each in watches if each.event.rendition.snapshots]
    found = [violation for each in watches for violation in each.event.violations]
    for event in events:
        found += await asyncio.to_thread(list, judge(event))
    return Report(
        tuple(dict.fromkeys(found)),
        Statistics(
            playlists=sum(len(each.rendition.snapshots) for each in events),
            segments=sum(len(each.rendition.latest.playlist.segments) for each in events),
            bytes=sum(len(r.content) for each in events for r in each.rendition.files.values()),
            deltas=sum(delta.skipped > 0 for each in events for _, delta, _ in each.deltas),
        ),
    )


@dataclass(slots=True)
class _Watch:
    client: httpx.AsyncClient
    event: Event

    async def run(self, seconds: float) -> None:
        """Follow the playlist, then read every range once more."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        before = await self._whole()
        while before is not None and loop.time() < deadline and not before.playlist.ended:
            delta = await self._load("?_HLS_skip=YES")
            after = await self._whole()
            if delta is not None and after is not None:
                self.event.deltas.append((before, delta.playlist, after))
            before = after
            await self._read(self.event.rendition.files)
            await asyncio.sleep(PAUSE)
        await self._read(self.event.again)

    async def _whole(self) -> Snapshot | None:
        snapshot = await self._load("")
        if snapshot is not None:
            self.event.rendition.snapshots.append(snapshot)
        return snapshot

    async def _load(self, query: str) -> Snapshot | None:
        url = self.event.rendition.url + query
        asked = asyncio.get_running_loop().time()
        reply = await self.client.get(url)
        try:
            if reply.status_code != 200:
                raise ParseError(str(reply.status_code))
            playlist = parse_media(reply.text)
        except ParseError as error:
            self.event.violations.append(Violation(Rule.AVAILABLE, url, str(error)))
            return None
        at = asyncio.get_running_loop().time()
        return Snapshot(playlist, reply.text, asked, at, wall())

    async def _read(self, into: dict[str, httpx.Response]) -> None:
        for name, part in self.event.ranges() if self.event.rendition.snapshots else ():
            if name not in into:
                asked = f"bytes={part.offset}-{part.offset + part.length - 1}"
                url = name.partition("#")[0]
                into[name] = await self.client.get(url, headers={"Range": asked})


def judge(event: Event) -> Iterator[Violation]:
    """Every breach in what was seen."""
    yield from judge_event(event.rendition)
    for rule, detail in (*_growth(event), *_updates(event), *_ranges(event)):
        yield Violation(rule, event.rendition.url, detail)
    yield from rules_media.judge(_as_files(event))


Found = Iterator[tuple[Rule, str]]


def _growth(event: Event) -> Found:
    for snapshot in event.rendition.snapshots:
        playlist = snapshot.playlist
        if playlist.playlist_type != "EVENT":
            yield Rule.EVENT, f"EXT-X-PLAYLIST-TYPE is {playlist.playlist_type}"
        if (playlist.can_skip_until or 0.0) < 6 * playlist.target_duration:
            yield Rule.SKIP_UNTIL, f"{playlist.can_skip_until}"
    for earlier, later in pairwise(each.playlist for each in event.rendition.snapshots):
        if later.media_sequence != earlier.media_sequence:
            yield Rule.EVENT, f"it began at {earlier.media_sequence}, now at {later.media_sequence}"
        elif not _continues(earlier.segments, later.segments):
            yield Rule.EVENT, f"its {len(earlier.segments)} segments are not what they were"
        if earlier.ended and (not later.ended or later.segments != earlier.segments):
            yield Rule.ENDED, "it went on after its end"


def _continues(earlier: tuple[Segment, ...], later: tuple[Segment, ...]) -> bool:
    return later[: len(earlier)] == earlier


def _updates(event: Event) -> Found:
    for before, delta, after in event.deltas:
        try:
            whole = apply_delta(before.playlist, delta)
        except ParseError as error:
            yield Rule.DELTA, str(error)
            continue
        if not _continues(before.playlist.segments, whole.segments) or not _continues(
            whole.segments, after.playlist.segments
        ):
            yield Rule.DELTA, f"differs from the whole with {len(whole.segments)} segments"
        least, most = (0, 0) if whole.ended else skip_range(whole)
        if not least <= delta.skipped <= most:
            yield Rule.SKIP_BOUNDARY, f"{delta.skipped} skipped, {least} to {most} lie beyond"


def _ranges(event: Event) -> Found:
    ends: dict[str, int] = {}
    for name, part in dict(event.ranges()).items():
        path = name.partition("#")[0].partition("?")[0]
        if part.offset < ends.get(path, 0):
            yield Rule.BYTE_RANGE, f"{name} lies before the end of another"
        ends[path] = part.offset + part.length
        first, second = event.rendition.files.get(name), event.again[name]
        for reply in (second if first is None else first, second):
            said = reply.headers.get("content-range", "").partition("/")[0]
            wanted = f"bytes {part.offset}-{ends[path] - 1}"
            if (reply.status_code, said, len(reply.content)) != (206, wanted, part.length):
                yield Rule.BYTE_RANGE, f"{name}: {reply.status_code} {said}, {len(reply.content)}"
        if first is not None and first.content != second.content:
            yield Rule.BYTE_RANGE, f"{name} has other bytes than before"


def _as_files(event: Event) -> Rendition:
    """Return the rendition as if each range were a file."""

    def named(segment: Segment) -> Segment:
        assert segment.map_uri is not None
        here, init = segment.byte_range, segment.map_range
        return replace(
            segment,
            uri=segment.uri if here is None else address(segment.uri, here),
            map_uri=segment.map_uri if init is None else address(segment.map_uri, init),
        )

    snapshots = []
    if event.rendition.snapshots:
        last = event.rendition.latest
        segments = tuple(named(e) for e in last.playlist.segments if e.map_uri is not None)
        snapshots.append(replace(last, playlist=replace(last.playlist, segments=segments)))
    replies = event.rendition.files.items()
    files = {e: httpx.Response(200, content=r.content) for e, r in replies if r.status_code == 206}
    return replace(event.rendition, snapshots=snapshots, files=files)
