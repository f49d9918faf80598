"""The shape `split`: two machines that know each other, each of which does its part."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.deployed import (
    DOMAIN,
    Site,
    assert_backed_up,
    assert_media_are_back,
    backups,
    put_recording,
    wait_until,
)
from tests.support.machine_roots import DATABASE_PACKAGES, STATION_PACKAGES, WEB_PACKAGES
from tests.support.machines import Ground
from tests.support.sshd import sftp_server

pytestmark = [pytest.mark.e2e, pytest.mark.machines, pytest.mark.timeout(900)]


INSTALLED = {
    "web": (*STATION_PACKAGES, *DATABASE_PACKAGES, *WEB_PACKAGES),
    "media": STATION_PACKAGES,
}
"""That everything is installed from nothing is a test of the shape `minimal`."""

TAKEN_BY = {"web": ("web", "postgres"), "media": ("live", "backup")}
"""By machine, whose settings backups are taken with, and by which user."""


@pytest.fixture(scope="module")
def site(ground: Ground) -> Iterator[Site]:
    machines = {name: ground.machine(name, packages) for name, packages in INSTALLED.items()}
    site = Site(ground, "split", machines)
    with sftp_server(ground.folder / "elsewhere", ground.operator) as box:
        site.backup = f'\n[backup]\noffsite = "{box.url("yard")}"\nsftp_key = "{box.key}"\n'
        site.write()
        began = time.monotonic()
        site.apply()
        print(f"\napply from nothing, split: {time.monotonic() - began:.0f} s")
        yield site


def test_a_second_run_changes_nothing(site: Site) -> None:
    assert site.plan() == []
    assert site.apply() == []


def test_a_stranger_publishes_to_one_machine_and_watches_at_the_other(site: Site) -> None:
    web, media = site.machines["web"], site.machines["media"]
    site.on_machine(web, "web", "user", "create", "ada", "--admin", "--password", "'at noon 12'")
    made = site.on_machine(web, "web", "channel", "create", "yard", "--owner", "ada")
    assert made["publish_url"] == f"rtmp://{media.address}:1935/live"
    with (
        site.visitor() as sender,
        site.visitor() as viewer,
        sender.publish(f"{made['publish_url']}/{made['stream_key']}") as encoder,
    ):
        wait_until(
            lambda: viewer.get("/live/yard/index.m3u8")[0] == 200,
            30,
            f"nothing on the air: {encoder.said()}",
        )
        assert viewer.watch("yard") > 60
        with viewer.chats() as people:
            anna, bora = people.join("anna"), people.join("bora")
            assert "id" in anna.say("hello")
            bora.until(lambda: "hello" in bora.texts(), "hello")
        status, body = viewer.get("/api/v1/live")
        assert (status, "yard" in body) == (200, True)
        assert viewer.get("/@yard")[0] == 200


def test_the_machines_reach_each_other_and_nobody_else_does(site: Site) -> None:
    web, media = site.machines["web"], site.machines["media"]
    with site.visitor() as stranger:
        ports = (22, 80, 443, 1935, 1936, 5432, 6379, 8000, 8001, 8002, 8003)
        open_ports = {
            name: stranger.finds_open(machine.address, ports)
            for name, machine in site.machines.items()
        }
    assert open_ports == {"web": {22, 80, 443}, "media": {22, 1935}}
    reach = "python3 -c \"import socket; socket.create_connection(('{}', {}), 3)\""
    for port in (5432, 6379):
        media.ask(reach.format(web.address, port))
    for port in (8001, 8002, 8003):
        web.ask(reach.format(media.address, port))
    assert DOMAIN in web.ask("cat /etc/nginx/conf.d/madang.conf")


def test_who_speaks_no_rtmp_is_shut_out_where_encoders_connect(site: Site) -> None:
    web, media = site.machines["web"], site.machines["media"]
    with site.visitor() as scanner, site.visitor() as friend:
        scanner.sends_no_rtmp(media.address, 35)
        wait_until(lambda: not scanner.reaches(media.address, 1935), 30, "let in")
        assert friend.reaches(media.address, 1935)
        assert scanner.reaches(web.address, 443)


def test_both_machines_tell_how_they_are(site: Site) -> None:
    code, out, _ = site.madang("status")
    assert code == 0
    for role in ("web", "files", "live", "chat", "worker"):
        assert role in out
    _, found = site.doctor("--authority", str(site.authority.certificate))
    # A test's machine has no security source, its disk is this computer's, and the first backup
    # may be at work.
    assert set(found) - {"disks", "backups"} == {"security updates"}, found


def test_what_is_on_each_machine_is_backed_up_there_and_proven(site: Site) -> None:
    for name, machine in site.machines.items():
        assert_backed_up(machine)
        (first,) = backups(machine, *TAKEN_BY[name])
        assert first["places"] == ["local", "offsite"]
        said = machine.ssh("systemctl start madang-backup-verify", check=False)
        assert said is not None, machine.ask("journalctl -u madang-backup-verify")
        assert backups(machine, *TAKEN_BY[name])[0]["verified_at"] is not None
        timers = machine.ask("systemctl list-timers --no-legend --no-pager")
        assert {"madang-backup.timer", "madang-backup-verify.timer"} <= set(timers.split())
        told = site.on_machine(machine, TAKEN_BY[name][0], "status")["backup"]
        assert told["verified_at"]
        assert told["error"] is None


def test_one_machine_is_lost_and_comes_back_while_nothing_is_done_to_the_other(
    site: Site,
) -> None:
    web, media = site.machines["web"], site.machines["media"]
    recording = put_recording(media)
    media.ask("systemctl start madang-backup")
    (taken,) = backups(media, *TAKEN_BY["media"])
    (kept,) = backups(media, *TAKEN_BY["media"], "media")
    assert kept["places"] == ["offsite"]
    cluster = web.ask("ls -di /var/lib/postgresql/*/main")
    code, _, errors = site.madang("apply", "--restore")
    assert (code, "Every server has a station already" in errors) == (1, True), errors
    media.destroy()

    site.machines["media"] = media = site.ground.machine("empty", INSTALLED["media"])
    site.write()
    code, _, errors = site.madang("apply", "--restore", "--json")
    assert code == 0, errors[-4000:]
    assert_media_are_back(media, recording)
    assert_backed_up(media)
    assert backups(media, *TAKEN_BY["media"])[0]["id"] > taken["id"]
    assert web.ask("ls -di /var/lib/postgresql/*/main") == cluster
    listed = site.on_machine(media, "live", "channel", "list")
    assert {channel["slug"] for channel in listed} == {"yard"}
    assert site.plan() == []
    assert site.madang("status")[0] == 0
