"""Subtitles that an uploaded file has."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from madang.apps.videos import subtitles
from madang.apps.videos.models import State, Video
from madang.apps.videos.subtitles import MOST_OF_A_VIDEO, ExtractedTrack
from madang.transcoding.arguments import Input
from madang.wire.subtitles import SubtitleError, parse
from madang.work.video.make import Ffmpeg
from madang.work.video.probe import FileRefused, open_regular, probe

log: Final = logging.getLogger(__name__)


def extract_subtitles(ffmpeg: Ffmpeg, path: Path) -> None:
    """Keep the text tracks of the file of a video, which plays already: what cannot be read of
    them is left out."""
    task = ffmpeg.task
    try:
        descriptor = open_regular(path)
    except (FileRefused, FileNotFoundError):  # released by an attempt before
        return
    try:
        try:
            source = probe(task, descriptor)
        except FileRefused:
            return
        streams = source.subtitles[:MOST_OF_A_VIDEO]
        if not streams:
            return
        texts = ffmpeg.subtitles(streams, Input(descriptor, source.format, source.truncated))
    finally:
        os.close(descriptor)
    tracks = []
    for stream, text in zip(streams, texts, strict=True):
        try:
            (track,) = parse(text)
        except SubtitleError as error:
            log.info("video %s: subtitles %d: %s", task.subject, stream.index, error)
            continue
        tracks.append(ExtractedTrack(stream.index, track.cues, stream.language, stream.title))

    def keep() -> None:
        video = Video.objects.filter(pk=task.subject).exclude(state=State.DELETED).first()
        if video is not None:
            subtitles.keep_extracted(video, tracks)

    task.publish(keep)
