"""Requests that a player makes at awkward moments, and some that none should make."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from madang.base.errors import ParseError
from madang.wire.hls import MediaPlaylist, apply_delta, parse_media
from tests.conformance.observed import WHOLE, Position, Rendition, Snapshot
from tests.conformance.report import Rule, Violation

MALFORMED = (
    "_HLS_msn=",
    "_HLS_msn=x",
    "_HLS_msn=-1",
    "_HLS_msn=1.5",
    "_HLS_msn=%D9%A3",  # a digit, but not an ASCII one
    "_HLS_msn=999999999999999999999999999999",
    "_HLS_part=0",  # needs _HLS_msn
    "_HLS_msn=0&_HLS_part=x",
    "_HLS_msn=0&_HLS_part=-1",
)
"""Queries that section 6.2.5.2 has answered with 400, or that are no decimal-integer (4.2)."""


@dataclass(slots=True)
class Adversary:
    """Probes one rendition while another task follows it and adds its snapshots.

    `hinted` are the answers to hinted parts asked for early, `deltas` the delta updates with the
    playlist that the asker had: both are compared when the watch is over.
    """

    client: httpx.AsyncClient
    rendition: Rendition
    violations: list[Violation] = field(default_factory=list)
    hinted: dict[str, httpx.Response] = field(default_factory=dict)
    deltas: list[tuple[Snapshot, MediaPlaylist]] = field(default_factory=list)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Probe until cancelled or until the stream ends."""
        await asyncio.gather(
            self._again(self._too_far),
            self._again(self._segment),
            self._again(self._roll_over),
            self._again(self._hint),
            self._again(self._delta),
        )

    def _found(self, rule: Rule, detail: str) -> None:
        violation = Violation(rule, self.rendition.url, detail)
        if violation not in self.violations:
            self.violations.append(violation)

    async def _again(self, probe: Callable[[Snapshot], Awaitable[None]]) -> None:
        while not self.rendition.latest.playlist.ended:
            before = self.rendition.latest
            await probe(before)
            while self.rendition.latest is before:
                await self._moved.wait()

    def move(self) -> None:
        """Tell the probes that another snapshot is there."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def _ask(self, query: str) -> httpx.Response:
        return await self.client.get(f"{self.rendition.url}?{query}")

    async def malformed(self) -> None:
        """Ask what makes no sense, once."""
        for query in MALFORMED:
            reply = await self._ask(query)
            if reply.status_code != 400 and not self.rendition.latest.playlist.ended:
                self._found(Rule.MALFORMED, f"{reply.status_code} for {query}")

    async def _too_far(self, now: Snapshot) -> None:
        reply = await self._ask(f"_HLS_msn={now.end[0] + 10}")
        if reply.status_code != 400 and not self._over(reply):
            self._found(Rule.TOO_FAR, f"{reply.status_code} for ten segments ahead")

    async def _segment(self, now: Snapshot) -> None:
        msn, _ = now.next_part
        reply = await self._ask(f"_HLS_msn={msn}")
        if not self._over(reply) and not _covers(reply, (msn, WHOLE)):
            self._found(Rule.BLOCK_SEGMENT, f"{reply.status_code}, without the segment asked for")

    async def _roll_over(self, now: Snapshot) -> None:
        """Asks for as many parts ahead as section 6.2.5.2 allows, up to eight."""
        msn, index = now.next_part
        target = now.playlist.part_target or 1.0
        index += min(int(3 / target) if target < 1 else 3, 8) - 1
        reply = await self._ask(f"_HLS_msn={msn}&_HLS_part={index}")
        if not self._over(reply) and not _covers(reply, (msn, index)):
            self._found(Rule.ROLL_OVER, f"{reply.status_code}, without part {msn}.{index} or next")
        # The index of the final part is known for a segment that is complete.
        complete = [(number, s) for number, s in now.numbered() if s.complete and s.parts]
        for number, segment in complete[-1:]:
            reply = await self._ask(f"_HLS_msn={number}&_HLS_part={len(segment.parts)}")
            if not self._over(reply) and not _covers(reply, (number + 1, 0)):
                detail = f"{reply.status_code} for a part past the last of a segment"
                self._found(Rule.ROLL_OVER, detail)

    async def _hint(self, now: Snapshot) -> None:
        hint = now.playlist.preload_hint
        if hint is None:
            return
        url = self.rendition.resolve(hint)
        reply = await self.client.get(url)
        self.hinted[url] = reply
        if reply.status_code != 200 and not self.rendition.latest.playlist.ended:
            self._found(Rule.HINT_BLOCKS, f"{reply.status_code} for the hinted {hint}")

    async def _delta(self, now: Snapshot) -> None:
        """Asks for the next part's playlist as a delta update, as a player that skips does."""
        msn, part = now.next_part
        for word in ("YES", "v2"):
            reply = await self._ask(f"_HLS_msn={msn}&_HLS_part={part}&_HLS_skip={word}")
            if reply.status_code != 200:
                self._found(Rule.DELTA, f"{reply.status_code} for _HLS_skip={word}")
                continue
            try:
                delta = parse_media(reply.text)
            except ParseError as error:
                self._found(Rule.DELTA, str(error))
                continue
            self.deltas.append((now, delta))

    def _over(self, reply: httpx.Response) -> bool:
        """True where the answer shows that the stream ended meanwhile."""
        return "#EXT-X-ENDLIST" in reply.text

    def compare_hints(self) -> None:
        """Say where a hinted part was not what the playlist then listed."""
        listed = {self.rendition.resolve(p.uri) for _, p in self.rendition.first_seen().values()}
        for url, reply in self.hinted.items():
            stored = self.rendition.files.get(url)
            if reply.status_code != 200 or url not in listed or stored is None:
                continue
            if stored.content != reply.content:
                self._found(Rule.HINT_BLOCKS, f"{url} has other bytes than when it was hinted")

    def compare_deltas(self) -> int:
        """Say where a delta update is not its full playlist; return how many were compared."""
        full = {_version(s.playlist): s.playlist for s in self.rendition.snapshots}
        compared = 0
        for before, delta in self.deltas:
            same = full.get(_version(delta))
            if same is None or same.can_skip_until is None or same.ended:
                continue
            compared += 1
            least, most = skip_range(same)
            if not least <= delta.skipped <= most:
                detail = f"{delta.skipped} segments skipped, {least} to {most} lie beyond"
                self._found(Rule.SKIP_BOUNDARY, detail)
            try:
                whole = apply_delta(before.playlist, delta)
            except ParseError as error:
                self._found(Rule.DELTA, str(error))
                continue
            if _comparable(whole) != _comparable(same):
                self._found(Rule.DELTA, f"differs from the full playlist at {_version(delta)[:2]}")
        if self.deltas and not compared:
            self._found(Rule.DELTA, "no delta update has the live edge of any full playlist")
        return compared


