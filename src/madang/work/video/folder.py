"""The folder of a video that was uploaded: renditions are moved into it, one after another."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from madang.base.errors import ParseError
from madang.infra.disk import Disk
from madang.live.rendition import SOURCE
from madang.recording.manifest import (
    MANIFEST,
    POSTER,
    RECORDINGS,
    Manifest,
    RecordedRendition,
    decode,
    encode,
    file_name,
)

_REPLACED: Final = "replaced"
_DISK: Final = Disk()


@dataclass(frozen=True, slots=True)
class VideoFolder:
    """The folder of a video in the storage."""

    storage: Path
    video_id: str

    @property
    def path(self) -> Path:
        """The folder."""
        return self.storage / RECORDINGS / self.video_id

    def manifest(self) -> Manifest:
        """Return the manifest. Raises OSError and ParseError."""
        return decode((self.path / MANIFEST).read_bytes())

    def file(self, rendition: str) -> Path:
        """Return the path of the file of a rendition."""
        return self.path / file_name(rendition, 1)

    def create(self, draft: Path, manifest: Manifest) -> None:
        """Move the folder `draft` to its place, with a manifest. What is there goes: files that
        these replace, or what an attempt has left before it could tell the database."""
        with contextlib.suppress(OSError, ParseError):
            before = self.manifest()
            number = before.first_number
            if before.upload != manifest.upload:
                number = before.next_number
            manifest = replace(manifest, first_number=number)
        _DISK.replace(draft / MANIFEST, encode(manifest))
        self.path.parent.mkdir(exist_ok=True)
        _move(draft, self.path)

    def add(self, draft: Path, rendition: RecordedRendition, longest: float) -> Manifest:
        """Move a rendition from the folder `draft` into this one, list it in the manifest and
        return that. Raises OSError and ParseError."""
        manifest = self.manifest()
        _move(draft / rendition.name, self.path / rendition.name)
        others = [each for each in manifest.renditions if each.name != rendition.name]
        listed = sorted((*others, rendition), key=_rank)
        manifest = replace(
            manifest,
            renditions=tuple(listed),
            target_duration=max(manifest.target_duration, math.ceil(longest)),
        )
        _DISK.replace(self.path / MANIFEST, encode(manifest))
        return manifest

    def replace(self, name: str, draft: Path) -> None:
        """Move the folder `draft` into this one under a name, in place of what has it."""
        _move(draft, self.path / name)

    def note_loudness(self, loudness: float | None) -> None:
        """Note the loudness of the sound in LUFS; None for silence. Raises OSError and
        ParseError."""
        manifest = replace(self.manifest(), loudness=loudness)
        _DISK.replace(self.path / MANIFEST, encode(manifest))


def write_poster(draft: Path, picture: bytes) -> None:
    """Put the picture shown before playback into a folder."""
    _DISK.replace(draft / POSTER, picture)


def _rank(rendition: RecordedRendition) -> tuple[bool, int]:
    """Return the place of a rendition: the source, and then the largest first."""
    file = rendition.files[0]
    return rendition.name != SOURCE, -file.width * file.height


def _move(draft: Path, place: Path) -> None:
    if place.exists():
        place.rename(draft.with_name(f"{draft.name}.{_REPLACED}"))
    draft.rename(place)
    _DISK.sync_folder(place.parent)
