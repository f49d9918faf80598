"""Recorder of a show: what viewers get, to the thread that writes recordings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from madang.apps.channels.services import PublishGrant
from madang.apps.ids import new_id
from madang.live.events import InitChanged, PartAdded, RenditionEnded, ShowEnded, ShowEvent
from madang.live.rendition import SOURCE
from madang.recording.index import Kind, Record
from madang.recording.manifest import Manifest, RecordedFile
from madang.servers.live.broadcast import LiveBroadcast
from madang.servers.live.thumbnails import Thumbnails
from madang.servers.recording.growing import Part
from madang.servers.recording.recording import Recording
from madang.servers.recording.rows import RecordingRows
from madang.servers.recording.summary import EDGE, start_of
from madang.servers.recording.writer import RecordingWriter


class Recorder:
    """Subscriber that records one show, whatever its publishers, on the event loop."""

    def __init__(
        self,
        broadcast: LiveBroadcast,
        grant: PublishGrant,
        thumbnails: Thumbnails,
        *,
        writer: RecordingWriter,
        rows: RecordingRows,
    ) -> None:
        self.kept = grant.record != "never"
        self.asks = grant.record == "ask"
        self._broadcast = broadcast
        self._grant = grant
        self._thumbnails = thumbnails
        self._writer = writer
        self._rows = rows
        self._recording: Recording | None = None
        self._renditions: set[str] = set()
        self._began = 0.0
        self._has_poster = False

    @property
    def recording_id(self) -> str | None:
        """Id of the recording while it is being written."""
        return self._recording.manifest.id if self._recording is not None else None

    @property
    def stopped(self) -> bool:
        """True while the disk takes nothing of a show that is to be kept."""
        return self.kept and self._writer.space.trouble is not None

    def on_event(self, event: ShowEvent) -> None:
        """Queue what is to be written."""
        match event:
            case InitChanged():
                self._begin_file(event)
            case PartAdded(rendition=name) if self._recording and name in self._renditions:
                part = Part(event.file.body, _record(event))
                self._writer.put(self._recording, name, part)
            case RenditionEnded(name) if self._recording and name in self._renditions:
                self._renditions.remove(name)
                self._writer.submit(partial(self._recording.drop, name))
            case ShowEnded() if self._recording:
                self._write_poster(self._recording)
                self._writer.finish(self._recording, self._broadcast.clock.wall())
                self._recording = None
            case _:
                pass

    def tick(self, now: float) -> None:
        """Give up what the disk was too slow for, and keep the first picture."""
        self._writer.expire()
        if self._recording is not None and not self._has_poster:
            self._write_poster(self._recording)

    def _begin_file(self, event: InitChanged) -> None:
        name, show = event.rendition, self._broadcast.show
        now = self._broadcast.clock.monotonic()
        first = self._recording is None
        if self._recording is None:
            if name != SOURCE or show.source is None:
                return
            self._recording = self._begin(show.source.cutting.target_duration)
            self._began = now
        if name not in self._renditions and now - self._began > 2 * EDGE:
            return  # it cannot cover the show any more
        self._renditions.add(name)
        rendition = show.renditions().get(name)
        video = event.tracks.video
        width, height = video.display_size if video is not None else (0, 0)
        codecs = ",".join(track.codec_string for track in event.tracks.all)
        rate = rendition.frame_rate if rendition is not None else None
        rate = None if rate is None else round(rate, 3)
        video_range = video.color.video_range if video is not None else "SDR"
        about = RecordedFile(codecs, width, height, rate, video_range)
        self._writer.submit(
            partial(self._recording.begin_file, name, about, event.file.body), now=True
        )
        if first:
            # Behind the folder: what a crash leaves without a row is found there.
            start = start_of(self._recording.manifest)
            self._writer.submit(partial(self._rows.begin, start))

    def _begin(self, target_duration: int) -> Recording:
        manifest = Manifest(
            id=new_id(),
            channel_id=self._grant.channel_id,
            title=self._grant.title,
            began_at=self._broadcast.since.timestamp(),
            target_duration=target_duration,
            temporary=not self.kept,
            ask=self.asks,
        )
        recording = Recording(
            self._writer.root / manifest.id,
            manifest,
            self._rows,
            self._writer.disk,
            self._writer.counters,
        )
        self._writer.begin(recording)
        return recording

    def _write_poster(self, recording: Recording) -> None:
        picture = self._thumbnails.latest
        if picture is not None:
            self._has_poster = True
            self._writer.submit(partial(recording.write_poster, picture.jpeg))


@dataclass(frozen=True, slots=True)
class Recorders:
    """Makes the recorder of each show. With `rewind` also shows that are not kept are recorded,
    for as long as they are on."""

    writer: RecordingWriter
    rows: RecordingRows
    rewind: bool = True

    def follow(
        self, broadcast: LiveBroadcast, grant: PublishGrant, thumbnails: Thumbnails
    ) -> Recorder | None:
        """Return a recorder for a broadcast that begins, None where it is not to be recorded."""
        if grant.record == "never" and not self.rewind:
            return None
        return Recorder(broadcast, grant, thumbnails, writer=self.writer, rows=self.rows)


def _record(event: PartAdded) -> Record:
    """Return what the index says of a part, but for its place."""
    return Record(
        Kind.PART,
        msn=event.msn,
        index=event.index,
        duration=event.duration,
        date=event.date.timestamp(),
        independent=event.independent,
        discontinuity=event.discontinuity,
    )
