from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from madang.base.errors import MadangError
from tests.support.apps import make_channel, make_user

pytestmark = pytest.mark.usefixtures("db")

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_a_show_is_recorded_from_its_beginning_to_its_end() -> None:
    from madang.apps.broadcasts.models import Broadcast, EndReason
    from madang.apps.broadcasts.services import Progress, begin, finish, record_progress

    channel = make_channel(title="Evening drums")
    number = begin(channel.pk, NOON)
    record_progress(number, Progress(peak_viewers=2, bytes_in=10), at=NOON + timedelta(seconds=30))
    totals = Progress(
        peak_viewers=5,
        viewer_seconds=180.0,
        bytes_in=100,
        bytes_out=500,
        codecs="avc1.64001f",
        disconnects=1,
    )
    finish(number, totals, EndReason.LOST, ended_at=NOON + timedelta(seconds=60))
    show = Broadcast.objects.get(pk=number)
    assert show.title == "Evening drums"
    assert show.duration == timedelta(seconds=60)
    assert show.mean_viewers == 3.0
    assert (show.peak_viewers, show.bytes_in, show.bytes_out) == (5, 100, 500)
    assert (show.codecs, show.disconnects, show.end_reason) == ("avc1.64001f", 1, "lost")


def test_a_renamed_channel_does_not_rename_its_past() -> None:
    from madang.apps.broadcasts.services import begin, recent
    from madang.apps.channels.services import rename

    channel = make_channel(title="Then")
    begin(channel.pk, NOON)
    rename("yard", title="Now")
    assert [show.title for show in recent(channel)] == ["Then"]


def test_a_finished_show_takes_no_more_news() -> None:
    from madang.apps.broadcasts.models import EndReason
    from madang.apps.broadcasts.services import (
        NoSuchBroadcast,
        Progress,
        begin,
        finish,
        record_progress,
    )

    number = begin(make_channel().pk, NOON)
    finish(number, Progress(), EndReason.FINISHED)
    with pytest.raises(NoSuchBroadcast):
        record_progress(number, Progress(bytes_in=1))
    with pytest.raises(NoSuchBroadcast):
        finish(number, Progress(), EndReason.LOST)


def test_a_show_of_no_channel_cannot_begin() -> None:
    from madang.apps.broadcasts.services import begin
    from madang.apps.channels.errors import NoSuchChannel

    with pytest.raises(NoSuchChannel):
        begin(404, NOON)


def test_shows_that_a_crash_left_open_end_at_their_last_news() -> None:
    from madang.apps.broadcasts.models import Broadcast, EndReason
    from madang.apps.broadcasts.services import (
        Progress,
        begin,
        close_orphans,
        finish,
        record_progress,
    )

    channel = make_channel()
    whole = begin(channel.pk, NOON)
    finish(whole, Progress(), EndReason.FINISHED, ended_at=NOON)
    orphan = begin(channel.pk, NOON)
    last = NOON + timedelta(minutes=7)
    record_progress(orphan, Progress(bytes_in=9), at=last)
    assert close_orphans() == 1
    assert close_orphans() == 0
    show = Broadcast.objects.get(pk=orphan)
    assert (show.ended_at, show.end_reason, show.bytes_in) == (last, "crashed", 9)
    assert Broadcast.objects.get(pk=whole).end_reason == "finished"


def test_the_last_show_of_each_channel_is_the_latest() -> None:
    from madang.apps.broadcasts.services import begin, last_of_each
    from madang.apps.channels.models import Channel

    owner = make_user()
    yard, hub = make_channel("yard", owner), make_channel("hall", owner)
    begin(yard.pk, NOON)
    latest = begin(yard.pk, NOON + timedelta(days=1))
    begin(yard.pk, NOON - timedelta(days=1))
    found = last_of_each(Channel.objects.all())
    assert found[yard.pk].pk == latest
    assert hub.pk not in found


def test_transfer_counts_the_shows_of_the_month_only() -> None:
    from madang.apps.broadcasts.services import Progress, begin, record_progress, transfer_in_month

    channel = make_channel()
    assert transfer_in_month(NOON) == 0
    for began, sent in ((NOON, 5), (NOON - timedelta(hours=1), 7), (NOON - timedelta(days=2), 11)):
        record_progress(begin(channel.pk, began), Progress(bytes_out=sent))
    assert transfer_in_month(NOON) == 12


def test_the_database_refuses_an_end_without_a_reason() -> None:
    from django.db import IntegrityError

    from madang.apps.broadcasts.models import Broadcast
    from madang.apps.broadcasts.services import begin

    number = begin(make_channel().pk, NOON)
    with pytest.raises(IntegrityError):
        Broadcast.objects.filter(pk=number).update(ended_at=NOON)


def test_webhooks_are_told_once_that_a_show_began_and_ended() -> None:
    from madang.apps.broadcasts.models import EndReason
    from madang.apps.broadcasts.services import Progress, begin, close_orphans, finish
    from madang.apps.webhooks import services as webhooks
    from madang.apps.webhooks.models import WebhookDelivery

    channel = make_channel(title="Evening drums")
    webhooks.add(channel, "https://example.org/", ["live.begins", "live.ends"])
    finish(begin(channel.pk, NOON), Progress(), EndReason.FINISHED)
    crashed = begin(channel.pk, NOON + timedelta(hours=1))
    assert close_orphans() == 1
    assert close_orphans() == 0
    with pytest.raises(MadangError):
        finish(crashed, Progress(), EndReason.LOST)
    told = [(each.event, each.content["title"]) for each in WebhookDelivery.objects.all()]
    assert told == [("live.begins", "Evening drums"), ("live.ends", "Evening drums")] * 2


def test_a_receiver_that_fails_undoes_the_record() -> None:
    from madang.apps.broadcasts.models import Broadcast, EndReason
    from madang.apps.broadcasts.services import Progress, begin, finish
    from madang.apps.broadcasts.signals import show_began, show_ended

    channel = make_channel()
    running = begin(channel.pk, NOON)

    def refuse(**_: object) -> None:
        raise MadangError("No.")

    for signal, act in (
        (show_began, lambda: begin(channel.pk, NOON)),
        (show_ended, lambda: finish(running, Progress(), EndReason.FINISHED)),
    ):
        signal.connect(refuse)
        try:
            with pytest.raises(MadangError):
                act()
        finally:
            signal.disconnect(refuse)
    (show,) = Broadcast.objects.all()
    assert (show.pk, show.ended_at) == (running, None)
