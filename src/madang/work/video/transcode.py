"""The job `transcode-video`: makes the other renditions of a video that is shown already, and
measures its loudness.

All are encoded at once, of one decoding, in chunks that the next attempt finds; each is published
by itself. What is served stays served, whatever becomes of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from madang.apps.jobs.errors import JobFailed
from madang.apps.videos import services, trims
from madang.apps.videos.jobs import TRANSCODE
from madang.apps.videos.models import State, Video
from madang.apps.videos.results import result_of
from madang.base.errors import ParseError
from madang.live.rendition import SOURCE
from madang.transcoding.arguments import Input, origin_of
from madang.transcoding.renditions import Rendition, renditions
from madang.transcoding.source import Source
from madang.work.video.children import Attempt
from madang.work.video.encode import CHUNK_SECONDS, Encoder, Progress
from madang.work.video.folder import VideoFolder
from madang.work.video.make import Ffmpeg, Made
from madang.work.video.package import PackagingFailed
from madang.work.video.prepare import Uploads
from madang.work.video.probe import GONE, FileRefused, open_regular, probe

_ENCODED: Final = 0.85
_JOINED: Final = 0.95
"""Shares of the work that are done when all is encoded, and when all is joined."""


@dataclass(frozen=True, slots=True)
class TranscodeVideo:
    """Handler of these jobs. Their arguments are `first`, the rendition that there is, `origin`,
    the time of its first second, `renditions`, the names of those to make, and `upload` where the
    pictures are better in that file."""

    storage: Path
    program: str
    uploads: Uploads
    chunk_seconds: float = CHUNK_SECONDS
    kind: str = TRANSCODE

    def run(self, task: Attempt) -> None:
        """Make the renditions. Raises JobFailed."""
        upload = task.arguments.get("upload")
        folder = VideoFolder(self.storage, task.subject)
        path = folder.file(SOURCE) if upload is None else self.uploads.path(upload)
        if task.publish(lambda: _video(task.subject)) is not None:
            try:
                self._transcode(task, folder, path)
                self._measure(task, folder)
            except FileNotFoundError:
                raise JobFailed(GONE, retry=False) from None
            except (FileRefused, PackagingFailed, ParseError) as error:
                raise JobFailed(str(error)) from error
        if upload is not None:
            self.uploads.release(upload)

    def _transcode(self, task: Attempt, folder: VideoFolder, path: Path) -> None:
        first, copied = task.arguments["first"], "upload" not in task.arguments
        there = {each.name for each in folder.manifest().renditions}
        if there.issuperset(task.arguments["renditions"]):
            return
        descriptor = open_regular(path)
        try:
            source = probe(task, descriptor)
            # The same ones in every attempt, as their chunks belong together.
            wanted = tuple(
                each
                for each in renditions(source, copied=copied)
                if each.name in task.arguments["renditions"]
            )
            if source.picture is None or not wanted:
                raise PackagingFailed("The file is another one than before.")
            file = Input(descriptor, source.format, source.truncated)
            encoder = self._encoder(task, source, file, wanted)
            done = encoder.run(Progress(**task.checkpoint))
        finally:
            os.close(descriptor)
        if copied and not done.covers(source.picture.frames):
            raise PackagingFailed(
                f"{done.pictures} pictures of {source.picture.frames} were encoded."
            )
        sound = (folder.file(first), task.arguments["origin"])
        for number, each in enumerate(wanted):

            def progress(share: float, before: int = number) -> None:
                joined = (before + share) / len(wanted)
                task.report(_ENCODED + (_JOINED - _ENCODED) * joined, done.as_fields())

            if each.name not in there:
                made = encoder.finish(each, done, sound, progress)
                if not task.publish(partial(_publish, folder, made)):
                    return

    def _measure(self, task: Attempt, folder: VideoFolder) -> None:
        """Measure the loudness of the sound."""
        descriptor = open_regular(folder.file(task.arguments["first"]))
        try:
            source = probe(task, descriptor)
            if source.sound is None:
                return
            file = Input(descriptor, source.format)
            length = source.duration or 0.0

            def progress(seconds: float) -> None:
                share = min(1.0, seconds / length) if length else 0.0
                task.report(_JOINED + (1 - _JOINED) * share)

            loudness = Ffmpeg(task, self.program).loudness(source.sound, file, progress)
        finally:
            os.close(descriptor)

        def note() -> None:
            if _video(task.subject) is not None:
                folder.note_loudness(loudness)

        task.publish(note)

    def _encoder(
        self, task: Attempt, source: Source, file: Input, wanted: tuple[Rendition, ...]
    ) -> Encoder:
        picture = source.picture
        assert picture is not None
        copied = "upload" not in task.arguments
        origin = task.arguments["origin"] if copied else float(origin_of(picture))

        def report(share: float, reached: Mapping[str, Any] | None) -> None:
            task.report(_ENCODED * share, reached)

        ffmpeg = Ffmpeg(task, self.program)
        length = source.length or 0.0
        return Encoder(ffmpeg, picture, file, wanted, origin, length, report, self.chunk_seconds)


def _publish(folder: VideoFolder, made: Made) -> bool:
    """Move a rendition to its place and tell the database; return whether there still is such a
    video."""
    video = _video(folder.video_id)
    if video is None:
        return False
    manifest = folder.add(made.draft, made.rendition, made.packaged.segment)
    whole = trims.whole(video)
    result = result_of(folder.path, manifest, whole["duration"], whole["gaps"])
    return services.publish_upload(folder.video_id, result)


def _video(video_id: str) -> Video | None:
    return Video.objects.filter(pk=video_id).exclude(state=State.DELETED).first()
