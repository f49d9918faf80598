"""A disk that takes no more: one notice for each time, mail, and the end of it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from madang.live.events import PartAdded
from tests.support.broadcast import Broadcast, Encoder, broadcast
from tests.support.clocks import ManualClock
from tests.support.mail_server import mail_server
from tests.support.recorder import Recorded, faulty_disk
from tests.support.small_disks import filled, small_disk

if TYPE_CHECKING:
    from madang.servers.recording.notices import StorageNotices
    from madang.servers.recording.space import Trouble
    from madang.servers.recording.writer import WriterLimits

pytestmark = pytest.mark.usefixtures("station")

CALM = 600.0


def limits(**values: float) -> WriterLimits:
    from madang.servers.recording.writer import WriterLimits

    return replace(WriterLimits(reserve=0, resume=1000, calm=CALM), **values)  # type: ignore[arg-type]


def show() -> Broadcast:
    return broadcast(Encoder(), 9.0)


def kinds(reports: list[Trouble | None]) -> list[str]:
    return ["" if trouble is None else trouble.kind for trouble in reports]


def test_a_disk_that_is_filled_again_and_again_is_one_trouble(tmp_path: Path) -> None:
    reports: list[Trouble | None] = []
    with small_disk(tmp_path / "disk", 4) as folder:
        made = Recorded(folder, limits(), report=reports.append)
        events = iter(show().events)

        def record(count: int) -> None:
            for _ in range(count):
                made.take([next(events)])
                made.turn(1.5)

        record(8)
        assert made.writer.space.trouble is None
        for _ in range(3):
            with filled(folder):
                record(3)
                assert made.writer.space.trouble is not None
            made.turn(1.5)
            record(1)
            assert made.writer.space.trouble is None
        assert kinds(reports) == ["full"]
        made.turn(CALM)
        made.turn(CALM)
        assert kinds(reports) == ["full", ""]
        with filled(folder):
            record(3)
        assert kinds(reports) == ["full", "", "full"]


def test_a_trouble_that_lasts_is_reported_hourly_and_its_end_once(tmp_path: Path) -> None:
    reports: list[Trouble | None] = []
    free = [0]
    made = Recorded(tmp_path, limits(), faulty_disk(lambda: free[0]), reports.append)
    made.take(show().events)
    made.turn()
    for _ in range(90):
        made.turn(60.0)
    assert kinds(reports) == ["full", "full"]
    free[0] = 1 << 40
    for _ in range(90):
        made.turn(60.0)
    assert kinds(reports) == ["full", "full", ""]


def test_what_an_earlier_process_reported_ends_where_there_is_room(tmp_path: Path) -> None:
    reports: list[Trouble | None] = []
    made = Recorded(tmp_path, limits(), report=reports.append)
    made.turn()
    assert not reports
    made.turn(CALM)
    assert kinds(reports) == [""]


def raising(error: int) -> Callable[[], int]:
    def fail() -> int:
        raise OSError(error, "Stale file handle")

    return fail


def test_a_storage_that_is_away_is_no_full_disk(tmp_path: Path) -> None:
    reports: list[Trouble | None] = []
    made = Recorded(tmp_path, limits(), faulty_disk(raising(errno.ESTALE)), reports.append)
    made.take(show().events)
    made.turn()
    made.turn(1.0)
    assert kinds(reports) == ["unreachable"]


def test_a_disk_that_refuses_what_is_written_is_reported(tmp_path: Path) -> None:
    reports: list[Trouble | None] = []
    disk = faulty_disk()
    made = Recorded(tmp_path, limits(), disk, reports.append)
    events = show().events
    made.take(events[:8])
    made.turn()
    disk.limit = 0  # type: ignore[attr-defined]
    for event in events[8:14]:
        made.take([event])
        made.turn(1.5)
    (trouble,) = reports
    assert trouble is not None
    assert (trouble.kind, trouble.detail) == ("failing", "No space left on device")
    disk.limit = 1 << 40  # type: ignore[attr-defined]
    made.take([event for event in events[14:] if isinstance(event, PartAdded)])
    made.turn(1.5)
    assert made.writer.space.trouble is None


def notices(clock: ManualClock) -> StorageNotices:
    from madang.servers.recording.notices import StorageNotices

    def at_once(work: Callable[[], object], *, keep: bool) -> None:
        assert keep
        work()

    return StorageNotices(at_once, "https://yard.example", 2.0, clock.clock)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_administrators_get_one_mail_for_each_time(db: None, tmp_path: Path, language: str) -> None:
    from django.test import override_settings

    from madang.apps.accounts.services import create_user
    from madang.apps.notices.sender import NoticeSender

    create_user("ada", password="correct horse battery", email="ada@example.org", admin=True)
    clock = ManualClock()
    free = [0]
    made = Recorded(tmp_path, limits(), faulty_disk(lambda: free[0]), notices(clock))
    sender = NoticeSender(clock.clock)
    with (
        mail_server() as server,
        override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=server.port,
            DEFAULT_FROM_EMAIL="station@example.org",
            LANGUAGE_CODE=language,
        ),
    ):
        for round_ in range(1, 3):
            free[0] = 0
            for event in show().events:
                made.take([event])
                made.turn(60.0)
                sender.send_due()
            assert len(server.received) == round_
            free[0] = 1 << 40
            made.turn(1.0)
            made.turn(CALM)
            sender.send_due()
    message = server.received[0]
    assert message["To"] == "ada@example.org"
    text = message.get_content()
    assert "recording.reserve_gb" in text
    assert "https://yard.example" in text
    assert ("What to do" in text) is (language == "en")


def test_the_database_being_away_ends_with_what_holds(db: None) -> None:
    from madang.apps.accounts.services import create_user
    from madang.apps.notices.models import Notice
    from madang.servers.recording.notices import StorageNotices
    from madang.servers.recording.space import Trouble

    create_user("ada", password="correct horse battery", email="ada@example.org", admin=True)
    later: list[Callable[[], object]] = []

    def submit(work: Callable[[], object], *, keep: bool) -> None:
        later.append(work)

    report = StorageNotices(submit, "https://yard.example", 2.0)
    report(None)
    report(Trouble("full"))
    for work in reversed(later):
        work()
    assert Notice.objects.filter(resolved_at=None).count() == 1
    report(None)
    for work in later:
        work()
    assert not Notice.objects.filter(resolved_at=None).exists()
