"""Checks of this machine, for `madang doctor`."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from madang.base.errors import MadangError
from madang.ops.deploy.model.layout import PROGRAM
from madang.station import backups as station_backups
from madang.station import boot, readiness
from madang.station.config.data_folder import exposed
from madang.station.config.fields import Address, masked_url
from madang.station.config.settings import Settings
from madang.station.roles import run_files
from madang.station.stores import databases
from madang.station.upload_proxy import NotAsked, streams

FREE_BYTES: Final = 2_000_000_000
"""Below this, logs and a growing database can fill the disk within a day."""
FFMPEG_SECONDS: Final = 20.0
"""A cold start of the bundled program from a slow disk takes a few seconds."""
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this program was written: such a clock was never set."""


@dataclass(frozen=True, slots=True)
class Check:
    """Result of a check. `mend` says what to do where `ok` is False, and is empty otherwise."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def examine(settings: Settings) -> list[Check]:
    """Run all checks, in the order in which a start would fail."""
    checks: list[Callable[[Settings], Check]] = [
        data_folder,
        disk_space,
        clock,
        http_port,
        rtmp_port,
        upload_proxy,
        ffmpeg,
        front_end,
        database,
        redis,
        backups,
        mail,
    ]
    return [check(settings) for check in checks]


def is_deployed(settings: Settings) -> bool:
    """Return true if `madang deploy` wrote the settings file, and will again."""
    return settings.file is not None and settings.file.is_relative_to(PROGRAM)


def data_folder(settings: Settings) -> Check:
    """Check that the data folder is there or can be made, and is writable."""
    place = _nearest(settings.data)
    if found := exposed(settings):
        names = " ".join(str(path) for path in found)
        return Check(
            "data folder",
            False,
            f"other users of this machine can read {names}",
            f"chmod -R go= {names}",
        )
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        state = "writable" if place == settings.data else "made at the first start"
        return Check("data folder", True, f"{settings.data}: {state}")
    return Check(
        "data folder",
        False,
        f"{place} is not a folder that this user may write",
        f"chown it to this user, or choose another with --data (now {settings.data})",
    )


def disk_space(settings: Settings) -> Check:
    """Check the free space on the disks of the data folder and of media."""
    places = list(readiness.folders(settings)) or [_nearest(settings.data)]
    free = {place: shutil.disk_usage(place).free for place in places}
    detail = ", ".join(f"{place}: {left / 1e9:.1f} GB free" for place, left in free.items())
    mend = f"free at least {FREE_BYTES / 1e9:.0f} GB, or add a disk"
    try:
        readiness.require_space(settings)
    except readiness.DiskFull as error:
        return Check("disk space", False, f"disk full: {error.message}; {detail}", mend)
    if min(free.values()) < FREE_BYTES:
        return Check("disk space", False, detail, mend)
    return Check("disk space", True, detail)


def clock(settings: Settings) -> Check:
    """Check the clock, on which certificates, sessions and playlists depend."""
    now = datetime.now(UTC)
    detail = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    last = _last_written(settings.database_file)
    if now < EPOCH:
        return Check("clock", False, detail, "set the clock, then: timedatectl set-ntp true")
    if last > time.time() + 60:
        return Check(
            "clock",
            False,
            f"{detail}, which is before the database was last written",
            "set the clock, then: timedatectl set-ntp true",
        )
    return Check("clock", True, detail)


def http_port(settings: Settings) -> Check:
    """Check that the HTTP port is free, or used by this station."""
    ours = [process.http for process in run_files.running(settings)]
    return _port("HTTP port", "http.bind", settings.http.bind, ours)


def rtmp_port(settings: Settings) -> Check:
    """Check that the RTMP port is free, or used by this station."""
    ours = [process.rtmp for process in run_files.running(settings)]
    return _port("RTMP port", "rtmp.bind", settings.rtmp.bind, ours)


def upload_proxy(settings: Settings) -> Check:
    """Check that a proxy at the public address hands uploads on as they come."""
    name, url = "upload proxy", settings.http.public_url
    if url is None:
        return Check(name, True, "http.public_url is not set: no proxy is known")
    if not run_files.running(settings):
        return Check(name, True, "the station does not run: its proxy was not asked")
    try:
        early = streams(url)
    except NotAsked as error:
        return Check(name, True, f"{url} was not asked: {error}")
    if early:
        return Check(name, True, f"{url} hands uploads on piece by piece")
    return Check(
        name,
        False,
        f"the proxy at {url} waits for the whole body: what a broken connection sent is lost",
        "nginx: proxy_request_buffering off; proxy_http_version 1.1; in location /files/",
    )


def ffmpeg(settings: Settings) -> Check:
    """Check that ffmpeg runs, which makes the ladder and the demo picture."""
    from imageio_ffmpeg import get_ffmpeg_exe

    mend = "run script/setup again, or set IMAGEIO_FFMPEG_EXE to an ffmpeg of version 6 or newer"
    try:
        program = get_ffmpeg_exe()
        said = subprocess.run(
            [program, "-version"],
            capture_output=True,
            text=True,
            timeout=FFMPEG_SECONDS,
            check=True,
        ).stdout
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return Check("ffmpeg", False, f"does not run: {error}", mend)
    return Check("ffmpeg", True, said.partition(" Copyright")[0])


def front_end(settings: Settings) -> Check:
    """Check that scripts and styles of the pages are built."""
    manifest = boot.web_folder() / "static" / "dist" / "manifest.json"
    if manifest.is_file():
        return Check("front end", True, "built")
    return Check("front end", False, "not built", "run script/setup")


def database(settings: Settings) -> Check:
    """Check the database's integrity and its migrations."""
    name = databases.name(settings)
    if settings.database_file is None:
        try:
            name = f"{name}: PostgreSQL {sound_postgresql(settings)}"
        except MadangError as error:
            return Check("database", False, error.message, error.mend)
    elif not settings.database_file.exists():
        return Check("database", True, f"{name}: made at the first start")
    boot.start_django(settings)
    from django.db import Error, connection

    verdict = "ok"
    try:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA quick_check(1)")
                (verdict,) = cursor.fetchone()
        pending = boot.pending_migrations()
    except Error as error:
        verdict, pending = str(error), []
    if verdict != "ok":
        return Check("database", False, f"{name} is damaged: {verdict}", "restore it from a backup")
    if pending:
        return Check(
            "database",
            False,
            f"{len(pending)} changes of tables to make: {', '.join(pending)}",
            "start the station, or run madang status: either makes them",
        )
    return Check("database", True, f"{name}: sound and up to date")


