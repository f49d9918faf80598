"""The shape `single`: every role a service of its own beside PostgreSQL and Redis, backups by the
system's timers, and releases under load that nobody notices."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import visitor_load
from tests.support.chat_clients import ChatClient
from tests.support.deployed import (
    DOMAIN,
    MADANG,
    RECORDING,
    Site,
    Visitor,
    assert_backed_up,
    assert_media_are_back,
    backups,
    put_recording,
    wait_until,
)
from tests.support.machine_roots import DATABASE_PACKAGES, STATION_PACKAGES, WEB_PACKAGES
from tests.support.machines import Ground, Machine, inside
from tests.support.sshd import Sftp, sftp_server
from tests.support.station import ROOT

# `alone`: how long a part of the live playlist takes is measured here.
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.machines,
    pytest.mark.alone,
    pytest.mark.timeout(900),
]

ROLES = ("web", "files", "live", "chat", "worker")
TAKEN_BY = ("web", "postgres")
"""Whose settings backups are taken with, and by which user."""

AS_NGINX = "setpriv --reuid=www-data --regid=www-data --init-groups"

INSTALLED = (*STATION_PACKAGES, *DATABASE_PACKAGES, *WEB_PACKAGES)
"""That everything is installed from nothing is a test of the shape `minimal`."""

UNITS = (
    *(f"madang-{role}" for role in ROLES),
    *("madang-backup", "madang-backup-verify", "madang-backup-ship"),
)


@pytest.fixture(scope="module")
def box(ground: Ground) -> Iterator[Sftp]:
    """Destination of the copies on another machine."""
    with sftp_server(ground.folder / "elsewhere", ground.operator) as box:
        yield box


@pytest.fixture(scope="module")
def site(ground: Ground, box: Sftp) -> Site:
    site = Site(ground, "single", {"main": ground.machine("main", INSTALLED)})
    site.backup = f'\n[backup]\noffsite = "{box.url("yard")}"\nsftp_key = "{box.key}"\n'
    site.write()
    began = time.monotonic()
    site.apply()
    print(f"\napply from nothing, single: {time.monotonic() - began:.0f} s")
    return site


@pytest.fixture
def machine(site: Site) -> Machine:
    return site.machines["main"]


@pytest.fixture(scope="module")
def stream_key(site: Site) -> str:
    """Of the channel `yard`."""
    machine = site.machines["main"]
    site.on_machine(
        machine, "web", "user", "create", "ada", "--admin", "--password", "'at noon 12'"
    )
    made = site.on_machine(machine, "web", "channel", "create", "yard", "--owner", "ada")
    key: str = made["stream_key"]
    return key


def test_a_second_run_changes_nothing(site: Site) -> None:
    assert site.plan() == []
    assert site.apply() == []


def test_every_role_runs_by_itself_and_each_service_is_in_a_tight_sandbox(
    machine: Machine,
) -> None:
    for role in ROLES:
        assert machine.ask(f"systemctl is-active madang-{role}") == "active"
    for unit in UNITS:
        said = machine.ask(f"systemd-analyze security --no-pager {unit}.service | tail -n 1")
        exposure = re.search(r"\.service: ([\d.]+)", said)
        assert exposure is not None
        assert float(exposure[1]) <= 2.5, said


def test_the_database_knows_the_station_and_nobody_else_by_network(
    site: Site, machine: Machine
) -> None:
    with site.visitor() as stranger:
        assert not stranger.reaches(machine.address, 5432, 1.0)
        assert not stranger.reaches(machine.address, 6379, 1.0)
    assert machine.ssh("redis-cli ping | grep PONG", check=False) is None
    rows = machine.ask("cd / && runuser -u postgres -- psql -qAtX madang -c '\\dt' | wc -l")
    assert int(rows) > 10


def test_nginx_reads_media_and_nothing_else_of_the_station(machine: Machine) -> None:
    put_recording(machine)
    assert machine.ssh(f"{AS_NGINX} sha256sum {RECORDING}", check=False) is not None
    # Neither what is there nor whether it is; media cannot be changed.
    for command in (
        *("ls /var/lib/madang", "cat /var/lib/madang/secret.key", "ls /etc/madang/tls"),
        f"touch {RECORDING}",
    ):
        assert machine.ssh(f"{AS_NGINX} {command}", check=False) is None
    stranger = AS_NGINX.replace("www-data", "nobody").replace("regid=nobody", "regid=nogroup")
    assert machine.ssh(f"{stranger} sha256sum {RECORDING}", check=False) is None


def test_a_backup_is_taken_and_proven_by_the_system_here_and_elsewhere(
    site: Site, machine: Machine
) -> None:
    assert_backed_up(machine)
    (first,) = backups(machine, *TAKEN_BY)
    assert first["places"] == ["local", "offsite"]
    assert first["verified_at"] is None
    said = machine.ssh("systemctl start madang-backup-verify", check=False)
    assert said is not None, machine.ask("journalctl -u madang-backup-verify")
    assert backups(machine, *TAKEN_BY)[0]["verified_at"] is not None
    timers = machine.ask("systemctl list-timers --no-legend --no-pager")
    assert {"madang-backup.timer", "madang-backup-verify.timer"} <= set(timers.split())
    # As root, by the command on the PATH, which becomes the right user.
    told = json.loads(machine.ask("madang status --json"))["backup"]
    assert told["verified_at"]
    assert told["error"] is None
    second = json.loads(machine.ask("madang backup now --json"))
    assert json.loads(machine.ask("madang backup list --json"))[0]["id"] == second["id"]
    machine.ask("systemctl start madang-backup")
    assert backups(machine, *TAKEN_BY)[0]["id"] > second["id"]


def test_the_station_has_an_administrator_and_is_asked_from_home(
    site: Site, machine: Machine
) -> None:
    assert site.administrator["name"] == "olga"
    assert site.administrator["password"]
    done = subprocess.run(
        [*MADANG, "deploy", "run", "--from", str(site.file), "--", "status", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["running"]


def test_owners_are_mended(site: Site, machine: Machine) -> None:
    machine.ask("chown -R root:root /var/lib/madang-backup/cache /var/lib/madang/run")
    changes = ["owners in /var/lib/madang-backup", "owners in /var/lib/madang"]
    assert site.plan() == changes
    site.apply()
    assert site.plan() == []


class Talk:
    """Two people in a chat, and whether the one hears the other."""

    def __init__(self, visitor: Visitor, stack: ExitStack) -> None:
        people = stack.enter_context(visitor.chats())
        self.speaker = people.join("anna", keep=True)
        self.listener = people.join("bora", keep=True)

    def goes_on(self, words: str) -> None:
        """Say something, which must be heard once."""
        assert "id" in self.speaker.say(words)
        self.listener.until(lambda: words in self.listener.texts(), words)
        assert self.listener.texts().count(words) == 1

    def told_to_come_back(self) -> list[ChatClient]:
        """Names of clients that were asked to connect again."""
        return [one for one in (self.speaker, self.listener) if one.of("reconnect")]


def test_releases_under_load_are_noticed_by_nobody_whom_they_do_not_concern(
    site: Site, machine: Machine, stream_key: str, tmp_path: Path
) -> None:
    def processes() -> dict[str, str]:
        return {role: machine.ask(f"systemctl show -p MainPID madang-{role}") for role in ROLES}

    def release(role: str, name: str) -> set[str]:
        """Deploy one role; which of them are other processes afterwards."""
        before = processes()
        site.write(name=f'"{name}"')
        code, _, errors = site.madang("apply", "--only", role)
        assert code == 0, errors
        return {one for one, process in processes().items() if process != before[one]}

    with ExitStack() as stack:
        sender = stack.enter_context(site.visitor())
        viewer = stack.enter_context(site.visitor())
        talkers = stack.enter_context(site.visitor())
        encoder = stack.enter_context(sender.publish(f"rtmp://{DOMAIN}/live/{stream_key}"))
        wait_until(lambda: viewer.get("/live/yard/index.m3u8")[0] == 200, 30, "nothing on the air")
        assert viewer.watch("yard") > 60
        talk = Talk(talkers, stack)
        talk.goes_on("before")
        stop = tmp_path / "stop"
        load = subprocess.Popen(
            inside(
                viewer.namespace,
                [
                    *(sys.executable, str(Path(visitor_load.__file__)), DOMAIN),
                    *(str(site.authority.certificate), "yard", str(stop)),
                ],
            ),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            time.sleep(visitor_load.USUAL_SECONDS + 1.0)
            assert release("web", "Yard TV") == {"web"}
            assert talk.told_to_come_back() == []
            assert not talk.listener.of("disconnect")
            talk.goes_on("after the pages' release")
            assert release("chat", "Court TV") == {"chat"}
            assert talk.told_to_come_back() == [talk.speaker, talk.listener]
            talk.listener.wait_for("connect", 2)
            talk.speaker.wait_for("connect", 2)
            talk.goes_on("after the chat's")
        finally:
            stop.touch()
        out, _ = load.communicate(timeout=60)
        seen = json.loads(out)
        assert set(seen["answers"]) == {"200"}, seen
        assert seen["answers"]["200"] > 200
        assert seen["parts"] > 20
        # One part late at most: half a second that one lasts, and as much for a busy machine; or,
        # where the machine is busier, not much longer than before the releases.
        assert seen["longest"] < max(1.0, 2 * seen["usual"]), seen
        assert "Yard TV" in viewer.get("/")[1]
        # The streams' own release: the encoder is sent away, comes back, and the show goes on.
        assert release("live", "Court TV") == {"live"}
        encoder.ended()
        stack.enter_context(sender.publish(f"rtmp://{DOMAIN}/live/{stream_key}"))
        wait_until(lambda: viewer.get("/live/yard/index.m3u8")[0] == 200, 30, "off the air")
        assert viewer.watch("yard") > 60
        assert len(talk.listener.of("disconnect")) == 1
    # The other roles are told of, and follow when they are let.
    assert site.plan()
    site.apply()
    assert site.plan() == []


def test_a_machine_is_lost_and_one_command_brings_the_station_back_onto_an_empty_one(
    site: Site, machine: Machine, stream_key: str, box: Sftp
) -> None:
    recording = put_recording(machine)
    assert machine.ask(f"{AS_NGINX} sha256sum {RECORDING}") == recording
    machine.ask("systemctl start madang-backup")
    (taken,) = backups(machine, *TAKEN_BY)
    # What came after the backup is in PostgreSQL's archive alone.
    site.on_machine(machine, "web", "channel", "create", "attic", "--owner", "ada")
    sql = "SELECT pg_walfile_name(pg_switch_wal())"
    change = machine.ask(f"cd / && runuser -u postgres -- psql -qAtX -c '{sql}'")
    wait_until(lambda: any(box.home.rglob(f"{change}-*.zst")), 60, f"{change} was not sent")
    machine.destroy()

    site.machines["main"] = machine = site.ground.machine("empty", INSTALLED)
    site.write()
    code, _, errors = site.madang("apply", "--restore", "--json")
    assert code == 0, errors[-4000:]
    listed = site.on_machine(machine, "web", "channel", "list")
    assert {channel["slug"] for channel in listed} == {"yard", "attic"}
    with site.visitor() as viewer:
        assert viewer.get("/@attic")[0] == 200
        jar = str(site.ground.folder / "cookies")
        assert viewer.sign_in("ada", "at noon 12", jar) == 302
    assert_media_are_back(machine, recording)
    assert machine.ask(f"{AS_NGINX} sha256sum {RECORDING}") == recording
    # The next one goes into the same copies.
    assert_backed_up(machine)
    assert backups(machine, *TAKEN_BY)[0]["id"] > taken["id"]
    assert site.plan() == []
