"""Responses with the playlists and files of a live stream."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Final

from madang.live.files import CachedPlaylist, MediaFile
from madang.live.show import Show
from madang.servers.http.exchange import OPEN_TO_ALL, Exchange, Headers, Responder, head_of
from madang.servers.http.immutable import answer_immutable, select, whole
from madang.servers.live.thumbnails import Picture

_PLAYLIST: Final[Headers] = [
    ("content-type", "application/vnd.apple.mpegurl"),
    ("cache-control", "no-cache"),
    ("vary", "accept-encoding"),
    OPEN_TO_ALL,
]
_LATEST_PICTURE: Final[Headers] = [
    ("content-type", "image/jpeg"),
    ("cache-control", "no-cache"),
    OPEN_TO_ALL,
]
_ZIPPED_PLAYLIST: Final[Headers] = [*_PLAYLIST, ("content-encoding", "gzip")]

LENGTHS: Final = 512
"""Heads of playlists that are remembered."""


def refuse_to_begin(exchange: Responder, show: Show, now: float) -> None:
    """Refuse a newcomer to a show without a picture to begin with, and say why."""
    wait = show.key_frame_wait(now)
    if wait:
        words = f"The encoder has sent no key frame for {wait:.0f} s. Nothing can be seen before."
        exchange.refuse(503, words, [("retry-after", "5")])
    else:
        exchange.refuse(404, "The stream is starting. Try again in a second.")


def answer_playlist(exchange: Responder, playlist: CachedPlaylist) -> int:
    """Answer with the playlist, compressed where the client takes it; return the bytes sent."""
    return exchange.send(*_playlist(playlist, zipped=exchange.headers.gzip))


def playlist_sender(
    playlist: CachedPlaylist, sent: Callable[[str, int], None]
) -> Callable[[Responder], None]:
    """Return a function that answers with the playlist and tells `sent` the bytes."""
    plain = _playlist(playlist, zipped=False)
    zipped = _playlist(playlist, zipped=True)

    def answer(exchange: Responder) -> None:
        start, body = zipped if exchange.headers.gzip else plain
        sent("playlist", exchange.send(start, body))

    return answer


def _playlist(playlist: CachedPlaylist, *, zipped: bool) -> tuple[bytes, bytes]:
    body = playlist.gzip if zipped else playlist.body
    return _playlist_head(len(body), zipped=zipped), body


@functools.lru_cache(LENGTHS)
def _playlist_head(length: int, *, zipped: bool) -> bytes:
    return head_of(200, _ZIPPED_PLAYLIST if zipped else _PLAYLIST, length)


def answer_picture(exchange: Exchange, picture: Picture) -> int:
    """Answer with a thumbnail; return the bytes sent. Addresses with `?v=` name one picture."""
    if "v" in exchange.query():
        return answer_immutable(exchange, "image/jpeg", f'"{picture.number}"', picture.jpeg)
    # By content, as numbers begin anew with the process.
    headers = [*_LATEST_PICTURE, ("etag", f'"{zlib.crc32(picture.jpeg):08x}"')]
    part = select(exchange, headers, len(picture.jpeg))
    if part is None:
        return 0
    start, first, size = part
    return exchange.send(start, picture.jpeg[first : first + size])


def file_head(file: MediaFile, *, sound_only: bool) -> bytes:
    """Return the head of the answer with the whole of a file."""
    return whole(_content_type(sound_only=sound_only), file.etag, len(file.body))


def answer_file(exchange: Exchange, file: MediaFile, *, sound_only: bool) -> int:
    """Answer with a file of the window, or the range of it; return the bytes sent."""
    content_type = _content_type(sound_only=sound_only)
    return answer_immutable(exchange, content_type, file.etag, file.body)


def _content_type(*, sound_only: bool) -> str:
    return "audio/mp4" if sound_only else "video/mp4"