def skip_range(playlist: MediaPlaylist) -> tuple[int, int]:
    """The fewest and the most segments that a delta update of `playlist` may skip.

    The text says "further from the end than the skip boundary" and leaves open whether the
    beginning or the end of a segment counts, which is a difference of one segment.
    """
    boundary = playlist.can_skip_until or 0.0
    distance = 0.0
    least = most = 0
    for segment in reversed(playlist.segments):
        least += distance > boundary
        distance += segment.duration
        most += distance > boundary
    return least, most


def _covers(reply: httpx.Response, position: Position) -> bool:
    """True where the answer is a playlist that has come to `position`, or past it."""
    if reply.status_code != 200:
        return False
    try:
        playlist = parse_media(reply.text)
    except ParseError:
        return False
    listed = dict(Snapshot(playlist, reply.text, 0, 0, 0).numbered())
    msn, part = position
    # Past the last part of its segment a position means part 0 of the next one.
    if not listed or max(listed) != msn:
        return bool(listed) and max(listed) > msn
    return listed[msn].complete if part == WHOLE else len(listed[msn].parts) > part


def _version(playlist: MediaPlaylist) -> tuple[Any, ...]:
    """Return the values that tell one version of a live playlist from another."""
    return (*Snapshot(playlist, "", 0, 0, 0).end, playlist.media_sequence, playlist.ended)


def _comparable(playlist: MediaPlaylist) -> MediaPlaylist:
    """Without what moves on its own: reports on others, and parts that are leaving."""
    beyond = skip_range(playlist)[1]
    skipped = tuple(replace(segment, parts=()) for segment in playlist.segments[:beyond])
    return replace(playlist, rendition_reports=(), segments=skipped + playlist.segments[beyond:])
