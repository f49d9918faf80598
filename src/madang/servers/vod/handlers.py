"""Handlers of `/vod/…`: playlists over byte ranges, files, downloads and pictures."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from madang.infra.database import DatabaseAway
from madang.infra.file_region import FileRegion
from madang.recording.manifest import RECORDINGS, file_name
from madang.recording.trim import Trim
from madang.servers.accounts import REMEMBERED_SECONDS
from madang.servers.http.exchange import (
    NO_STORE,
    OPEN_TO_ALL,
    Exchange,
    Headers,
    http_date,
    parse_query,
)
from madang.servers.http.immutable import answer_file, requested, select
from madang.servers.vod.access import AccessCheck, Grant
from madang.servers.vod.addresses import Kind, VodAddress, attachment, parse
from madang.servers.vod.documents import NO_DOCUMENTS, Documents
from madang.servers.vod.errors import (
    NO_VIDEO,
    NoSuchFile,
    NoSuchRecording,
    NothingYet,
    RecordingUnreadable,
)
from madang.servers.vod.reader import Form, PlaylistText
from madang.servers.vod.recording import OpenFile
from madang.servers.vod.store import RecordingStore

IN_FORCE_SECONDS: Final = 60.0
"""Seconds after which a change of visibility is in force everywhere, in caches too."""

_SHARED_SECONDS: Final = int(IN_FORCE_SECONDS - REMEMBERED_SECONDS)
"""Seconds for which caches may keep an answer: it may rest on a permission as old as that."""

_PERMISSION_SECONDS: Final = 20
"""Seconds of these for which a proxy that asks for permission may remember it."""

PERMISSION: Final = "x-madang-permission"
"""Field of a proxy that asks whether it may send a file, and where it is: it wants no file."""

GROWING: Final = (
    "The show is still on: it can be downloaded when it is over. Until then players can use "
    "index.m3u8."
)
SEVERAL: Final = (
    "The picture or sound changed during this show, so that it has {count} files: "
    "{names}. Players can use index.m3u8, which joins them."
)

SEVERAL_LEFT: Final = (
    "The picture or sound changed in this video, so that it has {count} files. Players can use "
    "index.m3u8, which joins them."
)
CUT_AWAY: Final = (
    "The beginning or the end of this video was cut away. What is left is in index.m3u8, and as "
    "one file in RENDITION.mp4."
)

_WHOLE: Final = "whole=1"
"""Query with which the owner gets a trimmed video as it was."""

RECORDING: Final = "recording"
"""Kind of these bytes in the metrics."""

_PREFLIGHT: Final[Headers] = [
    OPEN_TO_ALL,
    ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
    ("access-control-allow-headers", "range, x-playback-session-id"),
    ("access-control-max-age", "86400"),
]
_CORS: Final[Headers] = [OPEN_TO_ALL, ("access-control-expose-headers", "content-range")]
_JPEG: Final = ("content-type", "image/jpeg")
_WEBVTT: Final = ("content-type", "text/vtt; charset=utf-8")
_PRIVATE: Final = ("cache-control", "private, no-store")
_REVALIDATED: Final = ("cache-control", "no-cache")
_SHARED: Final = ("cache-control", f"public, max-age={_SHARED_SECONDS}, must-revalidate")
_SHARED_BY_PROXY: Final = (
    "cache-control",
    f"public, max-age={_SHARED_SECONDS - _PERMISSION_SECONDS}, must-revalidate",
)
_REMEMBERED: Final = ("x-accel-expires", str(_PERMISSION_SECONDS))

Work = Coroutine[Any, Any, None]


class VodHandlers:
    """Answers exchanges below `/vod/`.

    Bytes are counted in `sent`. With `internal_prefix` the proxy in front is told to send finished
    files itself: it is the address of the station's storage that nginx calls `internal`.
    """

    def __init__(
        self,
        store: RecordingStore,
        access: AccessCheck,
        sent: Counter[str],
        internal_prefix: str | None = None,
        documents: Documents = NO_DOCUMENTS,
    ) -> None:
        self._store = store
        self._access = access
        self._sent = sent
        self._internal = internal_prefix
        self._documents = documents

    def __call__(self, exchange: Exchange) -> Work | None:
        """Answer, or return a coroutine that does."""
        if exchange.method == "OPTIONS":
            exchange.answer(204, _PREFLIGHT)
            return None
        if exchange.method not in {"GET", "HEAD"}:
            exchange.refuse(405, "Videos can only be read.", [("allow", "GET, HEAD, OPTIONS")])
            return None
        address = parse(exchange.path)
        if address is None:
            exchange.refuse(404, NO_VIDEO)
            return None
        return self._answer(exchange, address)

    async def _answer(self, exchange: Exchange, address: VodAddress) -> None:
        try:
            # The folder first: addresses that somebody guesses do not reach the database.
            recording = await self._store.recording(address.id)
            finishing = self._store.is_finishing(recording)
            grant = await self._access.grant(address.id, exchange, finishing=finishing)
            if grant is not None and grant.trim is not None and _wants_whole(exchange):
                grant = await self._access.grant_whole(address.id, exchange)
            if grant is None:
                exchange.refuse(404, NO_VIDEO)
            else:
                if finishing:
                    await self._store.note_viewer(recording)
                await self._serve(exchange, address, grant)
        except (NoSuchRecording, NoSuchFile) as error:
            exchange.refuse(404, str(error))
        except NothingYet as error:
            exchange.refuse(404, str(error), [("retry-after", "1")])
        except (RecordingUnreadable, DatabaseAway) as error:
            exchange.refuse(503, str(error), [("retry-after", "5")])

    async def _serve(self, exchange: Exchange, address: VodAddress, grant: Grant) -> None:
        if address.kind == Kind.FILE:
            recording = await self._store.recording(address.id)
            address = replace(address, number=recording.number_of(address.number))
        match address.kind:
            case Kind.MULTIVARIANT:
                await self._multivariant(exchange, address, grant)
            case Kind.PLAYLIST:
                await self._playlist(exchange, address, grant)
            case Kind.FILE if grant.trim is not None:
                await self._trimmed_file(exchange, address, grant, grant.trim)
            case Kind.FILE:
                await self._file(exchange, address, grant, [])
            case Kind.DOWNLOAD if grant.trim is not None:
                await self._excerpt(exchange, address, grant, grant.trim)
            case Kind.DOWNLOAD:
                await self._download(exchange, address, grant)
            case Kind.POSTER if grant.poster:
                body = await self._documents.poster(address.id)
                self._stored(exchange, body, [_JPEG], grant)
            case Kind.POSTER:
                poster = await self._store.poster(address.id, grant.trim)
                self._open(exchange, poster, [_JPEG], grant)
            case Kind.STORYBOARD:
                tiles = await self._store.storyboard(address.id, trim=grant.trim)
                self._open(exchange, tiles, [_WEBVTT], grant)
            case Kind.SHEET:
                sheet = await self._store.storyboard(address.id, address.number, grant.trim)
                self._open(exchange, sheet, [_JPEG], grant)
            case Kind.SUBTITLES:
                body = await self._documents.subtitles(address.id, address.part)
                self._stored(exchange, body, [_WEBVTT], grant)

    async def _multivariant(self, exchange: Exchange, address: VodAddress, grant: Grant) -> None:
        text = await self._store.multivariant(address.id, grant.trim)
        if _wants_whole(exchange):
            body = text.body.replace(b"/media.m3u8", b"/media.m3u8?" + _WHOLE.encode())
            text = PlaylistText(body, f'{text.etag[:-1]}-whole"', text.ended)
        self._text(exchange, text, grant)

    async def _playlist(self, exchange: Exchange, address: VodAddress, grant: Grant) -> None:
        skip = parse_query(exchange.query_string).get("_HLS_skip")
        if skip not in {None, "YES", "v2"}:
            exchange.refuse(400, "_HLS_skip is YES or v2.")
            return
        form = Form(delta=skip is not None, gzip=exchange.headers.gzip)
        text = await self._store.playlist(address.id, address.rendition, form, grant.trim)
        headers: Headers = [("vary", "accept-encoding")]
        if form.gzip:
            headers.append(("content-encoding", "gzip"))
        self._text(exchange, text, grant, headers)

    def _text(
        self, exchange: Exchange, text: PlaylistText, grant: Grant, more: Headers | None = None
    ) -> None:
        headers: Headers = [
            ("content-type", "application/vnd.apple.mpegurl"),
            ("etag", text.etag),
            *(more or []),
            *_rights(grant, _SHARED if text.ended else _REVALIDATED),
        ]
        part = select(exchange, headers, len(text.body))
        if part is not None:
            start, first, size = part
            self._sent[RECORDING] += exchange.send(start, text.body[first : first + size])

    def _stored(self, exchange: Exchange, body: bytes, headers: Headers, grant: Grant) -> None:
        """Answer with what the database has."""
        tag = ("etag", f'"{zlib.crc32(body):08x}-{len(body):x}"')
        headers = [*headers, tag, *_rights(grant, _SHARED)]
        part = select(exchange, headers, len(body))
        if part is not None:
            start, first, size = part
            self._sent[RECORDING] += exchange.send(start, body[first : first + size])

    async def _download(self, exchange: Exchange, address: VodAddress, grant: Grant) -> None:
        recording = await self._store.recording(address.id)
        count = recording.files(address.rendition)
        if recording.ended_at is None:
            exchange.refuse(409, GROWING, [("retry-after", "60")])
        elif count > 1:
            first = recording.manifest.first_number
            names = ", ".join(file_name(address.rendition, first + n) for n in range(count))
            exchange.refuse(409, SEVERAL.format(count=count, names=names))
        else:
            await self._file(exchange, address, grant, _disposition(exchange, address, grant))

    async def _excerpt(
        self, exchange: Exchange, address: VodAddress, grant: Grant, trim: Trim
    ) -> None:
        """Answer with what is left of a rendition as one file, of which the head is in memory and
        the rest a range of the file. nginx cannot join the two."""
        count = len((await self._store.trimmed(address.id, trim)).spans(address.rendition))
        if count > 1:
            exchange.refuse(409, SEVERAL_LEFT.format(count=count))
            return
        made = await self._store.excerpt(address.id, address.rendition, trim)
        file, head = made.file, made.head
        with ExitStack() as cleanup:
            cleanup.callback(os.close, file.descriptor)
            # Without the date of the file: a copy of the whole has the same one.
            headers: Headers = [
                *(await self._type(address)),
                *_disposition(exchange, address, grant),
                *_rights(grant, _SHARED),
                ("etag", f'"{int(file.modified):x}-{made.begin:x}-{made.length:x}"'),
                ("accept-ranges", "bytes"),
            ]
            part = select(exchange, headers, made.length)
            if part is None:
                return
            start, first, size = part
            before = head[first : first + size]
            if size == len(before):
                self._sent[RECORDING] += exchange.send(start, before)
                return
            cleanup.pop_all()
        offset = made.begin + max(0, first - len(head))
        region = FileRegion(file.descriptor, offset, size - len(before))
        self._sent[RECORDING] += exchange.send_file(start, region, before)

    async def _trimmed_file(
        self, exchange: Exchange, address: VodAddress, grant: Grant, trim: Trim
    ) -> None:
        """Answer with a range of a file that lies in what is left of it; to the owner with all.

        Never by nginx, which would take another look at the range.
        """
        if PERMISSION in exchange.headers:
            _refuse_permission(exchange, grant)
            return
        name, number = address.rendition, address.number
        span = (await self._store.trimmed(address.id, trim)).span(name, number)
        file = await self._store.file(address.id, name, number)
        etag, modified = _validators(file)
        asked = requested(exchange, etag, modified, file.length)
        if span is None or asked is None or not span.holds(*asked):
            whole = await self._access.grant_whole(address.id, exchange)
            if whole is None:
                os.close(file.descriptor)
                exchange.refuse(403, CUT_AWAY)
                return
            grant = whole
        self._open(exchange, file, await self._type(address), grant)

    async def _type(self, address: VodAddress) -> Headers:
        recording = await self._store.recording(address.id)
        sound = recording.is_sound(address.rendition)
        return [("content-type", "audio/mp4" if sound else "video/mp4")]

    async def _file(
        self, exchange: Exchange, address: VodAddress, grant: Grant, more: Headers
    ) -> None:
        name = file_name(address.rendition, address.number)
        headers: Headers = [*(await self._type(address)), *more]
        file = await self._store.file(address.id, address.rendition, address.number)
        self._open(exchange, file, headers, grant, f"{RECORDINGS}/{address.id}/{name}")

    def _open(
        self, exchange: Exchange, file: OpenFile, headers: Headers, grant: Grant, path: str = ""
    ) -> None:
        """Answer with an open file, which is `path` in the storage."""
        sent_by_proxy = bool(path) and self._internal is not None and not file.growing
        if PERMISSION in exchange.headers and not sent_by_proxy:
            os.close(file.descriptor)
            _refuse_permission(exchange, grant)
            return
        if file.growing:
            # More of it comes: what was sent of it is good, a copy of it is not the file.
            headers = [*headers, ("etag", f'"{file.length:x}-growing"'), *_rights(grant, NO_STORE)]
            self._sent[RECORDING] += answer_file(exchange, file.descriptor, headers, file.length)
            return
        if sent_by_proxy and self._internal and "x-forwarded-for" in exchange.headers:
            os.close(file.descriptor)
            headers += _rights(grant, _SHARED_BY_PROXY)
            headers += [_REMEMBERED] if grant.shared else []
            exchange.answer(200, [*headers, ("x-accel-redirect", self._internal + quote(path))])
            return
        headers = [*headers, *_rights(grant, _SHARED)]
        etag, modified = _validators(file)
        headers += [("etag", etag), ("last-modified", modified)]
        self._sent[RECORDING] += answer_file(exchange, file.descriptor, headers, file.length)


def _refuse_permission(exchange: Exchange, grant: Grant) -> None:
    caching = _REMEMBERED if grant.shared else _PRIVATE
    exchange.refuse(403, "The station sends this file itself.", [caching])


def _wants_whole(exchange: Exchange) -> bool:
    return parse_query(exchange.query_string).get("whole") == "1"


def _disposition(exchange: Exchange, address: VodAddress, grant: Grant) -> Headers:
    if parse_query(exchange.query_string).get("download") != "1":
        return []
    return [("content-disposition", attachment(grant.title, address.id))]


def _validators(file: OpenFile) -> tuple[str, str]:
    """Return entity tag and date of a finished file as nginx writes them, so that both may answer
    for it."""
    return f'"{int(file.modified):x}-{file.length:x}"', http_date(file.modified)


def _rights(grant: Grant, caching: tuple[str, str]) -> Headers:
    """Return the headers that say who may keep and read an answer."""
    return [caching, *_CORS] if grant.shared else [_PRIVATE]
