"""Makes the databases of the version before, with rows in every table.

Run with the code of that version: a checkout of it on PYTHONPATH (its package must have
`madang.rooms`; another version needs other imports here).

    python make_fixtures.py sqlite.sql
    python make_fixtures.py postgresql.sql postgresql://USER:PASSWORD@HOST/EMPTY

What is random in a station is fixed here, so that both databases hold the same.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

SECRET_KEY = "only-for-tests-of-upgrades-" + "x" * 37
PASSWORD = "courtyard-at-dusk"
SESSION = "upgrade0session0of0the0old0minji"
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ENGINE_TABLES = ("sqlite_sequence",)


def fill() -> None:
    """Put rows into every table, through services where there are any."""
    from allauth.account.models import EmailAddress, EmailConfirmation
    from django.contrib.admin.models import CHANGE, LogEntry
    from django.contrib.auth.models import Group, Permission
    from django.contrib.contenttypes.models import ContentType
    from django.contrib.sessions.backends.db import SessionStore
    from PIL import Image

    from madang.rooms.accounts import services as accounts
    from madang.rooms.accounts import tokens
    from madang.rooms.broadcasts import services as broadcasts
    from madang.rooms.broadcasts.models import EndReason
    from madang.rooms.channels import services as channels
    from madang.rooms.chat import emotes, services, webhooks
    from madang.rooms.chat.models import ChatAct, ChatMessage, Sanction, Webhook, WebhookDelivery

    admin = accounts.create_user("admin", password=PASSWORD, admin=True)
    minji = accounts.create_user("minji", password=PASSWORD, email="minji@example.org")
    accounts.create_user("bora", password=PASSWORD)
    _card, token = tokens.create(minji, "bot", ["chat"])
    channel, key = channels.create_channel("yard", owner=minji, title="Yard", description="마당")
    print(f"TOKEN = {token!r}\nSTREAM_KEY = {str(key)!r}")

    hook = webhooks.add(channel, "http://127.0.0.1:9/hook", ["live.begins", "live.ends", "ban"])
    hook.secret = "secret-of-the-webhook"
    hook.save()
    over = broadcasts.begin(channel.pk, NOON)
    totals = broadcasts.Progress(5, 180.0, 100, 500, "avc1.64001f", 1)
    broadcasts.finish(over, totals, EndReason.LOST, ended_at=NOON + timedelta(hours=1))
    broadcasts.begin(channel.pk, NOON + timedelta(hours=2))
    taken = WebhookDelivery.objects.order_by("pk")[0]
    taken.attempts, taken.status, taken.taken, taken.done_at = 2, 204, True, NOON
    taken.save()

    services.change_settings(channel, slow=5, words=["spoiler"], links="off")
    services.appoint(channel, "bora", by=minji)
    for number, text in enumerate(("안녕하세요", "hello", "spam")):
        ChatMessage.objects.create(
            key=f"01upgrade{number:02}",
            channel=channel,
            at=NOON + timedelta(seconds=number),
            person="u2",
            name="minji",
            role="owner",
            text=text,
            reply_to={"id": "01upgrade00", "name": "minji", "text": "…"} if number == 1 else None,
            deleted_by="02upgrade00" if text == "spam" else "",
        )
    ChatAct.objects.create(
        key="02upgrade00",
        channel=channel,
        at=NOON,
        by="u2",
        by_name="minji",
        kind="ban",
        person="gguest",
        name="troll",
        reason="spam",
        detail={"before": {}, "after": {}, "undoes": "", "ids": 1},
    )
    Sanction.objects.create(
        channel=channel, person="gguest", name="troll", by_name="minji", at=NOON, reason="spam"
    )
    picture = BytesIO()
    Image.new("RGB", (32, 32), "red").save(picture, "PNG")
    emotes.add(channel, "red", picture.getvalue())
    emotes.add(None, "house", picture.getvalue())

    session = SessionStore()
    session["_auth_user_id"] = str(minji.pk)
    session["_auth_user_backend"] = "allauth.account.auth_backends.AuthenticationBackend"
    session["_auth_user_hash"] = minji.get_session_auth_hash()
    session.set_expiry(timedelta(days=36_500))
    session._session_key = SESSION
    session.save(must_create=True)
    address = EmailAddress.objects.create(user=minji, email=minji.email, verified=True)
    EmailConfirmation.objects.create(email_address=address, key="confirm", created=NOON)
    may_change = Permission.objects.get(codename="change_webhook")
    group = Group.objects.create(name="hosts")
    group.permissions.add(may_change)
    LogEntry.objects.create(
        user=admin,
        content_type=ContentType.objects.get_for_model(Webhook),
        object_id=str(hook.pk),
        object_repr="hook",
        action_flag=CHANGE,
    )


def check_that_no_table_is_empty() -> None:
    """Raise AssertionError where one is."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            assert cursor.fetchone()[0], f"{table} is empty"


def dump(url: str, file: Path) -> str:
    """The statements that make the database again."""
    if not url:
        with sqlite3.connect(file) as database:
            return "\n".join(database.iterdump()) + "\n"
    dumped = subprocess.run(
        ["pg_dump", "--inserts", "--no-owner", "--no-privileges", url],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # What other versions of the server do not know, or psql alone.
    return re.sub(r"(?m)^(--.*|SET .*|\\.*|SELECT pg_catalog.set_config.*|)\n", "", dumped)


def main(target: Path, url: str = "") -> None:
    """Write the dump of a database to `target`."""
    from madang.station import boot, settings

    secrets.token_bytes = random.Random(1).randbytes  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        (data / "secret.key").write_text(SECRET_KEY)
        environ = {"MADANG_DATABASE__URL": url} if url else {}
        boot.control_plane(settings.load(data, environ={**os.environ, **environ}))
        fill()
        check_that_no_table_is_empty()
        from django.db import connection

        connection.close()
        target.write_text(dump(url, data / "madang.db"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
