"""Files that were uploaded, and the jobs that make videos of them, run at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from imageio_ffmpeg import get_ffmpeg_exe

from madang.recording.manifest import RECORDINGS, Manifest, decode
from tests.support.apps import make_channel
from tests.support.attempts import LocalAttempt

if TYPE_CHECKING:
    from madang.apps.videos.models import Video

ID = "Drum5atDusk7"


@dataclass
class Uploads:
    """Files that were uploaded, by id, and those that were released."""

    files: dict[str, Path] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)

    def path(self, upload_id: str) -> Path:
        return self.files.get(upload_id, Path("gone"))

    def release(self, upload_id: str) -> None:
        self.released.append(upload_id)


@dataclass
class UploadedVideo:
    """One video of an uploaded file. `jobs` are those that were queued."""

    storage: Path
    uploads: Uploads = field(default_factory=Uploads)
    jobs: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def upload(self, path: Path) -> LocalAttempt:
        """Add the row of a file, and return the first attempt to prepare it."""
        from madang.apps.videos import services

        self.uploads.files["up1"] = path
        services.begin_upload(ID, make_channel().pk, "", path.name, 1)
        return LocalAttempt(self.storage, ID, {"upload": "up1"})

    def replacement(self, path: Path, number: int = 2, *, attempt: int = 1) -> LocalAttempt:
        """Return an attempt to replace the files of the video by those of another file."""
        upload = f"up{number}"
        self.uploads.files[upload] = path
        arguments = {"upload": upload, "replaces": True}
        return LocalAttempt(self.storage, ID, arguments, number=10 * number + attempt)

    def prepare(self, attempt: LocalAttempt, chunk_seconds: float = 60.0) -> None:
        """Run the job `prepare-video`."""
        from madang.work.video.prepare import PrepareVideo

        PrepareVideo(
            self.storage, get_ffmpeg_exe(), self.uploads, self._enqueue, chunk_seconds=chunk_seconds
        ).run(attempt)

    def following(self) -> LocalAttempt:
        """Return the first attempt at the job that was queued last."""
        kind, subject, arguments = self.jobs[-1]
        assert kind == "transcode-video"
        return LocalAttempt(self.storage, f"{subject}", arguments, number=50)

    def transcode(self, attempt: LocalAttempt, chunk_seconds: float = 60.0) -> None:
        """Run the job `transcode-video`."""
        from madang.work.video.transcode import TranscodeVideo

        TranscodeVideo(
            self.storage, get_ffmpeg_exe(), self.uploads, chunk_seconds=chunk_seconds
        ).run(attempt)

    def storyboard(self) -> None:
        """Run the job `draw-storyboard`."""
        from madang.work.video.storyboard import DrawStoryboard

        attempt = LocalAttempt(self.storage, ID, number=90)
        DrawStoryboard(self.storage, get_ffmpeg_exe()).run(attempt)

    @property
    def folder(self) -> Path:
        """The folder of the video."""
        return self.storage / RECORDINGS / ID

    @property
    def manifest(self) -> Manifest:
        """Its manifest."""
        return decode((self.folder / "recording.json").read_bytes())

    @property
    def video(self) -> Video:
        """Its row."""
        from madang.apps.videos.models import Video

        return Video.objects.get(pk=ID)

    def _enqueue(self, kind: str, subject: str, arguments: Mapping[str, Any]) -> None:
        self.jobs.append((kind, subject, arguments))


@dataclass(frozen=True)
class Decoded:
    """What a player decodes: times of pictures in seconds, the first picture, seconds of sound."""

    times: list[float]
    picture: av.VideoFrame | None
    sound: float

    @property
    def sharp(self) -> bool:
        """Return whether the picture has something on it."""
        assert self.picture is not None
        pixels = bytes(self.picture.reformat(format="gray").planes[0])
        return max(pixels) > min(pixels) + 50


def decoded(address: str | Path, **options: str) -> Decoded:
    """Decode a file or address whole; every error is raised."""
    times: list[float] = []
    picture = None
    sound = Fraction(0)
    with av.open(str(address), options=options) as container:
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                picture = picture or frame
                times.append(float(frame.time))
            elif isinstance(frame, av.AudioFrame):
                sound += Fraction(frame.samples, frame.sample_rate)
    return Decoded(times, picture, float(sound))
