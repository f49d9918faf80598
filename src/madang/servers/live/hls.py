"""Delivery of one broadcast as LL-HLS: playlists, parts, segments, and requests that wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from madang.live.events import PartAdded, RenditionEnded, SegmentEnded, ShowEnded, ShowEvent
from madang.live.files import MediaFile
from madang.live.window import Ready, Refuse, Wait, Window
from madang.servers.http.exchange import Exchange, Responder
from madang.servers.live.audience import HOLDS
from madang.servers.live.broadcast import LiveBroadcast
from madang.servers.live.pending import LIMIT, PendingRequests
from madang.servers.live.responses import (
    answer_file,
    answer_playlist,
    file_head,
    playlist_sender,
    refuse_to_begin,
)
from madang.servers.live.statistics import Statistics

RESTARTING: Final = "The station is restarting. Try again."

PlaylistKey = tuple[str, int | None, int | None, bool]
"""Rendition, `_HLS_msn`, `_HLS_part`, `_HLS_skip`."""

WaitKey = tuple[str, int | None, int | None, bool, bool]
"""The same, and whether the client plays whole segments only."""


class HlsDelivery:
    """Answers requests for playlists and files, now or when what they ask for is there."""

    def __init__(self, broadcast: LiveBroadcast, statistics: Statistics) -> None:
        self._broadcast = broadcast
        self._show = broadcast.show
        self._now = broadcast.clock.monotonic
        self._sent = statistics.sent
        self._fetched = statistics.audience.fetched
        self._leaving = False
        self._playlists: PendingRequests[WaitKey, Responder] = PendingRequests()
        self._files: PendingRequests[tuple[str, str], Exchange] = PendingRequests()

    # --- requests ---

    def playlist(self, exchange: Responder, key: PlaylistKey) -> None:
        """Answer a request for a media playlist."""
        if self._leaving:
            exchange.refuse(503, RESTARTING, [("retry-after", "1")])
            return
        window = self._show.window(key[0])
        if window is None:
            if self._show.state == "starting":
                refuse_to_begin(exchange, self._show, self._now())
            else:
                exchange.refuse(404, "There is no such rendition.")
            return
        # The first request of a low-latency client has no directive either: the station's own
        # player and Apple's have a session id instead.
        whole = key[1] is None and not exchange.header("x-playback-session-id")
        answer = window.answer(key[1], key[2], skip=key[3], whole=whole)
        if isinstance(answer, Ready):
            self._sent("playlist", answer_playlist(exchange, answer.playlist))
        elif isinstance(answer, Refuse):
            exchange.refuse(400, answer.reason)
        elif self._show.state == "interrupted":
            exchange.refuse(503, "The encoder is away. Try again.", [("retry-after", "1")])
        else:
            self._playlists.add((*key, whole), exchange, self._patience(window))

    def multivariant(self, exchange: Exchange) -> None:
        """Answer a request for the multivariant playlist."""
        playlist = self._show.playlist()
        if self._leaving:
            exchange.refuse(503, RESTARTING, [("retry-after", "1")])
        elif playlist is None:
            refuse_to_begin(exchange, self._show, self._now())
        else:
            self._sent("playlist", answer_playlist(exchange, playlist))

    def file(self, exchange: Exchange, rendition: str, name: str, client: str) -> MediaFile | None:
        """Answer a request for an init segment, a segment or a part; the hinted part waits.

        Returns the file if it was sent.
        """
        window = self._show.window(rendition)
        found = window.file(name) if window is not None else None
        if isinstance(found, MediaFile):
            self._send_file(exchange, found)
            hold = HOLDS.get(found.kind)
            if exchange.method == "GET" and hold is not None:
                self._fetched(client, hold, self._now())
            return found
        if window is not None and isinstance(found, Wait):
            self._files.add((rendition, name), exchange, self._patience(window))
            if exchange.method == "GET":
                self._fetched(client, HOLDS["part"], self._now())
        else:
            exchange.refuse(404, "There is no such file, or no longer.")
        return None

    def replayer(
        self, file: MediaFile, client: Callable[[Responder], str]
    ) -> Callable[[Responder], bool]:
        """Return what sends `file` as `file` did to another client."""
        start = file_head(file, sound_only=self._sound_only)
        body, kind, hold = file.body, file.kind, HOLDS.get(file.kind)
        fetched, now = self._fetched, self._now

        def again(other: Responder) -> bool:
            self._sent(kind, other.send(start, body, shared=True))
            if hold is not None:
                fetched(client(other), hold, now())
            return True

        return again

    def hand_over(self) -> None:
        """Tell players to ask again: another process will go on with this channel."""
        self._leaving = True
        self._refuse_all(503, RESTARTING)

    # --- events ---

    def on_event(self, event: ShowEvent) -> None:
        """Answer the requests that waited for what happened."""
        match event:
            case PartAdded() | SegmentEnded() | RenditionEnded():
                self._settle()
            case ShowEnded():
                self._settle()
                self._refuse_all(404, "The show is over.")
            case _:
                pass

    def tick(self, now: float) -> None:
        """Refuse the requests that waited too long."""
        self._playlists.expire(now)
        self._files.expire(now)

    def _settle(self) -> None:
        self._playlists.settle(self._playlist_answer)
        self._files.settle(self._file_answer)

    def _refuse_all(self, status: int, words: str) -> None:
        self._playlists.refuse_all(status, words)
        self._files.refuse_all(status, words)

    def _playlist_answer(self, key: WaitKey) -> Callable[[Responder], None] | None:
        window = self._show.window(key[0])
        if window is None:
            return lambda exchange: exchange.refuse(404, "There is no such rendition any more.")
        answer = window.answer(key[1], key[2], skip=key[3], whole=key[4])
        if isinstance(answer, Ready):
            return playlist_sender(answer.playlist, self._sent)
        return None

    def _file_answer(self, key: tuple[str, str]) -> Callable[[Exchange], None] | None:
        window = self._show.window(key[0])
        found = window.file(key[1]) if window is not None else None
        if isinstance(found, MediaFile):
            file = found
            return lambda exchange: self._send_file(exchange, file)
        if found is None:
            return lambda exchange: exchange.refuse(404, "There is no such file any more.")
        return None

    def _send_file(self, exchange: Exchange, file: MediaFile) -> None:
        self._sent(file.kind, answer_file(exchange, file, sound_only=self._sound_only))

    @property
    def _sound_only(self) -> bool:
        tracks = self._show.tracks
        return tracks is not None and tracks.video is None

    def _patience(self, window: Window) -> float:
        return self._now() + LIMIT * window.target_duration
