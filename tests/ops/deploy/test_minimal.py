"""The shape `minimal` on a real Debian, from nothing to the first viewer, and what can go wrong.

One machine for the whole story: each test finds it as the one before left it, which is in order.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest

from madang.ops.deploy.errors import DeployError
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.runner import Deployment
from tests.support.deployed import DOMAIN, Site, wait_until
from tests.support.machines import Ground, Machine
from tests.support.station import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.machines, pytest.mark.timeout(900)]

RELEASE = re.compile(r"release 0\.1\.0-")


@pytest.fixture(scope="module")
def site(ground: Ground) -> Site:
    machine = ground.machine("main")
    site = Site(ground, "minimal", {"main": machine})
    planned = site.plan()
    began = time.monotonic()
    assert len(planned) > 40
    assert sorted(entry["what"] for entry in site.apply()) == sorted(planned)
    print(f"\napply from nothing, minimal: {time.monotonic() - began:.0f} s")
    return site


@pytest.fixture
def machine(site: Site) -> Machine:
    return site.machines["main"]


def test_a_second_run_changes_nothing(site: Site) -> None:
    assert site.plan() == []
    assert site.apply() == []


def test_there_is_no_earlier_release_to_go_back_to(site: Site) -> None:
    code, _, errors = site.madang("rollback")
    assert code == 1
    assert errors == "madang: main: There is no earlier release on this machine to go back to.\n"


def test_logs_are_rotated_by_size_and_for_administrators_alone(machine: Machine) -> None:
    machine.ask("fallocate -l 60M /var/log/nginx/madang-access.log")
    machine.ask("systemctl start logrotate")
    assert machine.ask("stat -c '%a %s' /var/log/nginx/madang-access.log").strip() == "640 0"
    readable = "find /var/log/nginx /var/log/fail2ban.log /var/log/madang -type f -perm /o=r"
    assert machine.ask(readable) == ""
    for unit in ("nginx", "fail2ban"):
        said = machine.ask(f"systemd-analyze security --no-pager {unit} | tail -n 1")
        exposure = re.search(r"service: ([\d.]+)", said)
        assert exposure is not None
        assert float(exposure[1]) < 4


def test_a_stranger_publishes_and_another_plays_through_tls(site: Site, machine: Machine) -> None:
    site.on_machine(
        machine, "all", "user", "create", "ada", "--admin", "--password", "'at noon 12'"
    )
    made = site.on_machine(machine, "all", "channel", "create", "yard", "--owner", "ada")
    assert made["publish_url"] == f"rtmps://{DOMAIN}:1936/live"
    with site.visitor() as sender, site.visitor() as viewer:
        with sender.publish(f"rtmp://{DOMAIN}/live/{made['stream_key']}"):
            wait_until(
                lambda: viewer.get("/live/yard/index.m3u8")[0] == 200, 30, "nothing on the air"
            )
            assert viewer.watch("yard") > 60
            with viewer.chats() as people:
                anna, bora = people.join("anna"), people.join("bora")
                assert "id" in anna.say("hello")
                bora.until(lambda: "hello" in bora.texts(), "hello")
            status, body = viewer.get("/api/v1/live")
            assert status == 200
            assert "yard" in body
            status, page = viewer.get("/@yard")
            assert status == 200
            asset = re.search(r"/static/dist/assets/[\w.-]+\.js", page)
            assert asset is not None
            status, _ = viewer.get(asset[0], "--compressed")
            assert status == 200
        with sender.publish(f"rtmps://{DOMAIN}:1936/live/{made['stream_key']}") as encoder:
            wait_until(lambda: viewer.get("/live/yard/index.m3u8")[0] == 200, 30, encoder.said())


def test_while_the_station_is_away_its_own_page_says_so(site: Site, machine: Machine) -> None:
    machine.ask("systemctl stop madang.socket madang.service")
    try:
        with site.visitor() as viewer:
            status, page = viewer.get("/plan/", "-H", "Accept-Language: ko")
            assert status == 503
            assert '<html lang="ko">' in page
    finally:
        machine.ask("systemctl start madang.socket madang.service")


def test_netdata_is_for_the_staff_who_signed_in(
    site: Site, machine: Machine, tmp_path: Path
) -> None:
    with site.visitor() as visitor:
        jar = str(tmp_path / "cookies")
        assert visitor.get("/ops/netdata/")[0] == 302
        assert visitor.get("/ops/staff")[0] == 404
        assert visitor.sign_in("ada", "at noon 12", jar) == 302
        if machine.ssh("systemctl cat netdata", check=False) is not None:
            status, page = visitor.get("/ops/netdata/", "-b", jar)
            assert status == 200
            assert "netdata" in page
            machine.ask("systemctl stop netdata")
        status, page = visitor.get("/ops/netdata/", "-b", jar)
        assert status == 503
        assert "systemctl status netdata" in page
        machine.ssh("systemctl start netdata", check=False)


def test_only_what_is_meant_to_gets_through_the_firewall(site: Site, machine: Machine) -> None:
    machine.ask(
        "systemd-run --quiet --collect --unit=open-door python3 -m http.server 9999 --bind 0.0.0.0"
    )
    wait_until(
        lambda: (
            machine.ssh("curl -s -o /dev/null http://127.0.0.1:9999/", check=False) is not None
            or machine.ssh(
                "python3 -c \"import socket; socket.create_connection(('127.0.0.1', 9999))\"",
                check=False,
            )
            is not None
        ),
        20,
        "the door does not open",
    )
    with site.visitor() as stranger:
        open_ports = stranger.finds_open(
            machine.address, (22, 80, 443, 1935, 1936, 8000, 9999, 19999)
        )
    machine.ask("systemctl stop open-door")
    assert open_ports == {22, 80, 443, 1935, 1936}


def test_nobody_gets_in_by_password(site: Site, machine: Machine) -> None:
    machine.ask("echo 'root:at noon 12' | chpasswd")
    settings = machine.ask("sshd -T")
    assert "passwordauthentication no" in settings
    assert "kbdinteractiveauthentication no" in settings
    offered = machine.ask(
        "ssh -v -o StrictHostKeyChecking=no -o PubkeyAuthentication=no -o BatchMode=yes "
        "root@127.0.0.1 true 2>&1 || true"
    )
    assert "Authentications that can continue: publickey\n" in offered


def test_who_mistypes_goes_on_watching_and_who_probes_waits_until_let_in(
    site: Site, machine: Machine, tmp_path: Path
) -> None:
    with site.visitor() as viewer, site.visitor() as scanner:
        jar = str(tmp_path / "cookies")
        answers = [viewer.sign_in("ada", "guess", jar) for _ in range(12)]
        assert answers[0] == 200
        viewer.shows_wrong_stream_keys(machine.address, 12)
        scanner.probes(25)
        wait_until(lambda: not scanner.reaches(machine.address, 443), 30, "let in")
        assert scanner.reaches(machine.address, 1935)
        assert viewer.get("/")[0] == 200
        assert viewer.reaches(machine.address, 1935)
        _, out, _ = site.madang("bans", "--json")
        (ban,) = json.loads(out)
        assert ban["jail"] == "madang-probes"
        code, out, errors = site.madang("unban", ban["address"])
        assert code == 0, errors
        assert "is let in again" in out
        assert scanner.reaches(machine.address, 443)


def test_our_service_is_in_a_tight_sandbox(machine: Machine) -> None:
    said = machine.ask("systemd-analyze security --no-pager madang.service | tail -n 1")
    exposure = re.search(r"madang\.service: ([\d.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= 2.5


def test_what_is_wrong_is_found_by_the_doctor_shown_by_plan_and_mended_by_apply(
    site: Site, machine: Machine
) -> None:
    code, found = site.doctor("--authority", str(site.authority.certificate))
    # A test's machine has no security source, and its disk is this computer's.
    assert set(found) - {"disks"} == {"security updates", "backups", "a copy elsewhere"}, found
    assert found["security updates"].endswith("no source of them")
    assert code == 1
    key = (site.folder / "privkey.pem").read_text().splitlines()[1]
    machine.ask("ufw disable; systemctl stop fail2ban; chmod 644 /etc/madang/tls/privkey.pem")
    machine.ask("systemd-run --quiet --collect --unit=open-door python3 -m http.server 9000")
    wait_until(
        lambda: machine.ssh("ss -ltn | grep -q :9000", check=False) is not None, 20, "no door"
    )
    code, found = site.doctor()
    machine.ask("systemctl stop open-door")
    assert code == 1
    # Nobody knows this authority: to the world, the certificate is none.
    assert {"open ports", "certificate", "firewall", "Fail2ban", "secrets"} <= set(found)
    assert "not meant to be: 9000" in found["open ports"]

    machine.ask(
        "echo '# by hand' >> /etc/nginx/nginx.conf; echo x >> /etc/madang/tls/privkey.pem; "
        "ufw allow 9999/tcp; chmod 666 /etc/sudoers.d/60-olga; systemctl stop madang"
    )
    code, out, errors = site.madang("plan")
    assert code == 2
    assert "-# by hand" in out
    assert "0666 root:root → 0440 root:root" in out
    assert re.search(r"file /etc/madang/tls/privkey\.pem: change.*\n +\(secret: not shown\)", out)
    assert key not in out + errors
    changed = {entry["what"] for entry in site.apply()}
    assert {
        *("firewall", "unit fail2ban.service", "file /etc/nginx/nginx.conf"),
        "unit nginx.service",
    } <= changed
    assert site.plan() == []


def test_a_run_killed_between_writing_and_restarting_restarts_the_next_time(
    site: Site, machine: Machine
) -> None:
    site.write(cloudflare="true")
    before = machine.ask("cat /var/lib/madang-deploy/loaded/nginx.service")
    deployment = Deployment(load_station(site.file), site.folder)

    class Killed(Exception):
        pass

    def kill(event: dict[str, object]) -> None:
        if event["event"] == "begin" and event["what"] == "unit nginx.service":
            raise Killed

    with pytest.raises(Killed):
        deployment.run(deployment.job("apply", kill), kill)
    assert "real_ip_header" in machine.ask("cat /etc/nginx/nginx.conf")
    assert machine.ssh("cat /var/lib/madang-deploy/loaded/nginx.service", check=False) is None
    assert "unit nginx.service" in site.plan()
    assert "unit nginx.service" in {entry["what"] for entry in site.apply()}
    assert machine.ask("cat /var/lib/madang-deploy/loaded/nginx.service") != before


def test_a_new_certificate_is_taken_up_and_nobody_is_sent_away(
    site: Site, machine: Machine
) -> None:
    def shown(port: int) -> str:
        return machine.ask(
            f"echo | openssl s_client -connect 127.0.0.1:{port} -servername {DOMAIN} 2>/dev/null "
            "| openssl x509 -noout -serial"
        )

    before = {port: shown(port) for port in (443, 1936)}
    process = machine.ask("systemctl show -p MainPID madang")
    site.authority.issue(DOMAIN)
    site.apply()
    for port, serial in before.items():
        assert shown(port) != serial
    assert shown(443) == shown(1936)
    assert machine.ask("systemctl show -p MainPID madang") == process


def altered_source(folder: Path, file: str, before: str, after: str) -> Path:
    """A source tree of the program, with one text of one file changed."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
    place = source / "src/madang" / file
    text = place.read_text()
    assert before in text
    place.write_text(text.replace(before, after, 1))
    return source


