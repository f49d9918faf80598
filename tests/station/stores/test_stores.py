"""PostgreSQL and Redis as the station finds them: there, not there, and wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from madang.station import doctor
from madang.station.config.settings import Settings, load
from madang.station.stores import postgresql as database
from madang.station.stores import redis as memory
from tests.support import stores
from tests.support.station import MADANG, free_ports
from tests.support.stores import Server


def with_stores(folder: Path, database_url: str = "", redis_url: str = "") -> Settings:
    """Settings that name these servers."""
    return load(
        folder, environ={"MADANG_DATABASE__URL": database_url, "MADANG_REDIS__URL": redis_url}
    )


def nowhere() -> str:
    """Host and port where nobody listens."""
    return f"127.0.0.1:{free_ports(1)[0]}"


def test_servers_that_run_say_their_version(postgresql: Server, redis: Server) -> None:
    assert int(database.probe(postgresql.url).partition(".")[0]) >= database.OLDEST
    assert memory.probe(redis.url).count(".") == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("127.0.0.1", "127.0.0.9"), "refused"),
        (("word", "wrong"), "password authentication failed"),
        (("/madang", "/nothing"), 'database "nothing" does not exist'),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_a_line_without_the_password(
    postgresql: Server, change: tuple[str, str], words: str
) -> None:
    url = (
        postgresql.url.replace(*change)
        if "/" not in change[0]
        else "".join((postgresql.url.removesuffix(change[0]), change[1]))
    )
    with pytest.raises(database.NoPostgresql) as caught:
        database.probe(url)
    said = str(caught.value)
    assert words in said
    assert "database.url" in said
    assert "\n" not in said
    assert "of%20the%20test" not in said


def test_a_redis_that_is_not_there_is_told_in_a_line() -> None:
    with pytest.raises(memory.NoRedis) as caught:
        memory.probe(f"redis://:hush@{nowhere()}/0")
    assert "redis.url" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_versions_that_are_too_old_are_refused(
    postgresql: Server, redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "OLDEST", 99)
    monkeypatch.setattr(memory, "OLDEST", (99, 0))
    with pytest.raises(database.NoPostgresql, match=r"is too old\. Version 99 or newer"):
        database.probe(postgresql.url)
    with pytest.raises(memory.NoRedis, match=r"is too old\. Version 99\.0 or newer"):
        memory.probe(redis.url)


def test_the_doctor_looks_at_redis(tmp_path: Path, redis: Server) -> None:
    assert doctor.redis(with_stores(tmp_path)).ok
    assert "version" in doctor.redis(with_stores(tmp_path, redis_url=redis.url)).detail
    away = doctor.redis(with_stores(tmp_path, redis_url=f"redis://{nowhere()}"))
    assert not away.ok
    assert "redis.url" in away.mend


def test_the_doctor_looks_at_postgresql(tmp_path: Path, postgresql: Server) -> None:
    away = doctor.database(with_stores(tmp_path, f"postgresql://{nowhere()}/madang"))
    assert not away.ok
    assert "database.url" in away.mend
    empty = stores.create_database(postgresql, "examined")
    environment = os.environ | {"MADANG_DATABASE__URL": empty}
    for arguments in (["status"], ["doctor"]):
        done = subprocess.run(
            [*MADANG, *arguments, "--data", str(tmp_path / "data")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
    assert "sound and up to date" in done.stdout
    assert "PostgreSQL" in done.stdout


def test_two_first_starts_at_once_make_the_tables_once(tmp_path: Path, postgresql: Server) -> None:
    url = stores.create_database(postgresql, "twice")

    def status(number: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MADANG, "status", "--json", "--data", str(tmp_path / str(number))],
            env=os.environ | {"MADANG_DATABASE__URL": url},
            capture_output=True,
            text=True,
            check=False,
        )

    with ThreadPoolExecutor() as threads:
        for done in threads.map(status, range(2)):
            assert done.returncode == 0, done.stderr


SILENT = """
import sys, time
from pathlib import Path
from madang.station import boot
from madang.station.config import settings
boot.control_plane(settings.load(Path(sys.argv[1])))
from django.db import Error, close_old_connections
def ask():
    try:
        boot.ask_database()
        return "answer"
    except Error as error:
        return type(error).__name__
    finally:
        close_old_connections()
for line in sys.stdin:
    began = time.monotonic()
    said = ask()
    print(said, round(time.monotonic() - began, 1), flush=True)
