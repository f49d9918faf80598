"""The job `prepare-video`: makes the first rendition of an uploaded file, and publishes it.

Streams that browsers play are packaged as they are, at the speed of the disk; otherwise the first
rendition is encoded. The others are left to `transcode-video`.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from madang.apps.jobs.errors import JobFailed
from madang.apps.videos import services
from madang.apps.videos.jobs import PREPARE, TRANSCODE
from madang.apps.videos.models import State, Video
from madang.apps.videos.results import result_of
from madang.base.errors import ParseError
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.live.rendition import SOURCE
from madang.recording.manifest import Manifest, SoundTrack
from madang.transcoding.arguments import Input, origin_of
from madang.transcoding.playable import copies_video
from madang.transcoding.renditions import renditions
from madang.transcoding.source import Source, VideoStream
from madang.work.video.children import Attempt
from madang.work.video.encode import CHUNK_SECONDS, Encoder, Progress
from madang.work.video.extract import extract_subtitles
from madang.work.video.folder import VideoFolder, write_poster
from madang.work.video.make import Ffmpeg, Made
from madang.work.video.package import Packaged, PackagingFailed
from madang.work.video.probe import GONE, NOTHING, FileRefused, open_regular, probe

POSTER_SHARE: Final = 0.1
"""Share of a video that is before its poster: many begin with a black picture."""

_ENCODED: Final = 0.8
_HEARD: Final = 0.9
"""Shares of the work that are done when the pictures, and when the sound is encoded."""

_UNSEEN_GAP: Final = 0.5
_UNSEEN_SHARE: Final = 0.01
"""Seconds, and share of a video, that may be missing without a word."""

log = logging.getLogger(__name__)


class Uploads(Protocol):
    """Port to the files that were uploaded."""

    def path(self, upload_id: str) -> Path:
        """Return the path of a complete file."""

    def release(self, upload_id: str) -> None:
        """Delete a file that is not needed any more; one that is gone is fine."""


Enqueue = Callable[[str, str, Mapping[str, Any]], object]
"""Queues a job by kind, subject and arguments, in the transaction in which it is called."""


@dataclass(frozen=True, slots=True)
class PrepareVideo:
    """Handler of these jobs; their arguments are `upload`, the id of the file, and `replaces`, true
    where it takes the place of the files of a video. `storage` is the folder of the storage,
    `program` the path of ffmpeg."""

    storage: Path
    program: str
    uploads: Uploads
    enqueue: Enqueue
    clock: Clock = SYSTEM_CLOCK
    chunk_seconds: float = CHUNK_SECONDS
    kind: str = PREPARE

    def run(self, task: Attempt) -> None:
        """Make the first rendition. Raises JobFailed."""
        upload = task.arguments["upload"]
        begin = services.has_files if self._replaces(task) else services.process_upload
        if not task.publish(lambda: begin(task.subject)):
            self.uploads.release(upload)
            return
        path = self.uploads.path(upload)
        try:
            if self._is_published(task):  # by an attempt that could not say so
                needed = self._is_needed(task)
            else:
                needed = self._prepare(task, path)
            extract_subtitles(Ffmpeg(task, self.program), path)
            if not needed:
                self.uploads.release(upload)
        except FileRefused as error:
            reason = str(error)
            task.publish(lambda: services.fail_upload(task.subject, reason))
            self.uploads.release(upload)
            raise JobFailed(reason, retry=False) from error
        except FileNotFoundError:
            raise JobFailed(GONE, retry=False) from None
        except (PackagingFailed, ParseError) as error:
            raise JobFailed(str(error)) from error

    def _is_published(self, task: Attempt) -> bool:
        """Return whether an earlier attempt has made the first rendition."""
        video = Video.objects.filter(pk=task.subject, state=State.READY).first()
        if video is None or not self._replaces(task):
            return video is not None
        folder = VideoFolder(self.storage, task.subject)
        manifest = folder.manifest()
        # The files may be in their place while the row still tells of those before.
        noted = video.ended_at == result_of(folder.path, manifest, 0.0, 0.0).ended_at
        return noted and manifest.upload == task.arguments["upload"]

    @staticmethod
    def _replaces(task: Attempt) -> bool:
        return bool(task.arguments.get("replaces"))

    def _is_needed(self, task: Attempt) -> bool:
        """Return whether the other renditions are made of the file itself."""
        return not VideoFolder(self.storage, task.subject).file(SOURCE).exists()

    def _prepare(self, task: Attempt, path: Path) -> bool:
        """Return whether the file is needed for the other renditions."""
        descriptor = open_regular(path)
        try:
            source = probe(task, descriptor)
            file = Input(descriptor, source.format, source.truncated)
            ffmpeg = Ffmpeg(task, self.program)
            made = self._copied(ffmpeg, source, file) or self._encoded(ffmpeg, source, file)
            copied = made.rendition.name == SOURCE
            if source.picture is not None:
                self._draw_poster(ffmpeg, source.picture, file, made)
        finally:
            os.close(descriptor)
        first = made.rendition.name
        more = [each.name for each in renditions(source, copied=copied) if each.name != first]
        needed = not copied and bool(more)
        following = {"first": first, "origin": made.packaged.begin, "renditions": more}
        if needed:
            following["upload"] = task.arguments["upload"]
        published = task.publish(partial(self._publish, task, source, made, following))
        task.report(1.0)
        return needed and published

    def _copied(self, ffmpeg: Ffmpeg, source: Source, file: Input) -> Made | None:
        """Package what can be packaged as it is; None where it has to be encoded."""
        if source.picture is not None and not copies_video(source, source.picture):
            return None
        length = source.length

        def progress(seconds: float) -> None:
            ffmpeg.task.report(min(0.95, seconds / length) if length else 0.0)

        try:
            return ffmpeg.copy(source, file, progress)
        except (PackagingFailed, ParseError) as error:
            if source.picture is None:
                raise FileRefused(NOTHING) from error
            log.info("video %s: it is encoded: %s", ffmpeg.task.subject, error)
            return None

    def _encoded(self, ffmpeg: Ffmpeg, source: Source, file: Input) -> Made:
        picture = source.picture
        assert picture is not None
        first = renditions(source, copied=False)[0]
        task = ffmpeg.task
        encoder = Encoder(
            *(ffmpeg, picture, file, (first,), float(origin_of(picture)), source.length or 0.0),
            lambda share, reached: task.report(_ENCODED * share, reached),
            self.chunk_seconds,
        )
        done = encoder.run(Progress(**task.checkpoint))
        if not source.truncated and not done.covers(picture.frames):
            log.warning("video %s: %d of %d pictures", task.subject, done.pictures, picture.frames)
        sound = None

        def progress(seconds: float) -> None:
            share = min(1.0, seconds / encoder.length) if encoder.length else 0.0
            task.report(_ENCODED + (_HEARD - _ENCODED) * share, done.as_fields())

        if source.sound is not None:
            try:
                made = ffmpeg.sound(source.sound, file, encoder.origin, progress)
                sound = (made.path, made.packaged.begin)
            except (PackagingFailed, ParseError) as error:
                log.warning("video %s: its sound cannot be read: %s", task.subject, error)
        return encoder.finish(
            first,
            done,
            sound,
            lambda share: task.report(_HEARD + (0.99 - _HEARD) * share, done.as_fields()),
        )

    def _draw_poster(self, ffmpeg: Ffmpeg, picture: VideoStream, file: Input, made: Made) -> None:
        """Add the picture shown before playback; a video without one is fine."""
        for at in (POSTER_SHARE * made.packaged.length, 0.0):
            if drawn := ffmpeg.poster(picture, file, at):
                write_poster(made.draft, drawn)
                return

    def _publish(
        self, task: Attempt, source: Source, made: Made, following: Mapping[str, Any]
    ) -> bool:
        """Move the rendition to its place, tell the database and queue what follows. Return whether
        there still is such a video."""
        video = Video.objects.filter(pk=task.subject).first()
        if video is None or video.state == State.DELETED:
            return False
        if self._replaces(task):
            services.replace_files(video.pk)
        manifest = Manifest(
            id=video.pk,
            channel_id=video.channel_id,
            title=video.title,
            began_at=video.created_at.timestamp(),
            target_duration=max(1, math.ceil(made.packaged.segment)),
            renditions=(made.rendition,),
            ended_at=self.clock.wall(),
            dated=False,
            upload=task.arguments["upload"],
            sounds=tuple(
                SoundTrack(each.codec, each.channels, each.language, each.title)
                for each in source.sounds
            ),
        )
        duration = made.packaged.length
        missing = missing_seconds(source, made.packaged)
        gaps = missing if missing > max(_UNSEEN_GAP, _UNSEEN_SHARE * duration) else 0.0
        folder = VideoFolder(self.storage, video.pk)
        folder.create(made.draft, manifest)
        services.publish_upload(video.pk, result_of(folder.path, manifest, duration, gaps))
        self.enqueue(TRANSCODE, video.pk, following)
        return True


def missing_seconds(source: Source, packaged: Packaged) -> float:
    """Return by how much a file is longer, by its own words, than what was found in it."""
    picture = source.picture
    if picture is not None and picture.duration is not None and packaged.picture is not None:
        return picture.duration - (packaged.picture.end - packaged.begin)
    return (source.duration or 0.0) - (packaged.end - packaged.begin)