START = '    lifecycle = Lifecycle(settings, "all", manager)\n'
NEVER_READY = {
    "broken release": "    raise RuntimeError('broken release')\n",
    "is not ready after 8 s": "    if str(settings.data) == '/var/lib/madang':\n"
    f"        import asyncio\n        await asyncio.sleep(1e6)\n{START}",
}
"""Words about a release, and how it was broken: it does not start even on an empty data
folder; it hangs with the data that is there."""


@pytest.mark.parametrize("said", NEVER_READY)
def test_a_release_that_never_becomes_ready_leaves_the_one_before(
    site: Site, tmp_path: Path, said: str
) -> None:
    ran = site.madang("status", "--json")
    source = altered_source(tmp_path, "station/roles/all.py", START, NEVER_READY[said])
    deployment = Deployment(load_station(site.file), site.folder, source, ready_timeout=8.0)
    with pytest.raises(DeployError) as refused:
        deployment.run(deployment.job("apply", lambda event: None), lambda event: None)
    assert said in str(refused.value)
    assert site.madang("status", "--json")[0] == 0
    assert '"ready": true' in ran[1]
    with site.visitor() as viewer:
        assert viewer.get("/@yard")[0] == 200
    # The program of this checkout is what should run, and does.
    assert ran[1] == site.madang("status", "--json")[1]


