from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from madang.station.config.settings import Settings


@pytest.mark.usefixtures("committed_db")
def test_readers_go_on_while_somebody_writes() -> None:
    from django.db import connection, transaction

    from madang.apps.accounts.models import User

    seen: list[int] = []

    def read() -> None:
        seen.append(User.objects.count())
        connection.close()

    with transaction.atomic():
        User.objects.create(name="writer")
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(5)
        assert seen == [0]


@pytest.mark.usefixtures("committed_db")
def test_transactions_that_read_and_then_write_wait_for_each_other() -> None:
    """Deferred transactions of SQLite fail here at once with "database is locked"."""
    from django.db import connection, transaction

    from madang.apps.accounts.models import User

    user = User.objects.create(name="counter", email="0@example.org")
    failures: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(20):
                with transaction.atomic():
                    # SQLite locks at the start of a transaction, PostgreSQL locks the row.
                    seen = User.objects.select_for_update().get(pk=user.pk)
                    number = int(seen.email.partition("@")[0]) + 1
                    User.objects.filter(pk=user.pk).update(email=f"{number}@example.org")
        except Exception as error:  # noqa: BLE001  # whatever it was, the test reports it
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    user.refresh_from_db()
    assert user.email == "80@example.org"


def test_nothing_is_left_to_migrate_after_a_start(station: Settings) -> None:
    from madang.station import boot

    assert boot.pending_migrations() == []


def test_other_settings_cannot_be_put_in_force_later(station: Settings) -> None:
    from madang.station import boot
    from madang.station.config import active_settings, settings

    boot.start_django(station)
    other = settings.load(station.data / "other", environ={})
    with pytest.raises(active_settings.SettingsConflict):
        boot.start_django(other)


def test_djangos_own_checks_find_nothing(station: Settings) -> None:
    from django.core.management import call_command

    call_command("check", fail_level="WARNING")


@pytest.mark.parametrize("path", ["icon.svg", "admin/css/base.css", "ninja/swagger-ui.css"])
def test_static_files_of_the_station_and_of_its_libraries_are_found(
    station: Settings, path: str
) -> None:
    from madang.station.django import static_files

    found = static_files.find(path)
    assert found is not None
    assert found.is_file()


@pytest.mark.parametrize("path", ["", "nothing.css", "../base.html", "/etc/passwd", "dist", "a\0b"])
def test_nothing_outside_the_static_folders_is_found(station: Settings, path: str) -> None:
    from madang.station.django import static_files

    assert static_files.find(path) is None


def test_a_foreign_host_name_is_refused_on_loopback(client: Any) -> None:
    assert client.get("/", HTTP_HOST="rebound.example.net").status_code == 400


@pytest.mark.parametrize(
    ("variables", "hosts", "secure"),
    [
        ({}, ["127.0.0.1"], False),
        ({"MADANG_HTTP__PUBLIC_URL": "https://tv.example.org"}, ["tv.example.org"], True),
        ({"MADANG_HTTP__PUBLIC_URL": "http://[2001:db8::7]:81"}, ["[2001:db8::7]"], False),
        ({"MADANG_HTTP__BIND": "0.0.0.0:8000"}, ["*"], False),
    ],
)
def test_hosts_and_cookies_follow_the_public_address(
    tmp_path: Path, variables: dict[str, str], hosts: list[str], secure: bool
) -> None:
    """In a process of its own: Django is set up once in each."""
    script = (
        "import json, pathlib, sys\n"
        "from madang.station import boot\nfrom madang.station.config import settings\n"
        "boot.start_django(settings.load(pathlib.Path(sys.argv[1])))\n"
        "from django.conf import settings as s\n"
        "print(json.dumps([s.ALLOWED_HOSTS[-1:], s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE,"
        " s.SECURE_HSTS_SECONDS > 0]))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert json.loads(said) == [hosts, secure, secure, secure]


def test_a_browser_that_looks_for_an_icon_by_itself_is_shown_to_it(client: Any) -> None:
    answer = client.get("/favicon.ico", HTTP_HOST="127.0.0.1")
    assert answer.status_code == 302
    assert answer["Location"] == "/static/icon.svg"
