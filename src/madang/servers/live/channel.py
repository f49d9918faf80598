"""One channel on the air: its show, its publisher, and everybody who reads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from madang.apps.broadcasts.models import EndReason
from madang.apps.broadcasts.services import Progress
from madang.apps.channels.services import PublishGrant
from madang.infra.socket_writer import Framing
from madang.live.demux import Notice
from madang.live.events import (
    PartAdded,
    RenditionEnded,
    SegmentEnded,
    ShowEnded,
    ShowEvent,
    ShowOpened,
)
from madang.live.files import MediaFile
from madang.live.flv_feed import Chunk
from madang.live.show import Show
from madang.live.variants import codecs
from madang.live.window import Ready, Refuse, Wait
from madang.servers.counters import Counters
from madang.servers.http.exchange import Exchange, Responder
from madang.servers.live.audience import HOLDS, Audience
from madang.servers.live.flv_subscriber import Block, FlvSubscriber
from madang.servers.live.responses import (
    answer_file,
    answer_picture,
    answer_playlist,
    file_head,
    playlist_sender,
)
from madang.servers.live.show_log import ShowRecord
from madang.servers.live.thumbnails import Picture
from madang.servers.live.waiters import LIMIT, Waiters
from madang.servers.rtmp import Publisher
from madang.wire.flv import Tag, TagType

REPLACED: Final = "Another encoder took over this channel."
RESTARTING: Final = "The station is restarting. Try again."

PlaylistKey = tuple[str, int | None, int | None, bool]
"""Rendition, `_HLS_msn`, `_HLS_part`, `_HLS_skip`."""

log = logging.getLogger(__name__)


class Turn:
    """The time of one publisher in a show."""

    def __init__(self, channel: LiveChannel, publisher: Publisher) -> None:
        self._channel = channel
        self.publisher = publisher

    def media(self, tag_type: TagType, timestamp: int, body: bytes) -> None:
        """Take an audio or video message of this publisher."""
        self._channel.receive(self, tag_type, timestamp, body)

    def metadata(self, values: object) -> None:
        """Metadata are not needed: tracks are found in the media, which never lie."""

    def gone(self, reason: str) -> None:
        """The publisher left."""
        self._channel.lost(self, reason)


class LiveChannel:
    """Everything happens on the event loop. `clock` is its monotonic clock in seconds."""

    def __init__(
        self,
        grant: PublishGrant,
        show: Show,
        record: ShowRecord,
        *,
        counters: Counters,
        clock: Callable[[], float],
        heard: Callable[[LiveChannel, ShowEvent], None],
    ) -> None:
        self.slug = grant.slug
        self.title = grant.title
        self.description = ""
        self.show = show
        self.since = datetime.now(UTC)
        self.audience = Audience()
        self.picture: Picture | None = None
        self.disconnects = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.began_at = clock()
        self.ended_at: float | None = None
        self._leaving = False
        self._record = record
        self._counters = counters
        self._clock = clock
        self._heard = heard
        self._turn: Turn | None = None
        self._playlists: Waiters[PlaylistKey, Responder] = Waiters()
        self._files: Waiters[tuple[str, str], Exchange] = Waiters()
        self._readers: set[FlvSubscriber] = set()
        # What newcomers are sent first and whether it has a picture, shared by those who come
        # between two chunks.
        self._flv_opening: tuple[Block, bool] | None = None
        self._end_reason = EndReason.LOST
        show.feed.listening = False

    # --- publishers ---

    @property
    def publisher(self) -> Publisher | None:
        """Who is sending now."""
        return self._turn.publisher if self._turn is not None else None

    def take(self, publisher: Publisher) -> Turn:
        """Let a publisher begin, come back, or take over."""
        earlier, self._turn = self._turn, Turn(self, publisher)
        if earlier is not None:
            log.info("channel %s: taken over by %s", self.slug, publisher.address)
            earlier.publisher.end(REPLACED)
        self._react(self.show.publisher_connected(self._clock()))
        return self._turn

    def receive(self, turn: Turn, tag_type: TagType, stamp: int, body: bytes) -> None:
        """Take a tag, unless its publisher was replaced."""
        if turn is not self._turn:
            return
        self.bytes_in += len(body)
        events = self.show.receive(tag_type, stamp, body, self._clock())
        if events:
            self._react(events)

    def lost(self, turn: Turn, reason: str) -> None:
        """A publisher left: wait for it, unless it was replaced already."""
        if turn is not self._turn:
            return
        self._turn = None
        self.disconnects += 1
        self._end_reason = EndReason.FINISHED if reason == "unpublished" else EndReason.LOST
        log.info("channel %s: the encoder left (%s)", self.slug, reason)
        self._react(self.show.publisher_gone(self._clock()))

    def disconnect(self, words: str) -> None:
        """Send the publisher away; the show ends after the grace period."""
        turn = self._turn
        if turn is not None:
            self.lost(turn, "disconnected")
            self._end_reason = EndReason.DISCONNECTED
            turn.publisher.end(words)

    def end(self, reason: EndReason) -> None:
        """The show is over now."""
        self._end_reason = reason
        self._react(self.show.end(self._clock()))

    def hand_over(self) -> None:
        """Another process will go on with this channel: players ask again instead of ending."""
        self._leaving = True
        for waiting in (self._playlists, self._files):
            waiting.refuse_all(503, RESTARTING)

    # --- readers of playlists and files ---

    def playlist(self, exchange: Responder, key: PlaylistKey) -> None:
        """Answer a request for a media playlist, now or when it is there."""
        if self._leaving:
            exchange.refuse(503, RESTARTING, [("retry-after", "1")])
            return
        window = self.show.window(key[0])
        if window is None:
            if self.show.state == "starting":
                exchange.refuse(404, "The stream is starting. Try again in a second.")
            else:
                exchange.refuse(404, "There is no such rendition.")
            return
        answer = window.answer(key[1], key[2], skip=key[3])
        if isinstance(answer, Ready):
            self._sent("playlist", answer_playlist(exchange, answer.playlist))
        elif isinstance(answer, Refuse):
            exchange.refuse(400, answer.reason)
        elif self.show.state == "interrupted":
            exchange.refuse(503, "The encoder is away. Try again.", [("retry-after", "1")])
        else:
            self._playlists.add(key, exchange, self._patience(window.target_duration))

    def multivariant(self, exchange: Exchange) -> None:
        """Answer a request for the multivariant playlist."""
        playlist = self.show.playlist()
        if self._leaving:
            exchange.refuse(503, RESTARTING, [("retry-after", "1")])
        elif playlist is None:
            exchange.refuse(404, "The stream is starting. Try again in a second.")
        else:
            self._sent("playlist", answer_playlist(exchange, playlist))

    def poster(self, exchange: Exchange) -> None:
        """Answer a request for the thumbnail."""
        if self.picture is None:
            exchange.refuse(404, "There is no picture yet.")
        else:
            self._sent("poster", answer_picture(exchange, self.picture))

    def file(self, exchange: Exchange, rendition: str, name: str, client: str) -> MediaFile | None:
        """Answer a request for an init segment, a segment or a part; the hinted part waits.

        Returns the file if it was sent.
        """
        window = self.show.window(rendition)
        found = window.file(name) if window is not None else None
        if isinstance(found, MediaFile):
            self._send_file(exchange, found)
            hold = HOLDS.get(found.kind)
            if exchange.method == "GET" and hold is not None:
                self.audience.fetched(client, hold, self._clock())
            return found
        if window is not None and isinstance(found, Wait):
            self._files.add((rendition, name), exchange, self._patience(window.target_duration))
            if exchange.method == "GET":
                self.audience.fetched(client, HOLDS["part"], self._clock())
        else:
            exchange.refuse(404, "There is no such file, or no longer.")
        return None

    def replayer(
        self, file: MediaFile, client: Callable[[Responder], str]
    ) -> Callable[[Responder], bool]:
        """Return what sends `file` as `file` did to another client."""
        start = file_head(file, sound_only=self._sound_only)
        body, kind, hold = file.body, file.kind, HOLDS.get(file.kind)
        fetched, clock = self.audience.fetched, self._clock

        def again(other: Responder) -> bool:
            self._sent(kind, other.send(start, body, shared=True))
            if hold is not None:
                fetched(client(other), hold, clock())
            return True

        return again

    # --- readers of the continuous stream ---

    def join(self, framing: Framing, *, viewer: bool = True) -> FlvSubscriber | None:
        """Begin to read the FLV stream: a reader to be attached to its connection.

        None while there is nothing to see yet. The ladder reads too, and is no `viewer`.
        """
        if self._flv_opening is None:
            self.flush_feed()
            opening = self.show.feed.opening()
            if opening is not None:
                block = Block(Chunk(opening, None))
                self._flv_opening = (block, self.show.feed.begins_with_picture)
        if self._flv_opening is None or self.show.state == "ended":
            return None
        block, with_picture = self._flv_opening
        reader = FlvSubscriber(framing, self._sent_flv if viewer else lambda _: None)
        reader.begin(block, skipping=not with_picture)
        self._readers.add(reader)
        self.show.feed.listening = True
        if viewer:
            self.audience.reader_came()
        return reader

    def leave(self, reader: FlvSubscriber, *, viewer: bool = True) -> None:
        """A reader is gone."""
        reader.close()
        self._readers.discard(reader)
        if not self._readers:
            self.show.feed.listening = False
            self._flv_opening = None
        if viewer:
            self.audience.reader_left()

    def flush_feed(self) -> None:
        """Hand what has come since the last call to all readers."""
        chunk = self.show.feed.take()
        if chunk is not None:
            self._flv_opening = None
            block = Block(chunk)
            for reader in self._readers:
                reader.put(block)

    # --- the ladder ---

    def add_rendition(self, name: str) -> None:
        """Begin a rendition that a transcoder makes."""
        self.show.follow(name)

    def receive_transcoded(self, name: str, tag: Tag) -> None:
        """Take a tag of the transcoder of a rendition."""
        self._react(self.show.receive_transcoded(name, tag, self._clock()))

    def drop_rendition(self, name: str) -> None:
        """A transcoder ended."""
        self._react(self.show.unfollow(name))

    # --- time ---

    def tick(self, now: float) -> None:
        """Do what is due; call some five times a second."""
        if self._readers:
            self.flush_feed()
        deadline = self.show.deadline()
        if deadline is not None and now >= deadline:
            self._react(self.show.tick(now))

    def sweep(self, now: float) -> None:
        """Count viewers and refuse who waited too long; call about once a second."""
        self.audience.sweep(now)
        for reader in self._readers:
            reader.check(now)
        self._playlists.expire(now)
        self._files.expire(now)

    def report(self) -> None:
        """Keep the totals so far in the record of the show."""
        if self.ended_at is None:
            self._record.report(self._progress())

    # --- inside ---

    def _react(self, events: list[ShowEvent]) -> None:
        for event in events:
            match event:
                case PartAdded() | SegmentEnded() | RenditionEnded():
                    self._settle()
                case ShowOpened():
                    log.info("channel %s: on the air, %s", self.slug, self.codecs)
                case Notice():
                    self._note(event)
                case ShowEnded():
                    self._close()
                case _:
                    pass
            self._heard(self, event)

    def _settle(self) -> None:
        self._playlists.settle(self._playlist_answer)
        self._files.settle(self._file_answer)

    def _note(self, notice: Notice) -> None:
        log.warning("channel %s: %s: %s", self.slug, notice.code, notice.detail)
        if notice.code == "unsupported_codec" and self.show.tracks is None:
            self.disconnect(notice.detail)

    def _close(self) -> None:
        self.ended_at = self._clock()
        self._settle()
        self._playlists.refuse_all(404, "The show is over.")
        self._files.refuse_all(404, "The show is over.")
        self.flush_feed()
        for reader in self._readers:
            reader.end()
        self._record.close(self._progress(), self._end_reason, datetime.now(UTC))
        log.info("channel %s: the show is over (%s)", self.slug, self._end_reason)

    def _playlist_answer(self, key: PlaylistKey) -> Callable[[Responder], None] | None:
        window = self.show.window(key[0])
        if window is None:
            return lambda exchange: exchange.refuse(404, "There is no such rendition any more.")
        answer = window.answer(key[1], key[2], skip=key[3])
        if isinstance(answer, Ready):
            return playlist_sender(answer.playlist, self._sent)
        return None

    def _file_answer(self, key: tuple[str, str]) -> Callable[[Exchange], None] | None:
        window = self.show.window(key[0])
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
        return self.show.tracks is not None and self.show.tracks.video is None

    def _sent_flv(self, size: int) -> None:
        self._sent("flv", size)

    def _sent(self, kind: str, size: int) -> None:
        self.bytes_out += size
        self._counters.bytes_sent[kind] += size

    def _patience(self, target_duration: int) -> float:
        return self._clock() + LIMIT * target_duration

    @property
    def codecs(self) -> str:
        """CODECS of what the encoder sends, empty before the show has opened."""
        return codecs(self.show.source) if self.show.source is not None else ""

    def _progress(self) -> Progress:
        return Progress(
            peak_viewers=self.audience.peak,
            viewer_seconds=self.audience.viewer_seconds,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            codecs=self.codecs,
            disconnects=self.disconnects,
        )