def sound_postgresql(settings: Settings) -> str:
    """Return the version of the PostgreSQL server. Raises NoPostgresql, Unsound."""
    from madang.station.stores import postgresql

    version = postgresql.probe(settings.database.url)
    # The timers of a deployed server take the backups of PostgreSQL from its archive.
    archived = settings.backup.run_by == "timer" and settings.backup.database == "here"
    postgresql.require_sound(settings.database.url, archived=archived)
    return version


def redis(settings: Settings) -> Check:
    """Check Redis, where the settings name one."""
    if settings.redis.url is None:
        return Check("Redis", True, "not set: one process needs none")
    from madang.station.stores import redis

    try:
        version = redis.probe(settings.redis.url)
        with contextlib.closing(redis.client(settings.redis.url)) as client:
            redis.require_writable(client)
            redis.require_room(client)
    except (redis.NoRedis, redis.RedisRefuses) as error:
        return Check("Redis", False, error.message, error.mend)
    return Check("Redis", True, f"{masked_url(settings.redis.url)}: version {version}")


def backups(settings: Settings) -> Check:
    """Check the age of the newest backup and of its verification."""
    found = station_backups.health(settings)
    return Check("backups", found.ok, found.detail, found.mend)


def mail(settings: Settings) -> Check:
    """Check that the mail server lets this station in, where the settings name one."""
    if settings.mail.url is None:
        return Check("mail", True, "not set: nobody is told by mail when something is wrong")
    boot.start_django(settings)
    from madang.apps.notices.mail import connection, server

    try:
        with connection():
            return Check("mail", True, f"{server()} lets this station in")
    except MadangError as error:
        return Check("mail", False, error.message, error.mend)


def _port(name: str, key: str, wanted: Address, ours: list[Address | None]) -> Check:
    if any(address is not None and address.port == wanted.port for address in ours):
        return Check(name, True, f"{wanted}: in use by this station")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            wanted.host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
            trial.listen(1)
    except OSError as error:
        return Check(
            name,
            False,
            f"{wanted} cannot be used: {error.strerror}",
            f"end what uses it (ss -ltnp shows it), or set {key} to another",
        )
    return Check(name, True, f"{wanted}: free")


def _nearest(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _last_written(path: Path | None) -> float:
    return path.stat().st_mtime if path is not None and path.exists() else 0.0
