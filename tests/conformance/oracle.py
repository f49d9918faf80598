"""Watches a live low-latency stream over HTTP, as a player and as an adversary.

`watch` is for any stream whose publisher keeps real time; `check_wait_limit` needs one whose
publisher has paused. Both only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from statistics import median
from urllib.parse import urljoin

import httpx

from madang.base.errors import ParseError
from madang.wire.hls import MultivariantPlaylist, parse_media, parse_multivariant
from tests.conformance import rules_http, rules_media, rules_playlist, rules_time
from tests.conformance.adversary import Adversary
from tests.conformance.lateness import observed_lateness
from tests.conformance.observed import Rendition, Snapshot
from tests.conformance.report import Report, Rule, Statistics, Violation
from tests.support.virtual_time import wall

SLACK = 0.5
"""Seconds by which a busy test machine may delay a part without this counting as a stall."""

TIMEOUT = 60.0
"""Seconds for one answer: longer than any wait that section 6.2.5.2 allows."""


@asynccontextmanager
async def http_client(
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that asks for no compression, with room for every wait of the oracle."""
    async with httpx.AsyncClient(
        transport=transport,
        headers={"Accept-Encoding": "identity"},
        timeout=TIMEOUT,
        # The pool looks at every idle connection for each request.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=8),
        trust_env=False,
        verify=False,  # the server under test speaks plain HTTP; reading certificates takes 30 ms
    ) as client:
        yield client


