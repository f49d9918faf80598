"""What goes to the bin by itself, and when files are deleted."""

from __future__ import annotations

import fcntl
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.videos import EVENING, FIRST, SECOND, begin, finish, recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from madang.apps.channels.models import Channel
    from madang.apps.videos.models import Video

pytestmark = pytest.mark.usefixtures("db")

END = EVENING + timedelta(hours=1)
MONTH = timedelta(days=30)
MOMENT = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the storage, which ends with the test."""
    from django.conf import settings

    monkeypatch.setattr(settings, "MADANG_MEDIA_FOLDER", tmp_path)
    return tmp_path / "recordings"


def apply(now: datetime) -> None:
    from madang.apps.videos.retention import apply

    apply(now)


def pass_days(since: datetime, days: int) -> None:
    for day in range(1, days + 1):
        apply(since + timedelta(days=day))


def row(video_id: str = FIRST) -> Video:
    from madang.apps.videos.models import Video

    return Video.objects.get(pk=video_id)


def make_files(media: Path, video_id: str = FIRST) -> Path:
    folder = media / video_id
    (folder / "source").mkdir(parents=True)
    (folder / "source/1.mp4").write_bytes(b"moov")
    (folder / "lock").touch()
    os.utime(folder, (END.timestamp(), END.timestamp()))
    return folder


def test_a_video_goes_to_the_bin_when_its_time_is_over() -> None:
    recorded(make_channel())
    apply(END + MONTH - MOMENT)
    assert row().deleted_at is None
    apply(END + MONTH)
    assert row().deleted_at == END + MONTH
    assert row().state == "ready"


@pytest.mark.parametrize("days", [0, 60])
def test_a_channel_has_a_retention_of_its_own(days: int) -> None:
    from madang.apps.channels.services import set_recording

    recorded(make_channel())
    set_recording("yard", retention_days=days)
    apply(END + MONTH)
    assert row().deleted_at is None
    pass_days(END + MONTH, 30)
    assert (row().deleted_at is None) is (days == 0)


def test_a_video_that_is_kept_stays() -> None:
    from madang.apps.videos.library import VideoChange, change

    change(recorded(make_channel()), VideoChange(keep=True))
    apply(END + 100 * MONTH)
    assert row().deleted_at is None


def test_a_failed_recording_goes_with_its_time() -> None:
    from madang.apps.videos.services import fail_recording

    begin(make_channel())
    fail_recording(FIRST, "The disk is full.", now=END)
    apply(END + MONTH)
    assert row().deleted_at is not None


def test_what_is_being_recorded_stays(media: Path) -> None:
    begin(make_channel())
    begin(row().channel, SECOND, temporary=True)
    folders = [make_files(media), make_files(media, SECOND)]
    apply(END + 2 * MONTH)
    assert row().deleted_at is row(SECOND).deleted_at is None
    assert all(folder.is_dir() for folder in folders)


def test_what_nobody_answered_for_in_a_day_goes_to_the_bin() -> None:
    from madang.apps.videos.library import VideoChange, change

    channel = make_channel()
    begin(channel, ask=True)
    begin(channel, SECOND, ask=True)
    finish(now=END)
    change(finish(SECOND, now=END), VideoChange(visibility="public"))
    day = timedelta(hours=24)
    apply(END + day - MOMENT)
    assert row().deleted_at is None
    apply(END + day)
    assert row().deleted_at == END + day
    assert (row(SECOND).deleted_at, row(SECOND).state) == (None, "ready")


def test_files_are_deleted_after_a_week_in_the_bin(media: Path) -> None:
    from madang.apps.videos.errors import UnfitState
    from madang.apps.videos.library import delete, restore

    video = delete(recorded(make_channel()), now=END)
    recorded(video.channel, SECOND)
    folder, other = make_files(media), make_files(media, SECOND)
    apply(END + timedelta(days=7) - MOMENT)
    assert folder.is_dir()
    apply(END + timedelta(days=7))
    assert not folder.exists()
    assert other.is_dir()
    assert row().state == "deleted"
    with pytest.raises(UnfitState):
        restore(video)


def test_a_recording_in_the_bin_that_goes_on_keeps_its_files(media: Path) -> None:
    from madang.apps.videos.library import delete

    delete(begin(make_channel()), now=EVENING)
    folder = make_files(media)
    apply(EVENING + timedelta(days=8))
    assert folder.is_dir()
    finish()
    apply(EVENING + timedelta(days=8))
    assert not folder.exists()


def test_files_of_a_show_that_is_not_kept_go_soon_after_it(media: Path) -> None:
    from madang.apps.videos.models import Video

    recorded(make_channel(), temporary=True)
    folder = make_files(media)
    apply(END + timedelta(minutes=10) - MOMENT)
    assert folder.is_dir()
    apply(END + timedelta(minutes=10))
    assert not folder.exists()
    assert not Video.objects.exists()


def test_files_of_a_show_that_is_not_kept_stay_while_somebody_watches(media: Path) -> None:
    recorded(make_channel(), temporary=True)
    folder = make_files(media)
    for minutes in (9, 18, 27):
        watched = (END + timedelta(minutes=minutes)).timestamp()
        os.utime(folder, (watched, watched))
        apply(END + timedelta(minutes=minutes + 9))
        assert folder.is_dir()
    apply(END + timedelta(minutes=37))
    assert not folder.exists()


def test_a_folder_that_somebody_writes_is_left_for_the_next_time(media: Path) -> None:
    from madang.apps.videos.models import Video

    recorded(make_channel(), temporary=True)
    folder = make_files(media)
    lock = os.open(folder / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    apply(END + MONTH)
    assert folder.is_dir()
    assert Video.objects.exists()
    os.close(lock)
    apply(END + MONTH)
    assert not folder.exists()
    assert not Video.objects.exists()


def test_folders_without_a_row_are_left_alone(media: Path) -> None:
    """The recorder's repair tells the station about them."""
    folder = make_files(media)
    apply(END + 10 * MONTH)
    assert folder.is_dir()