def test_a_new_release_takes_over_and_rollback_brings_the_old_one_back(
    site: Site, machine: Machine
) -> None:
    before = machine.ask("readlink /opt/madang/roles/all")
    site.write(cloudflare="true", name='"Yard TV"')
    changed = {entry["what"] for entry in site.apply()}
    assert any(RELEASE.match(what) for what in changed)
    assert machine.ask("readlink /opt/madang/roles/all") != before
    with site.visitor() as viewer:
        assert "Yard TV" in viewer.get("/")[1]
        code, _, errors = site.madang("rollback")
        assert code == 0, errors
        assert machine.ask("readlink /opt/madang/roles/all") == before
        assert "Yard TV" not in viewer.get("/")[1]
    log = machine.ask("cat /var/log/madang/deploy.jsonl")
    assert log.count('"result": "done"') >= 4


def test_a_machine_that_vanishes_half_way_is_told_of_and_the_next_run_goes_on(
    site: Site, machine: Machine
) -> None:
    site.write(name='"Court TV"')
    deployment = Deployment(load_station(site.file), site.folder, lost_after=5.0)

    def unplug(event: dict[str, object]) -> None:
        if event["event"] == "begin" and str(event["what"]).endswith("madang.toml"):
            machine.vanish()

    try:
        with pytest.raises(DeployError, match=r"Stopped at .*main"):
            deployment.run(deployment.job("apply", unplug), unplug)
    finally:
        machine.come_back()
    site.apply()
    with site.visitor() as viewer:
        assert "Court TV" in viewer.get("/")[1]


def test_a_full_disk_stops_a_release_and_nothing_else(
    site: Site, machine: Machine, tmp_path: Path
) -> None:
    source = altered_source(tmp_path, "__init__.py", '"""', '"""Another release. ')
    machine.ask("mount -t tmpfs -o size=1m tmpfs /opt/madang/programs")
    deployment = Deployment(load_station(site.file), site.folder, source)
    try:
        with pytest.raises(DeployError, match="No space left on device"):
            deployment.run(deployment.job("apply", lambda event: None), lambda event: None)
    finally:
        machine.ask("umount /opt/madang/programs")
    with site.visitor() as viewer:
        assert viewer.get("/@yard")[0] == 200
    assert site.plan() == []


def test_a_wrong_domain_is_told_and_the_station_runs_all_the_same(
    site: Site, machine: Machine
) -> None:
    site.tls = False
    site.write(name='"Court TV"')
    code, _, errors = site.madang("apply")
    assert code == 1
    assert f"The name {DOMAIN} does not lead to this machine" in errors
    assert site.madang("status")[0] == 0
    with site.visitor() as viewer:
        assert viewer.get("/", "--insecure")[0] == 200
