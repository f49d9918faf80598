"""Checks of the station of `make_fixtures` in the version of today: a program that the
tests run on its data folder, once its tables are up to date.

    python -m tests.station.upgrade.today DATA RECEIVER
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

from tests.station.upgrade.make_fixtures import NOON, PASSWORD, SESSION

TOKEN = "6wywkiur-35vpdwbqhzq43rf3q3b5drbhca6ditcb"
STREAM_KEY = "rhvs6ht6-irx45qvd3aixgyiq4v4bxtgou2lhmltb"


def models_read_their_rows() -> dict[str, int]:
    """Read every row of every model; return the number of rows by table."""
    from django.apps import apps

    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table: len(list(model._default_manager.all())) for model in models}


def people_are_let_in() -> None:
    """By password, by a session of before the upgrade, by a token, and by a stream key."""
    from django.test import Client

    from madang.apps.accounts import tokens
    from madang.apps.channels.services import authorise_publish

    form = {"login": "minji@example.org", "password": PASSWORD}
    client = Client(HTTP_HOST="localhost")
    assert client.post("/accounts/login/", form).status_code == 302
    assert client.get("/api/v1/channels/yard/webhooks").status_code == 200
    client = Client(HTTP_HOST="localhost")
    client.cookies["sessionid"] = SESSION
    assert client.get("/api/v1/me").json()["name"] == "minji"
    user = tokens.user_of_token(TOKEN, "chat")
    assert user is not None
    assert user.name == "minji"
    assert authorise_publish([STREAM_KEY], address="192.0.2.1").slug == "yard"


def the_channel_is_there() -> None:
    """With its shows, and its chat as it was left."""
    from django.test import Client

    from madang.apps.broadcasts.services import close_orphans, recent
    from madang.apps.channels.services import get_channel
    from madang.apps.chat import emotes, services, store

    channel = get_channel("yard")
    assert (channel.title, channel.description) == ("Yard", "마당")
    running, over = recent(channel)
    assert running.ended_at is None
    assert (over.duration, over.end_reason) == (timedelta(hours=1), "lost")
    assert (over.peak_viewers, over.bytes_out) == (5, 500)
    assert [each.text for each in store.last_messages(channel.pk, 10)] == ["안녕하세요", "hello"]
    assert [each.text for each in store.hidden_by(channel.pk, "02upgrade00")] == ["spam"]
    assert [act.reason for act in store.recent_acts(channel.pk, 10)] == ["spam"]
    assert [each.name for each in services.bans(channel)] == ["troll"]
    assert [each.name for each in services.moderators(channel)] == ["bora"]
    chosen = services.settings_of(channel)
    assert (chosen.slow, chosen.words, chosen.links) == (5, ["spoiler"], "off")
    assert {each.name for each in emotes.of(channel)} == {"red", "house"}
    (red,) = emotes.own(channel)
    assert Client(HTTP_HOST="localhost").get(red.url)["Content-Type"] == "image/webp"
    assert close_orphans() == 1


def rights_and_records_still_mean_webhooks() -> None:
    """Check that permissions and log entries still refer to webhooks."""
    from django.contrib.admin.models import LogEntry
    from django.contrib.auth.models import Group
    from django.contrib.contenttypes.models import ContentType

    from madang.apps.webhooks.models import Webhook

    (entry,) = LogEntry.objects.all()
    assert entry.get_edited_object() == Webhook.objects.get()
    (permission,) = Group.objects.get(name="hosts").permissions.all()
    assert permission.content_type == ContentType.objects.get_for_model(Webhook)
    for model in ("webhook", "webhookdelivery"):
        assert ContentType.objects.filter(model=model).count() == 1


def deliver_pending_webhooks(receiver: str) -> None:
    """The two deliveries that were not taken, signed with the secret of before."""
    from madang.apps.webhooks.models import Webhook, WebhookDelivery
    from madang.apps.webhooks.sender import DeliverySender
    from madang.infra.clock import Clock

    hook = Webhook.objects.get()
    assert hook.secret == "secret-of-the-webhook"
    assert hook.events == ["ban", "live.begins", "live.ends"]
    Webhook.objects.update(url=receiver)
    assert WebhookDelivery.objects.filter(done_at=None).count() == 2
    later = (NOON + timedelta(days=1)).timestamp()
    DeliverySender(Clock(time.monotonic, lambda: later)).send_due()
    assert not WebhookDelivery.objects.filter(taken=False).exists()


def main(data: Path, receiver: str) -> None:
    """Check everything, and print the number of rows that the models read, by table, as JSON."""
    from madang.station import boot
    from madang.station.config import settings

    boot.control_plane(settings.load(data))
    assert boot.pending_migrations() == []
    print(json.dumps(models_read_their_rows()))
    deliver_pending_webhooks(receiver)
    people_are_let_in()
    the_channel_is_there()
    rights_and_records_still_mean_webhooks()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