YEAR = timedelta(days=365)


@pytest.mark.parametrize("lock", [True, False])
def test_nobody_begins_to_write_what_is_being_deleted(
    media: Path, monkeypatch: pytest.MonkeyPatch, *, lock: bool
) -> None:
    from madang.apps.videos import files
    from madang.infra.file_lock import locked

    recorded(make_channel())
    folder = make_files(media)
    if not lock:
        (folder / "lock").unlink()
    delete, held = shutil.rmtree, []

    def rmtree(path: Path) -> None:
        with locked(folder / "lock") as taken:
            held.append(not taken)
        delete(path)

    monkeypatch.setattr(files.shutil, "rmtree", rmtree)
    pass_days(END, 30 + 7)
    assert not folder.exists()
    assert held
    assert all(held)


def test_a_clock_that_is_set_a_year_ahead_deletes_nothing(media: Path) -> None:
    from madang.apps.videos.library import delete

    channel = make_channel()
    recorded(channel)
    delete(recorded(channel, SECOND), now=END)
    recorded(channel, "Drum5atDusk3", ask=True, now=END)
    folder = make_files(media, SECOND)
    apply(END)
    pass_days(END + YEAR, 5)
    assert row().deleted_at is None
    assert folder.is_dir()
    # The day that a step counts for is over, and the night in which nobody answered.
    assert row("Drum5atDusk3").deleted_at is not None
    pass_days(END + YEAR + timedelta(days=5), 2)
    assert not folder.exists()  # seven days in the bin
    assert row().deleted_at is None
    pass_days(END + YEAR + timedelta(days=7), 23)
    assert row().deleted_at is not None


def test_a_clock_that_is_set_right_again_counts_as_before() -> None:
    recorded(make_channel())
    apply(END)
    apply(END + YEAR)
    apply(END + MOMENT)
    pass_days(END + MOMENT, 29)
    assert row().deleted_at is None
    pass_days(END + timedelta(days=29) + MOMENT, 2)
    assert row().deleted_at is not None


