"""Viewers of HLS: as hls.js does with low latency, as old players do without, and on a beat.

Low latency: a blocking reload with `_HLS_msn`, `_HLS_part` and `_HLS_skip` (RFC 8216bis, section
6.2.5), then the part, then the next reload; one connection per viewer, as over HTTP/2.

Plain: the playlist once per target duration, half of that where nothing is new (section 6.3.4),
then whole segments.

On a beat: what low-latency viewers ask for, from a server of files that cannot block: every
viewer asks for the playlist when a part is due, all at once, and then for the part.
"""

from __future__ import annotations

from bench.loads.audience import Audience, Playhead
from bench.loads.fragments import Catalogue, Fragment, Listing, WrongBytes
from bench.loads.http import HttpViewer
from madang.base.errors import ParseError

_EDGE = 3
"""Segments from the end at which a plain viewer begins (RFC 8216bis, section 6.3.3)."""

_HOLD_BACK = 3
"""Parts that a low-latency player stays behind (RFC 8216bis, section 4.4.3.8)."""

_MOST_RELOADS = 3
"""Low-latency playlists without anything new in a row: a blocking server sends none."""


class PlaylistViewer(HttpViewer):
    """Base of viewers of playlists: fetches a playlist, then its new fragments."""

    def __init__(self, audience: Audience, host: str, name: int, catalogue: Catalogue) -> None:
        super().__init__(audience, host, name)
        self._catalogue = catalogue
        self._playlist = b""
        self._compressed = False
        self._fragment: Fragment | None = None
        self._offset = 0
        self._requested = 0.0
        self.playhead: Playhead | None = None

    def on_listing(self, listing: Listing) -> None:
        """Handle a playlist."""
        raise NotImplementedError

    def on_fragment(self, fragment: Fragment) -> None:
        """Handle a complete, valid fragment."""
        raise NotImplementedError

    def fetch_playlist(self, target: bytes) -> None:
        """Request the playlist; `on_listing` follows."""
        self._fragment = None
        self._playlist = b""
        self.request(target)

    def fetch(self, fragment: Fragment) -> None:
        """Request a fragment; `on_fragment` follows."""
        self._fragment = fragment
        self._offset = 0
        self._requested = self.audience.now()
        self.request(fragment.target)

    def on_head(self, head: bytes, length: int) -> None:
        if self._fragment is None:
            self._compressed = b"\r\ncontent-encoding: gzip\r\n" in head
            return
        try:
            self._fragment.check_length(length)
        except WrongBytes as error:
            self.fail(str(error))

    def on_body(self, data: memoryview) -> None:
        if self._fragment is None:
            self._playlist += data
            return
        try:
            self._fragment.check(data, self._offset)
        except WrongBytes as error:
            self.fail(str(error))
        self._offset += len(data)

    def on_end(self) -> None:
        try:
            if self._fragment is None:
                self.on_listing(
                    self._catalogue.listing(self._playlist, compressed=self._compressed)
                )
            else:
                self._finish(self._fragment)
        except (WrongBytes, ParseError) as error:
            self.fail(str(error))

    def _finish(self, fragment: Fragment) -> None:
        fragment.finish()
        now = self.audience.now()
        if self.playhead is not None:
            self.playhead.arrived(fragment.start, now)
        if self.audience.measuring:
            self.audience.pieces += 1
            self.audience.lateness.append(now - fragment.announced)
            self.audience.delivery.append(now - self._requested)
        self.on_fragment(fragment)


class LowLatencyViewer(PlaylistViewer):
    """Follows a blocking playlist part by part."""

    def __init__(
        self, audience: Audience, host: str, name: int, catalogue: Catalogue, target: str
    ) -> None:
        super().__init__(audience, host, name, catalogue)
        self._target = target.encode()
        self._last: Fragment | None = None
        self._todo: list[Fragment] = []
        self._next = b""
        self._idle = 0

    def on_connected(self) -> None:
        self.fetch_playlist(self._target)

    def on_listing(self, listing: Listing) -> None:
        self._next = listing.next_request
        if self._last is None:
            self.playhead = Playhead(self.audience, listing.hold_back)
            self._todo = [listing.fragments[-1]]
        else:
            self._todo = list(listing.after(self._last.position))
        if self._todo:
            self._idle = 0
            self.fetch(self._todo.pop(0))
            return
        self._idle += 1
        if self._idle == _MOST_RELOADS:
            self.fail("blocking reloads bring no part")
        else:
            self.fetch_playlist(self._next)

    def on_fragment(self, fragment: Fragment) -> None:
        self._last = fragment
        if self._todo:
            self.fetch(self._todo.pop(0))
        else:
            self.fetch_playlist(self._next)


class PlainViewer(PlaylistViewer):
    """Polls a playlist and fetches whole segments."""

    def __init__(
        self, audience: Audience, host: str, name: int, catalogue: Catalogue, target: str
    ) -> None:
        super().__init__(audience, host, name, catalogue)
        self._target = target.encode()
        self._last: Fragment | None = None
        self._todo: list[Fragment] = []
        self._asked_at = 0.0
        self._wait = 0.0

    def on_connected(self) -> None:
        self._poll()

    def _poll(self) -> None:
        if not self._closing:
            self._asked_at = self.audience.now()
            self.fetch_playlist(self._target)

    def on_listing(self, listing: Listing) -> None:
        if self._last is None:
            self.playhead = Playhead(self.audience, listing.hold_back)
            self._todo = list(listing.fragments[-_EDGE:])
        else:
            self._todo = list(listing.after(self._last.position))
        self._wait = listing.target_duration if self._todo else listing.target_duration / 2
        self._go_on()

    def on_fragment(self, fragment: Fragment) -> None:
        self._last = fragment
        self._go_on()

    def _go_on(self) -> None:
        if self._todo:
            self.fetch(self._todo.pop(0))
        else:
            left = self._asked_at + self._wait - self.audience.now()
            self.audience.loop.call_later(max(0.0, left), self._poll)


class BeatViewer(PlaylistViewer):
    """Fetches the playlist and one of its fragments per beat, one after another, over and over.

    `interval` is the time between beats in seconds. A beat that comes before the last was served
    counts as a stall.
    """

    def __init__(
        self,
        audience: Audience,
        host: str,
        name: int,
        catalogue: Catalogue,
        target: str,
        *,
        interval: float,
    ) -> None:
        super().__init__(audience, host, name, catalogue)
        self._target = target.encode()
        self._interval = interval
        self._number = 0
        self._began = 0.0
        self._busy = True

    def on_connected(self) -> None:
        self._busy = False
        self.playhead = Playhead(self.audience, _HOLD_BACK * self._interval)

    def beat(self, number: int, at: float) -> None:
        """Request the fragment with this number, due since `at`."""
        if not self._busy:
            self._busy = True
            self._number = number
            self._began = at
            self.fetch_playlist(self._target)
        elif self.audience.measuring:
            self.audience.stalls += 1

    def on_listing(self, listing: Listing) -> None:
        fragment = listing.fragments[self._number % len(listing.fragments)]
        # The same file is used again in later rounds.
        fragment.start = self._number * self._interval
        fragment.announced = self._began
        self.fetch(fragment)

    def on_fragment(self, fragment: Fragment) -> None:
        self._busy = False
