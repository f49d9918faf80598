"""Folders of recordings, and a port that serves them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.recording import manifest
from madang.recording.index import MAGIC, encode
from madang.recording.manifest import (
    MANIFEST,
    Manifest,
    RecordedFile,
    RecordedRendition,
    file_name,
    index_name,
)
from madang.recording.trim import Trim
from madang.wire.hls import MediaPlaylist, Segment, parse_media
from tests.support.data_plane import Answer, Port, listening
from tests.support.recordings import MemoryRecording

if TYPE_CHECKING:
    from madang.servers.accounts import Account
    from madang.servers.vod.store import RecordingStore

ID = "4fDbx9oQmWzk"
BEGAN = 1_800_000_000.0
SIZES = {"source": (1280, 720), "360p": (640, 360), "sound": (0, 0)}


@dataclass
class Folder:
    """The folder of a recording, written as the recorder writes it."""

    path: Path
    manifest: Manifest

    def change(self, **fields: object) -> None:
        """Replace the manifest."""
        self.manifest = replace(self.manifest, **fields)  # type: ignore[arg-type]
        draft = self.path / "new"
        draft.write_bytes(manifest.encode(self.manifest))
        draft.replace(self.path / MANIFEST)

    def append(self, made: MemoryRecording, rendition: str, number: int, upto: int) -> None:
        """Let file and index have the records up to number `upto`; data comes first."""
        file = self.path / file_name(rendition, number)
        index = self.path / index_name(rendition, number)
        file.parent.mkdir(exist_ok=True)
        end = made.records[upto - 1].end
        begin = file.stat().st_size if file.exists() else 0
        with file.open("ab") as target:
            target.write(made.data[begin:end])
        wanted = MAGIC + b"".join(map(encode, made.records[:upto]))
        known = index.stat().st_size if index.exists() else 0
        with index.open("ab") as target:
            target.write(wanted[known:])

    def finish(self, made: MemoryRecording, rendition: str, number: int) -> None:
        """Let the file be an ordinary MP4."""
        path = self.path / file_name(rendition, number)
        with path.open("r+b") as target:
            for each in made.file.finish():
                target.seek(each.offset)
                target.write(each.data)

    def read(self, rendition: str, number: int = 1) -> bytes:
        """Return the content of a file."""
        return (self.path / file_name(rendition, number)).read_bytes()


def folder_of(
    storage: Path,
    renditions: dict[str, Sequence[MemoryRecording]],
    *,
    name: str = ID,
    ended: bool = True,
    whole: bool = True,
    target: int = 2,
) -> Folder:
    """Write a recording; `whole`: with all its records, otherwise with its init sections alone."""
    path = storage / "recordings" / name
    path.mkdir(parents=True)
    listed = tuple(
        RecordedRendition(rendition, tuple(_file(rendition) for _ in files))
        for rendition, files in renditions.items()
    )
    made = Folder(path, Manifest(name, 1, "Evening", BEGAN, target, listed))
    for rendition, files in renditions.items():
        for number, each in enumerate(files, 1):
            made.append(each, rendition, number, len(each.records) if whole else 1)
            if ended:
                made.finish(each, rendition, number)
    made.change(ended_at=BEGAN + 60 if ended else None)
    return made


def _file(rendition: str) -> RecordedFile:
    width, height = SIZES[rendition]
    return RecordedFile(
        "avc1.42c01e,mp4a.40.2" if width else "mp4a.40.2", width, height, 30.0 if width else None
    )


@dataclass(frozen=True)
class Video:
    """What the database says of a video."""

    owner_id: int = 7
    visibility: str = "public"
    state: str = "ready"
    title: str = "저녁 방송: one/two"
    finishing: bool = False
    poster: bool = False
    trim: Trim | None = None


@dataclass
class Control:
    """What the database says; `away`: it does not answer. `asked` counts the queries."""

    videos: dict[str, Video] = field(default_factory=lambda: {ID: Video()})
    away: bool = False
    asked: int = 0

    def access(self, video: str) -> Video | None:
        """Return what is known of a video."""
        from django.db import OperationalError

        self.asked += 1
        if self.away:
            raise OperationalError("away")
        return self.videos.get(video)

    def viewer(self, key: str) -> Account | None:
        """Return the account of the session or token `key`."""
        from madang.servers.accounts import Account

        accounts = {"owner": Account(7, False), "other": Account(8, False)}
        return (accounts | {"admin": Account(9, True)}).get(key)


class StoredDocuments:
    """What the database has of every video: one poster, and the subtitles ID."""

    async def subtitles(self, video_id: str, subtitles_id: str) -> bytes:
        """Return a WebVTT file."""
        from madang.servers.vod.errors import NoSuchFile

        if subtitles_id != ID:
            raise NoSuchFile("none")
        return b"WEBVTT\n"

    async def poster(self, video_id: str) -> bytes:
        """Return a poster."""
        return b"\xff\xd8chosen"


@dataclass
class Vod:
    """A port that serves recordings, and what it looks at."""

    port: Port
    control: Control
    sent: Counter[str]
    store: RecordingStore

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Return the answer for something of the recording ID."""
        return self.port.ask(f"/vod/{ID}/{path}", method, **headers)

    def playlist(self, rendition: str = "source", query: str = "") -> MediaPlaylist:
        """Return a media playlist."""
        answer = self.ask(f"{rendition}/media.m3u8{query}")
        assert answer.status == 200, answer.text
        return parse_media(answer.text)

    def bytes_of(self, rendition: str, segment: Segment) -> bytes:
        """Return a segment as a player gets it."""
        span = segment.byte_range
        assert span is not None
        wanted = f"bytes={span.offset}-{span.offset + span.length - 1}"
        answer = self.ask(f"{rendition}/{segment.uri}", range=wanted)
        assert answer.status == 206, answer.text
        assert answer.headers["content-range"].startswith(wanted.replace("=", " ") + "/")
        assert len(answer.body) == span.length
        return answer.body

    def url(self, path: str) -> str:
        """Return the address of something of the recording ID."""
        return f"http://{self.port.host}:{self.port.number}/vod/{ID}/{path}"


@contextmanager
def serving(
    storage: Path,
    control: Control | None = None,
    *,
    clock: Clock = SYSTEM_CLOCK,
    internal_prefix: str | None = None,
    max_open: int = 256,
    max_bytes: int = 128 << 20,
) -> Iterator[Vod]:
    """Serve the recordings in `storage`."""
    from madang.infra.database import DatabaseThreads
    from madang.servers.accounts import AccountQueries, Accounts
    from madang.servers.http.router import Route, Router, elsewhere
    from madang.servers.vod.access import AccessCheck
    from madang.servers.vod.handlers import VodHandlers
    from madang.servers.vod.store import RecordingStore

    known = control or Control()
    database = DatabaseThreads()
    store = RecordingStore(storage / "recordings", clock, max_open=max_open, max_bytes=max_bytes)
    queries = AccountQueries(known.viewer, known.viewer)
    accounts = Accounts(queries, "sessionid", database, clock)
    access = AccessCheck(known.access, accounts, database, clock)
    sent: Counter[str] = Counter()
    handlers = VodHandlers(store, access, sent, internal_prefix, StoredDocuments())
    with listening(Router([Route("/vod/", handlers)], elsewhere)) as port:
        yield Vod(port, known, sent, store)
    store.close()
    database.close()
