"""Full disks: what is said, what goes on, and what is well again by itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis as driver

from madang.ops.deploy.model.layout import machines
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.texts import database
from madang.station import doctor, readiness
from madang.station.config.data_folder import prepare
from madang.station.config.settings import load
from madang.station.stores import redis as memory
from tests.station.roles.test_roles import ask
from tests.support.encoders import Recipe, publish, sample
from tests.support.small_disks import filled, small_disk
from tests.support.station import Station, free_ports, until
from tests.support.stations import SINGLE, station_file
from tests.support.stores import Server, folder

DISTRIBUTED = "save 3600 1\nappendonly no\n"
"""Persistence as redis.conf of the distributions has it."""


@contextmanager
def redis_on_small_disk(text: str, password: str = "") -> Iterator[tuple[Server, driver.Redis]]:
    """Run Redis with the configuration `text` on a disk of its own."""
    with folder("redis") as place, small_disk(place / "disk", 8) as disk:
        subprocess.run(["chown", "--reference", place, disk], check=True)
        (port,) = free_ports(1)
        config = place / "redis.conf"
        config.write_text(f"{text}\nbind 127.0.0.1\nport {port}\ndir {disk}\n")
        server = Server(
            url=f"redis://:{password}@127.0.0.1:{port}/0",
            arguments=["redis-server", str(config)],
            folder=place,
            answers=["redis-cli", "-p", str(port), "-e", "PING"],
            environment={"REDISCLI_AUTH": password},
        )
        server.start()
        client = memory.client(server.url)
        try:
            yield server, client
        finally:
            client.close()
            server.stop()


def save(client: driver.Redis) -> None:
    """Save in the background, and wait for the end, however it ends."""
    with suppress(driver.ResponseError):
        client.bgsave()
    until(lambda: not client.info("persistence")["rdb_bgsave_in_progress"], "saved")


def checked(folder: Path, server: Server) -> doctor.Check:
    return doctor.redis(load(folder, environ={"MADANG_REDIS__URL": server.url}))


def test_a_redis_that_could_not_save_is_told_until_it_can(tmp_path: Path) -> None:
    with redis_on_small_disk(DISTRIBUTED) as (server, client):
        disk = Path(str(client.config_get("dir")["dir"]))
        memory.require_writable(client)
        with filled(disk):
            client.set("some", "thing" * 100)
            save(client)
            with pytest.raises(memory.RedisRefuses, match="could not save to its disk"):
                memory.require_writable(client)
        # Space alone does not help it, and the advice does.
        found = checked(tmp_path, server)
        assert not found.ok
        assert "BGSAVE" in found.mend
        save(client)
        memory.require_writable(client)
        assert checked(tmp_path, server).ok


def test_redis_as_deployed_takes_writes_on_a_full_disk(tmp_path: Path) -> None:
    station = load_station(station_file(tmp_path, SINGLE))
    text = database.redis(station, machines(station)[0], 4 << 30, "hush")
    with redis_on_small_disk(text, "hush") as (server, client):
        disk = Path(str(client.config_get("dir")["dir"]))
        with filled(disk):
            client.set("some", "thing" * 100)
            save(client)
            memory.require_writable(client)
            assert checked(tmp_path, server).ok
            server.stop()
            server.start()
            memory.require_writable(client)


def test_a_redis_that_is_full_or_drops_keys_is_found(tmp_path: Path, redis: Server) -> None:
    client = memory.client(redis.url)
    try:
        client.config_set("maxmemory", "1gb")
        client.config_set("maxmemory-policy", "volatile-lru")
        assert "volatile-lru" in checked(tmp_path, redis).detail
        client.config_set("maxmemory-policy", "noeviction")
        assert checked(tmp_path, redis).ok
        client.config_set("maxmemory", str(client.info("memory")["used_memory"] + 50_000))
        assert "uses" in checked(tmp_path, redis).detail
        client.config_set("maxmemory", "1")
        with pytest.raises(memory.RedisRefuses, match="out of memory"):
            memory.require_writable(client)
    finally:
        client.config_set("maxmemory", "0")
        client.close()


def test_a_redis_that_is_away_is_not_writable() -> None:
    client = memory.client(f"redis://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(memory.NoRedis, match="does not answer"):
        memory.require_writable(client)


def test_a_full_disk_is_found_wherever_it_is(tmp_path: Path) -> None:
    with small_disk(tmp_path / "media", 4) as media:
        settings = load(tmp_path, environ={"MADANG_STORAGE__URL": media.as_uri()})
        prepare(settings)
        readiness.require_space(settings)
        with filled(media):
            with pytest.raises(readiness.DiskFull, match=f"{media} .*No space left"):
                readiness.require_space(settings)
            found = doctor.disk_space(settings)
            assert not found.ok
            assert found.detail.startswith("disk full: ")
        readiness.require_space(settings)
        assert not list(media.iterdir())


@pytest.mark.e2e
def test_a_station_on_a_full_disk_goes_on_says_so_and_is_well_again(tmp_path: Path) -> None:
    def media_sequence() -> str:
        return ask(station.http_bind, "/live/yard/source/media.m3u8")[1].splitlines()[-1]

    with small_disk(tmp_path / "data", 48) as disk:
        station = Station(disk)
        station.log = tmp_path / "log"
        station.open_channels("yard")
        with (
            station.running(),
            publish(sample(Recipe(length=60.0)), station.publish_url("yard"), loop=True),
        ):
            until(lambda: ask(station.http_bind, "/live/yard/index.m3u8")[0] == 200, "on the air")
            with filled(disk):
                until(lambda: ask(station.http_bind, "/readyz")[0] == 503, "not ready")
                assert "No space left" in ask(station.http_bind, "/readyz")[1]
                assert ask(station.http_bind, "/healthz")[0] == 200
                assert ask(station.http_bind, "/@yard")[0] == 200
                before = media_sequence()
                until(lambda: media_sequence() != before, "the next part")
            until(lambda: ask(station.http_bind, "/readyz")[0] == 200, "ready again")
