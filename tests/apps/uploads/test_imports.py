"""Files of this machine that are imported: one video each, room, quotas, and what is left over."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from madang.infra.disk import Disk
from madang.infra.file_lock import locked
from tests.support.apps import make_channel

if TYPE_CHECKING:
    from madang.apps.uploads.imports import Importer

pytestmark = pytest.mark.usefixtures("db")

CONTENT = os.urandom(500_000)


class SmallDisk(Disk):
    """A disk with so many bytes free."""

    def __init__(self, free: int) -> None:
        self.bytes_free = free

    def free(self, folder: Path) -> int:
        super().free(folder)
        return self.bytes_free


@pytest.fixture
def importer(db: None, tmp_path: Path) -> Importer:
    """What imports into the channel `yard`, in steps of 100 kB."""
    from madang.apps.uploads.files import UploadFiles
    from madang.apps.uploads.imports import Importer

    files = UploadFiles(tmp_path / "uploads")
    return Importer(make_channel("yard"), files, "here", lambda _: "", copy_bytes=100_000)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A file."""
    path = tmp_path / "film.mp4"
    path.write_bytes(CONTENT)
    return path


def stored(importer: Importer) -> list[bytes]:
    return [each.read_bytes() for each in importer.files.folder.glob("*/data")]


def test_the_same_bytes_make_one_video_whatever_they_are_called(
    importer: Importer, film: Path
) -> None:
    from madang.apps.jobs.models import Job
    from madang.apps.videos.models import Video

    first = importer.take(film)
    again = importer.take(film.rename(film.with_name("other.mp4")))
    assert (first.new, again.new, first.video_id) == (True, False, again.video_id)
    video = Video.objects.get()
    assert (video.title, video.bytes, video.state) == ("film", len(CONTENT), "queued")
    job = Job.objects.get()
    assert (job.kind, job.storage, stored(importer)) == ("prepare-video", "here", [CONTENT])
    other = make_channel("hall", importer.channel.owner)
    assert replace(importer, channel=other).take(film.with_name("other.mp4")).new


def test_a_file_is_imported_again_when_its_video_is_gone(importer: Importer, film: Path) -> None:
    from madang.apps.videos.models import State, Video

    first = importer.take(film)
    Video.objects.update(state=State.DELETED)
    assert importer.take(film).video_id != first.video_id


def test_the_title_is_that_of_the_container_where_it_has_one(
    importer: Importer, film: Path
) -> None:
    assert replace(importer, inspect=lambda _: "Drums").take(film).title == "Drums"


def test_files_that_differ_anywhere_are_others(tmp_path: Path) -> None:
    from madang.apps.uploads.imports import fingerprint_of

    def of(content: bytes) -> str:
        path = tmp_path / "file"
        path.write_bytes(content)
        with path.open("rb") as file:
            return fingerprint_of(file.fileno(), len(content))

    last = bytes([CONTENT[-1] ^ 1])
    contents = [b"", b"a", CONTENT, CONTENT[:-1] + last, CONTENT[:-1], bytes(9_000_000)]
    contents.append(contents[-1][:-1] + b"a")
    assert len({of(content) for content in contents}) == len(contents)


def test_room_and_quota_are_checked_before_anything_is_copied(
    importer: Importer, film: Path
) -> None:
    from madang.apps.uploads.errors import ImportFailed, QuotaExceeded
    from madang.apps.uploads.models import Upload
    from madang.apps.uploads.services import Quotas

    small = replace(importer, disk=SmallDisk(len(CONTENT) + 999), reserve=1000)
    with pytest.raises(ImportFailed, match="no room for this file"):
        small.take(film)
    with pytest.raises(QuotaExceeded):
        replace(importer, quotas=Quotas(person=len(CONTENT) - 1)).take(film)
    assert (stored(importer), Upload.objects.count()) == ([], 0)
    assert replace(small, reserve=999).take(film).new


def test_a_disk_that_fills_up_meanwhile_ends_it_and_it_goes_on_later(
    importer: Importer, film: Path
) -> None:
    from madang.apps.uploads.errors import ImportFailed

    disk = SmallDisk(1 << 30)

    def fill(done: int, size: int) -> None:
        disk.bytes_free = 0 if done == 200_000 else 1 << 30

    with pytest.raises(ImportFailed, match="no room"):
        replace(importer, disk=disk).take(film, fill)
    with locked(next(importer.files.folder.glob("*/lock"))) as held:
        assert held
        with pytest.raises(ImportFailed, match="Another import"):
            importer.take(film)
    assert importer.take(film).resumed == 200_000
    assert stored(importer) == [CONTENT]


def test_a_file_that_changes_meanwhile_is_refused(importer: Importer, film: Path) -> None:
    from madang.apps.uploads.errors import ImportFailed
    from madang.apps.videos.models import Video

    def grow(done: int, size: int) -> None:
        with film.open("ab") as file:
            file.write(b"more")

    with pytest.raises(ImportFailed, match="changed while"):
        importer.take(film, grow)
    assert (stored(importer), Video.objects.count()) == ([], 0)
    assert importer.take(film).new


def test_what_is_no_file_is_refused(importer: Importer, tmp_path: Path) -> None:
    from madang.apps.uploads.errors import ImportFailed

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImportFailed, match="no ordinary file"):
        importer.take(tmp_path / "pipe")


def test_an_import_that_nobody_goes_on_with_is_deleted(importer: Importer, film: Path) -> None:
    from django.utils import timezone

    from madang.apps.uploads import imports, services
    from madang.apps.uploads.models import Upload

    def stop(done: int, size: int) -> None:
        if done == 200_000:
            raise KeyboardInterrupt

    def clean(days: int) -> None:
        now = timezone.now() + timedelta(days=days)
        imports.expire(now)
        services.delete_ended(now, importer.files.release)
        imports.delete_folders(importer.files.folder)

    with pytest.raises(KeyboardInterrupt):
        importer.take(film, stop)
    clean(6)
    assert stored(importer) == [CONTENT[:200_000]]
    clean(8)
    assert (list(importer.files.folder.iterdir()), Upload.objects.count()) == ([], 0)
    assert importer.take(film).resumed == 0


def test_the_start_of_a_station_leaves_imports_alone(importer: Importer, film: Path) -> None:
    from madang.servers.uploads.folder import UploadFolder

    importer.take(film)
    assert list(UploadFolder(importer.files.folder).load()) == []
    assert stored(importer) == [CONTENT]


def test_copies_work_where_the_file_system_cannot_share(
    importer: Importer, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(18, "cross-device")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    importer.take(film)
    assert stored(importer) == [CONTENT]