def test_what_is_recorded_after_a_step_has_its_days() -> None:
    channel = make_channel()
    recorded(channel)
    apply(END)
    apply(END + YEAR)
    recorded(channel, SECOND, began_at=END + YEAR)
    pass_days(END + YEAR, 31)
    assert (row().deleted_at is None) == (row(SECOND).deleted_at is None) is False


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set rules of the station."""

    def choose(**given: float) -> None:
        from django.conf import settings

        from madang.station.config.sections import RetentionSection

        monkeypatch.setattr(settings, "MADANG_RETENTION", RetentionSection(**given))

    return choose


def uploaded(channel: Channel, video_id: str) -> Video:
    from madang.apps.videos.models import Video

    recorded(channel, video_id)
    Video.objects.filter(pk=video_id).update(kind="upload")
    return row(video_id)


def reasons() -> list[tuple[str, str]]:
    from madang.apps.videos.models import Removal

    return list(Removal.objects.order_by("pk").values_list("video_id", "reason"))


def test_uploaded_files_stay_unless_the_station_has_a_rule_for_them(
    rules: Callable[..., None],
) -> None:
    from madang.apps.channels.services import set_recording

    channel = make_channel()
    uploaded(channel, SECOND)
    set_recording("yard", retention_days=1)
    pass_days(END, 100)
    assert row(SECOND).deleted_at is None
    rules(upload_days=90)
    apply(END + timedelta(days=101))
    assert row(SECOND).deleted_at is not None
    assert reasons() == [(SECOND, "age")]


def test_private_videos_have_an_age_of_their_own(rules: Callable[..., None]) -> None:
    from madang.apps.videos.library import VideoChange, change, expires_at

    rules(private_days=7)
    channel = make_channel()
    recorded(channel)
    private = change(uploaded(channel, SECOND), VideoChange(visibility="private"))
    assert expires_at(private) == END + timedelta(days=7)
    pass_days(END, 8)
    assert row().deleted_at is None
    assert row(SECOND).deleted_at is not None


def test_what_few_have_watched_goes(rules: Callable[..., None]) -> None:
    from madang.apps.videos.models import Video

    rules(few_views=10, few_views_days=7)
    channel = make_channel()
    uploaded(channel, FIRST)
    uploaded(channel, SECOND)
    Video.objects.filter(pk=SECOND).update(views=10)
    pass_days(END, 8)
    assert reasons() == [(FIRST, "views")]


def test_the_least_watched_make_room_but_nothing_that_is_kept_or_watched(
    media: Path, rules: Callable[..., None]
) -> None:
    from madang.apps.videos.library import VideoChange, change
    from madang.apps.videos.models import Video

    rules(max_used_gb=2)
    channel = make_channel()
    names = [f"Drum5atDusk{number}" for number in range(1, 6)]
    for name in names:
        uploaded(channel, name)
    Video.objects.update(bytes=1_000_000_000)
    change(row(names[0]), VideoChange(keep=True))
    Video.objects.filter(pk=names[1]).update(views=100)
    at = END + timedelta(days=2)
    os.utime(make_files(media, names[2]), (at.timestamp() - 60, at.timestamp() - 60))
    apply(at)
    assert [name for name, _reason in reasons()] == [names[3], names[4], names[1]]
    apply(at + timedelta(minutes=20))  # nobody watches any more, and there is room
    assert len(reasons()) == 3


def test_a_channel_takes_no_more_than_its_share() -> None:
    from madang.apps.channels.services import set_recording
    from madang.apps.videos.models import Video

    channel, other = make_channel(), make_channel("other", owner=make_user("jun"))
    for number, where in enumerate((channel, channel, other)):
        uploaded(where, f"Drum5atDusk{number + 1}")
    Video.objects.update(bytes=800_000_000)
    set_recording("yard", retention_gb=1)
    apply(END + timedelta(days=2))
    assert reasons() == [(FIRST, "channel_space")]


def test_room_on_the_disk_is_made_once(
    rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch, media: Path
) -> None:
    from collections import namedtuple

    from madang.apps.videos import retention
    from madang.apps.videos.models import Video
    from madang.infra.storage import make_storage_id

    rules(min_free_gb=2)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(retention.shutil, "disk_usage", lambda _path: usage(1_500_000_000))
    channel = make_channel()
    for number in range(1, 4):
        uploaded(channel, f"Drum5atDusk{number}")
    Video.objects.update(bytes=1_000_000_000)
    apply(END + timedelta(days=10))
    assert reasons() == []  # the disk that is there is not that of the storage
    make_storage_id(media.parent)
    pass_days(END + timedelta(days=10), 6)
    assert reasons() == [(FIRST, "space")]  # it frees enough when the bin is emptied
    assert media.parent.is_dir()


def test_a_plan_changes_nothing_and_the_account_outlives_the_video(media: Path) -> None:
    from madang.apps.videos import retention
    from madang.apps.videos.library import delete, restore
    from madang.apps.videos.models import Removal, Video

    channel = make_channel()
    recorded(channel)
    folder = make_files(media)
    planned = retention.plan(END + MONTH)
    assert [(each.video.pk, each.reason) for each in planned] == [(FIRST, "age")]
    assert row().deleted_at is None
    assert retention.apply(END + MONTH) == planned
    restore(row(), now=END + MONTH)
    delete(row(), now=END + MONTH)
    pass_days(END + MONTH, 8)
    assert not folder.exists()
    Video.objects.all().delete()
    first, second = Removal.objects.order_by("pk")
    assert (first.reason, first.restored_at) == ("age", END + MONTH)
    assert (second.reason, second.restored_at) == ("hand", None)
    assert second.files_deleted_at == END + MONTH + timedelta(days=7)
    assert (second.title, second.channel, second.bytes) == ("yard", "yard", 1_000_000)


def test_a_plan_after_a_jump_of_the_clock_has_nothing() -> None:
    from madang.apps.videos import retention

    recorded(make_channel())
    apply(END)
    assert retention.plan(END + YEAR) == []
