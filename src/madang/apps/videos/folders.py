"""Folders of videos in the storage."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from madang.recording.manifest import RECORDINGS


def folder_of(video_id: str) -> Path:
    """Return the folder of a video's files."""
    media: Path = settings.MADANG_MEDIA_FOLDER
    return media / RECORDINGS / video_id