"""
"""A process that asks the database at each line it is given."""


@pytest.mark.alone
def test_a_database_that_falls_silent_or_restarts_costs_seconds_not_the_process(
    tmp_path: Path,
) -> None:
    with stores.postgresql() as server:
        process = subprocess.Popen(
            [sys.executable, "-c", SILENT, str(tmp_path)],
            env=os.environ | {"MADANG_DATABASE__URL": server.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

        def ask() -> tuple[str, float]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            said, took = process.stdout.readline().split()
            return said, float(took)

        try:
            assert ask()[0] == "answer"
            server.freeze()
            said, took = ask()
            assert said == "OperationalError"
            assert took < database.ANSWER_SECONDS + database.WAIT_SECONDS + 1
            server.thaw()
            assert ask()[0] == "answer"
            server.kill()
            said, took = ask()
            assert said == "OperationalError"
            server.start()
            deadline = time.monotonic() + 10
            while ask()[0] != "answer":
                assert time.monotonic() < deadline
        finally:
            process.communicate(timeout=20)


def test_tries_are_counted_together_and_without_redis_alone() -> None:
    from madang.station.stores.redis_cache import SharedCache

    with stores.redis() as server:
        parameters = memory.django_caches(server.url)["default"]
        options = {"OPTIONS": {**parameters["OPTIONS"], "serializer": None}}
        options["OPTIONS"]["serializer"] = "madang.station.stores.redis_cache.JsonSerializer"
        one, other = (SharedCache(server.url, dict(options)) for _ in range(2))
        one.set("tries", [1.5, 2.5])
        assert other.get("tries") == [1.5, 2.5]
        assert other.add("tries", []) is False
        one.set("count", 1)
        assert other.incr("count") == 2
        server.kill()
        assert one.get("tries") is None
        one.set("tries", [3.5])
        assert one.get("tries") == [3.5]
        server.start()
        for cache in (one, other):
            cache._rest_until = 0.0
        one.set("tries", [4.5])
        assert other.get("tries") == [4.5]


@pytest.mark.alone
def test_a_silent_redis_is_asked_once_then_left_alone() -> None:
    from madang.station.stores.redis_cache import SessionCache

    with stores.redis() as server:
        cache = SessionCache(server.url, {"OPTIONS": dict(memory.LIMITS)})
        cache.set("one", {"user": "7"})
        server.freeze()
        began = time.monotonic()
        assert cache.get("one") is None
        assert time.monotonic() - began < 3
        began = time.monotonic()
        for _ in range(100):
            assert cache.get("one") is None
        assert time.monotonic() - began < 0.5
        with pytest.raises(memory.redis.RedisError):
            cache.delete("one")
        server.thaw()


def test_sessions_outlive_redis(tmp_path: Path) -> None:
    """In a process of its own: the stores of this one are chosen."""
    script = (
        "import sys, pathlib\n"
        "from madang.station import boot\nfrom madang.station.config import settings\n"
        "boot.control_plane(settings.load(pathlib.Path(sys.argv[1])))\n"
        "from django.conf import settings as s\n"
        "from importlib import import_module\n"
        "Store = import_module(s.SESSION_ENGINE).SessionStore\n"
        "one = Store(); one['who'] = 'ada'; one.save()\n"
        "print(one.session_key, flush=True)\n"
        "sys.stdin.readline()\n"
        "print(Store(one.session_key)['who'], flush=True)\n"
    )
    with stores.redis() as server:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            env=os.environ | {"MADANG_REDIS__URL": server.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline().strip()
        server.stop()
        said, _ = process.communicate("\n", timeout=20)
        assert said.strip() == "ada"


def test_a_database_that_must_be_mended_is_found(postgresql: Server) -> None:
    database.require_sound(postgresql.url, archived=False)
    with pytest.raises(database.Unsound, match="archive_mode is off"):
        database.require_sound(postgresql.url, archived=True)
    with psycopg.connect(postgresql.url, autocommit=True) as owner:
        owner.execute("CREATE DATABASE bare TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        version = owner.info.server_version
        try:
            bare = f"{postgresql.url.rpartition('/')[0]}/bare"
            with pytest.raises(database.Unsound, match="bare is in SQL_ASCII, not in UTF-8"):
                database.require_sound(bare, archived=False)
        finally:
            owner.execute("DROP DATABASE bare")
        if version < database.DATABASE_COLLATIONS:
            return
        owner.execute("UPDATE pg_database SET datcollversion = '1' WHERE datname = 'madang'")
        try:
            with pytest.raises(database.Unsound, match="sorts texts otherwise"):
                database.require_sound(postgresql.url, archived=False)
        finally:
            owner.execute("UPDATE pg_database SET datcollversion = NULL WHERE datname = 'madang'")