async def watch(
    url: str,
    *,
    seconds: float,
    slack: float = SLACK,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Report:
    """Watch the stream whose multivariant playlist is at `url`, and say what breaks a rule.

    Ends after `seconds`, or a moment after the stream does. A few segments' worth of seconds are
    needed before removals, discontinuities and hints have been seen. `slack` is what the machine
    may add to any delay, besides the lateness of this event loop. Requests go over the network
    where no `transport` is given. Raises httpx.TransportError where there is no server, and
    AssertionError where the multivariant playlist cannot be read: then there is nothing to judge.
    """
    async with http_client(transport) as client, observed_lateness() as lateness:
        variants = (await multivariant(client, url)).variants
        urls = list(dict.fromkeys(urljoin(url, v.uri) for v in variants))
        watches = [_Watch(client, Rendition(u, frozenset(urls) - {u})) for u in urls]
        violations = [violation async for violation in rules_http.playlist(client, url)]
        await asyncio.gather(*(each.begin() for each in watches))
        watches = [each for each in watches if each.rendition.snapshots]
        await asyncio.gather(*(each.run(seconds) for each in watches))
    for each in watches:
        violations += each.violations
        violations += rules_playlist.judge(each.rendition)
        violations += await asyncio.to_thread(list, rules_media.judge(each.rendition))
    if not watches:
        return Report((*violations, Violation(Rule.AVAILABLE, url, "no media playlist")))
    violations += rules_time.judge([each.rendition for each in watches], slack, lateness)
    return Report(tuple(dict.fromkeys(violations)), _statistics(watches))


async def multivariant(client: httpx.AsyncClient, url: str) -> MultivariantPlaylist:
    """Return the playlist at `url`. Raises AssertionError where it names nothing."""
    reply = await client.get(url)
    assert reply.status_code == 200, f"{reply.status_code} for {url}"
    playlist = parse_multivariant(reply.text)
    assert playlist.variants, f"no variants in {url}"
    return playlist


class _Watch:
    """Follows one rendition: reloads, fetches what is listed, lets the adversary loose."""

    def __init__(self, client: httpx.AsyncClient, rendition: Rendition) -> None:
        self.client = client
        self.rendition = rendition
        self.violations: list[Violation] = []
        self.adversary = Adversary(client, rendition)
        self.deltas = 0
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._checks: list[asyncio.Task[None]] = []

    def _found(self, rule: Rule, where: str, detail: str) -> None:
        self.violations.append(Violation(rule, where, detail))

    async def begin(self) -> None:
        """Load the playlist once, without waiting for anything."""
        await self._load("")

    async def run(self, seconds: float) -> None:
        """Watch for `seconds` or to the end, then finish what was begun."""
        deadline = asyncio.get_running_loop().time() + seconds
        probes = asyncio.create_task(self.adversary.run())
        self._checks += [
            asyncio.create_task(self.adversary.malformed()),
            asyncio.create_task(self._plain_requests()),
        ]
        try:
            async with asyncio.timeout_at(deadline):
                while not self.rendition.latest.playlist.ended:
                    await self._follow()
                await self._after_the_end()
        except TimeoutError:
            pass  # the time is up: what was seen is judged
        self.rendition.until = asyncio.get_running_loop().time()
        probes.cancel()
        (outcome,) = await asyncio.gather(probes, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome
        await asyncio.gather(*self._fetches.values(), *self._checks)
        self.adversary.compare_hints()
        self.deltas = self.adversary.compare_deltas()
        self.violations += self.adversary.violations

    async def _load(self, query: str) -> Snapshot | None:
        url = self.rendition.url + query
        loop = asyncio.get_running_loop()
        asked = loop.time()
        reply = await self.client.get(url)
        if reply.status_code != 200:
            self._found(Rule.AVAILABLE, url, f"{reply.status_code}")
            await asyncio.sleep(0.05)
            return None
        for rule, detail in rules_http.playlist_headers(reply):
            self._found(rule, self.rendition.url, detail)
        try:
            playlist = parse_media(reply.text)
        except ParseError as error:
            self._found(Rule.AVAILABLE, url, f"cannot be parsed: {error}")
            await asyncio.sleep(0.05)
            return None
        snapshot = Snapshot(playlist, reply.text, asked, loop.time(), wall())
        previous = self.rendition.snapshots[-1:]
        self.rendition.snapshots.append(snapshot)
        self.adversary.move()
        self._fetch(self._named(snapshot))
        if previous:
            self._check_removed(previous[0], snapshot)
        return snapshot

    async def _follow(self) -> None:
        msn, part = self.rendition.latest.next_part
        snapshot = await self._load(f"?_HLS_msn={msn}&_HLS_part={part}")
        if snapshot is None:
            plain = await self._load("")
            if plain is not None and plain.playlist.ended:
                self._found(Rule.ENDED, self.rendition.url, "directives count after the end")
            return
        if snapshot.playlist.ended:
            return
        if snapshot.next_part <= (msn, part):
            self._found(Rule.BLOCK_PART, self.rendition.url, "answered without the part asked for")
            await asyncio.sleep(0.05)  # a server that does not wait must not be asked in a spin

    def _named(self, snapshot: Snapshot) -> Iterable[str]:
        for _, segment in snapshot.numbered():
            if segment.map_uri is not None:
                yield self.rendition.resolve(segment.map_uri)
            for part in segment.parts:
                yield self.rendition.resolve(part.uri)
            if segment.complete:
                yield self.rendition.resolve(segment.uri)

    def _fetch(self, urls: Iterable[str]) -> None:
        for url in urls:
            if url not in self._fetches:
                self._fetches[url] = asyncio.create_task(self._fetch_one(url))

    async def _fetch_one(self, url: str) -> None:
        reply = await self.client.get(url)
        self.rendition.files[url] = reply
        if reply.status_code != 200:
            self._found(Rule.AVAILABLE, url, f"{reply.status_code} though it is listed")
            return
        for rule, detail in rules_http.fragment_headers(reply):
            self._found(rule, url, detail)

    def _check_removed(self, before: Snapshot, now: Snapshot) -> None:
        """Section 6.2.2 keeps a segment for its own duration after it left, parts for longer."""
        listed = set(self._named(now))
        for url in self._named(before):
            if url not in listed:
                self._checks.append(asyncio.create_task(self._kept(url)))

    async def _kept(self, url: str) -> None:
        reply = await self.client.head(url)
        if reply.status_code != 200:
            self._found(Rule.KEPT, url, f"{reply.status_code} at once after it left the playlist")

    async def _plain_requests(self) -> None:
        """Check one resource of each kind, which is enough: they share their code path."""
        self.violations += [
            violation async for violation in rules_http.playlist(self.client, self.rendition.url)
        ]
        kinds: dict[str, str] = {}
        for _, segment in self.rendition.latest.numbered():
            if segment.map_uri is not None:
                kinds["map"] = segment.map_uri
            if segment.complete:
                kinds["segment"] = segment.uri
            if segment.parts:
                kinds["part"] = segment.parts[0].uri
        for uri in kinds.values():
            url = self.rendition.resolve(uri)
            self.violations += [v async for v in rules_http.fragment(self.client, url)]

    async def _after_the_end(self) -> None:
        last = self.rendition.latest
        if last.playlist.preload_hint is not None:
            self._found(Rule.ENDED, self.rendition.url, "a part is hinted after the end")
        if last.playlist.segments and not last.numbered()[-1][1].complete:
            self._found(Rule.ENDED, self.rendition.url, "the last segment was left growing")
        loop = asyncio.get_running_loop()
        for query in (f"?_HLS_msn={last.end[0] + 1}", "?_HLS_skip=YES"):
            asked = loop.time()
            after = await self._load(query)
            if after is None or not after.playlist.ended or after.playlist.skipped:
                self._found(Rule.ENDED, self.rendition.url, f"{query} is not the ended playlist")
            elif loop.time() - asked > 1.0:
                self._found(Rule.ENDED, self.rendition.url, f"{query} had to wait")


async def check_wait_limit(media_url: str, *, slack: float = 2.0) -> Report:
    """Ask a media playlist whose publisher has paused for its next part, and time the 503.

    Takes 3 target durations, and up to `slack` seconds more.
    """
    async with http_client() as client:
        reply = await client.get(media_url)
        now = Snapshot(parse_media(reply.text), reply.text, 0, 0, 0)
        msn, part = now.next_part
        loop = asyncio.get_running_loop()
        began = loop.time()
        reply = await client.get(f"{media_url}?_HLS_msn={msn}&_HLS_part={part}")
        waited = loop.time() - began
    limit = 3 * now.playlist.target_duration
    if reply.status_code == 503 and limit - 0.1 <= waited <= limit + slack:
        return Report(())
    detail = f"{reply.status_code} after {waited:.2f} s, 503 after {limit} s was due"
    return Report((Violation(Rule.WAIT_LIMIT, media_url, detail),))


def _statistics(watches: list[_Watch]) -> Statistics:
    renditions = [each.rendition for each in watches]
    gaps: list[float] = []
    for rendition in renditions:
        times = sorted(set(rules_time.arrivals(rendition)))
        gaps += [after - before for before, after in pairwise(times)]
    latencies = [found for r in renditions if (found := rules_time.latency(r)) is not None]
    return Statistics(
        playlists=sum(len(r.snapshots) for r in renditions),
        parts=sum(len(r.first_seen()) for r in renditions),
        segments=sum(s.complete for r in renditions for s in r.segments().values()),
        bytes=sum(len(reply.content) for r in renditions for reply in r.files.values()),
        deltas=sum(each.deltas for each in watches),
        hints=sum(len(each.adversary.hinted) for each in watches),
        gaps=tuple(gaps),
        latency=median(latencies) if latencies else None,
    )
