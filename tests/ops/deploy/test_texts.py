"""Configuration texts, checked by the programs that read them and by their content."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from madang.ops.deploy.errors import StationFileError
from madang.ops.deploy.model.facts import SUPPORTED_PLATFORMS, Facts, Platform
from madang.ops.deploy.model.layout import StationMachine, machines
from madang.ops.deploy.model.station_file import Station, load_station
from madang.ops.deploy.release import Release
from madang.ops.deploy.setup import backups
from madang.ops.deploy.setup.steps import DesiredState, setup_steps
from madang.ops.deploy.texts import database, hardening, nginx, nginx_limits, security, service
from madang.ops.deploy.texts.service import Secrets
from madang.station.config.settings import load
from tests.support.stations import MINIMAL, SINGLE, SPLIT, station_file

SHAPES = {"minimal": MINIMAL, "single": SINGLE, "split": SPLIT}
SECRETS = Secrets("d" * 48, "e" * 48, "f" * 48, "b" * 48)
GIGABYTE = 1 << 30


def load_shape(folder: Path, shape: str, extra: str = "") -> Station:
    return load_station(station_file(folder, extra + SHAPES[shape]))


def settings_of(station: Station, machine: StationMachine) -> str:
    return service.settings(station, machine, SECRETS, backups.settings(station, machine))


def every_machine(folder: Path) -> list[tuple[Station, StationMachine]]:
    return [
        (station, machine)
        for shape in SHAPES
        for station in [load_shape(folder, shape)]
        for machine in machines(station)
    ]


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx: script/setup --dev")
@pytest.mark.parametrize(
    ("shape", "cloudflare", "version"),
    [
        ("minimal", "false", (1, 22)),
        ("minimal", "false", (1, 18)),
        ("single", "true", (1, 22)),
        ("split", "true", (1, 22)),
    ],
)
def test_nginx_accepts_its_configuration(
    tmp_path: Path, shape: str, cloudflare: str, version: tuple[int, int]
) -> None:
    station = load_shape(tmp_path, shape, f"cloudflare = {cloudflare}\n")
    web = machines(station)[0]
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-subj", "/CN=x"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "1"),
            *("-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")),
        ],
        check=True,
        capture_output=True,
    )
    places = {
        "/etc/madang/tls": str(tmp_path),
        "/var/log/nginx": str(tmp_path),
        "/var/cache/nginx-madang": str(tmp_path / "cache"),
        "/etc/nginx/conf.d": str(tmp_path),
        "/run/nginx.pid": str(tmp_path / "pid"),
        "/etc/nginx/modules-enabled": str(tmp_path / "none"),
        # A module that is not on every machine of developers.
        "brotli_static on;": "",
    }
    for name, text in (
        ("nginx.main", nginx.main(station)),
        ("site.conf", nginx.site(station, web, version)),
    ):
        moved = text
        for before, after in places.items():
            moved = moved.replace(before, after)
        (tmp_path / name).write_text(moved)
    done = subprocess.run(
        ["nginx", "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.main")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("real_ip_header" in nginx.main(station)) == (cloudflare == "true")


@pytest.mark.parametrize("platform", SUPPORTED_PLATFORMS.values(), ids=lambda each: each.name)
def test_nginx_is_told_only_what_its_version_knows(tmp_path: Path, platform: Platform) -> None:
    station = load_shape(tmp_path, "minimal")
    text = nginx.site(station, machines(station)[0], platform.nginx)
    assert ("ssl_reject_handshake" in text) == (platform.nginx >= (1, 20))
    assert ("brotli_static" in text) == (platform.nginx >= (1, 22))
    assert ("http2 on;" in text) == (platform.nginx >= (1, 26))
    assert ("ssl http2" in text) == (platform.nginx < (1, 26))


def analyse(folder: Path, *arguments: str) -> None:
    """Run systemd-analyze on units in `folder`; it must not complain."""
    done = subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "madang" not in done.stderr, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_units_and_their_exposure_is_low(tmp_path: Path) -> None:
    for _, machine in every_machine(tmp_path):
        folder = tmp_path / f"{machine.name}-{len(machine.roles)}"
        folder.mkdir()
        for role in machine.roles:
            program = f"/opt/madang/roles/{role}/venv/bin/madang"
            units = service.units(machine, role, with_database=machine.has_database)
            for name, text in units.items():
                (folder / name).write_text(text.replace(program, "/bin/true"))
        names = sorted(path.name for path in folder.iterdir())
        analyse(folder, "verify", "--man=no", *names)
        for name in names:
            if name.endswith(".service"):
                analyse(folder, "security", "--offline=true", "--threshold=25", name)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", ["nginx.service", "postgresql@.service"])
def test_services_of_the_distribution_are_restricted(tmp_path: Path, unit: str) -> None:
    distributed = Path("/lib/systemd/system") / unit
    if not distributed.exists():
        pytest.skip(f"needs {unit}")
    name = unit.replace("@.", "@15-main.")
    shutil.copy(distributed, tmp_path / name)
    (tmp_path / f"{name}.d").mkdir()
    (tmp_path / f"{name}.d/60-madang.conf").write_text(hardening.DROP_INS[unit])
    analyse(tmp_path, "security", "--offline=true", "--threshold=60", name)


def test_the_program_accepts_the_settings_of_a_minimal_station(tmp_path: Path) -> None:
    station = load_shape(tmp_path, "minimal", 'name = "마당 \\"TV\\""\n')
    text = settings_of(station, machines(station)[0])
    # The certificate exists before the program reads the settings.
    text = text.replace("/etc/madang/tls/", f"{tmp_path}/")
    for name in ("fullchain.pem", "privkey.pem"):
        (tmp_path / name).touch()
    config = tmp_path / "madang.toml"
    config.write_text(text, encoding="utf-8")
    settings = load(tmp_path, config=config, environ={})
    assert settings.station.name == '마당 "TV"'
    assert settings.public_url == "https://tv.example.org"
    assert settings.publish_url == "rtmps://tv.example.org:1936/live"
    assert settings.database.url.startswith("sqlite:")
    assert SECRETS.database not in text


def test_the_program_gets_the_mail_server_of_the_station_file(tmp_path: Path) -> None:
    mail = '[mail]\nurl = "smtps://a:p%40ss@mail.example.org"\nfrom = "tv@example.org"\n'
    station = load_station(station_file(tmp_path, f"{SPLIT}\n{mail}"))
    for machine in machines(station):
        assert tomllib.loads(settings_of(station, machine))["mail"] == tomllib.loads(mail)["mail"]
    wrong = mail.replace("smtps://", "https://")
    with pytest.raises(StationFileError, match=r"mail\.url .*expected smtps://"):
        load_station(station_file(tmp_path, f"{SPLIT}\n{wrong}"))


def test_nothing_is_set_up_twice_on_a_machine(tmp_path: Path) -> None:
    wheel = tmp_path / "madang.whl"
    wheel.write_bytes(b"")
    release = Release(tmp_path / "packages.tar.gz", wheel, "3.11", "0.1.0")
    facts = Facts(SUPPORTED_PLATFORMS["debian", "12"], "x86_64", 8 * GIGABYTE, has_station=False)
    for station, machine in every_machine(tmp_path):
        steps = setup_steps(DesiredState(station, machine, facts, SECRETS, release, 60.0))
        keys = [resource.key for step in steps for resource in step.resources]
        assert len(keys) == len(set(keys)), {key for key in keys if keys.count(key) > 1}


@pytest.mark.parametrize("volume", ["", "\n[volume]\nsize_gb = 500\n"])
def test_media_have_one_place_on_the_volume_or_without_one(tmp_path: Path, volume: str) -> None:
    station = load_station(station_file(tmp_path, SPLIT + volume))
    texts = {one.name: settings_of(station, one) for one in machines(station)}
    assert tomllib.loads(texts["media"])["storage"] == {"url": "file:///srv/madang/media"}
    assert "storage" not in tomllib.loads(texts["web"])


def test_live_comes_before_recordings_where_cpu_disk_or_memory_is_short(tmp_path: Path) -> None:
    for _, machine in every_machine(tmp_path):
        if "files" not in machine.roles:
            continue
        units = {
            role: service.units(machine, role, with_database=False)[f"madang-{role}.service"]
            for role in ("files", "live")
        }
        for key, sign in (("CPUWeight", 1), ("IOWeight", 1), ("OOMScoreAdjust", -1)):
            files, live = (
                int(re.findall(rf"^{key}=(-?\d+)$", units[role], re.MULTILINE)[0]) * sign
                for role in ("files", "live")
            )
            assert live > files, key
        # Commands run with a release that a rollback leaves there.
        assert machine.main_role != "files"


def test_nginx_sends_media_itself_where_they_are(tmp_path: Path) -> None:
    for station, machine in every_machine(tmp_path):
        text = nginx.site(station, machine, (1, 22)) if machine.serves_web else ""
        told = (
            tomllib.loads(settings_of(station, machine)).get("storage", {}).get("internal_prefix")
        )
        assert told == (None if station.shape == "split" else "/internal-media/")
        assert (f"location {told} {{\n        internal;" in text) == (told is not None)


def test_the_firewall_opens_public_ports_to_all_and_private_ones_to_the_other_machine(
    tmp_path: Path,
) -> None:
    web, media = machines(load_shape(tmp_path, "split"))
    station = load_shape(tmp_path, "split")
    assert security.firewall(station, web) == (
        "allow 22/tcp",
        "allow 80/tcp",
        "allow 443/tcp",
        "allow from 10.0.0.3 to any port 5432 proto tcp",
        "allow from 10.0.0.3 to any port 6379 proto tcp",
    )
    assert security.firewall(station, media) == (
        "allow 22/tcp",
        "allow 1935/tcp",
        "allow from 10.0.0.2 to any port 8003 proto tcp",
        "allow from 10.0.0.2 to any port 8001 proto tcp",
        "allow from 10.0.0.2 to any port 8002 proto tcp",
    )


def test_ssh_is_limited_to_the_addresses_of_administrators_if_all_have_some(tmp_path: Path) -> None:
    text = MINIMAL + 'addresses = ["198.51.100.7", "2001:db8::/32"]\n'
    station = load_station(station_file(tmp_path, text))
    rules = security.firewall(station, machines(station)[0])
    assert rules[:2] == (
        "allow from 198.51.100.7 to any port 22 proto tcp",
        "allow from 2001:db8::/32 to any port 22 proto tcp",
    )
    assert "allow 22/tcp" not in rules


def test_database_and_redis_listen_on_private_addresses_with_a_password(tmp_path: Path) -> None:
    for station, machine in every_machine(tmp_path):
        if not machine.has_database:
            continue
        text = database.postgresql(station, machine, 8 * GIGABYTE)
        private = machine.host.private_address
        expected = f"'localhost,{private}'" if private else "'localhost'"
        assert f"listen_addresses = {expected}\n" in text
        assert "shared_buffers = 1024MB" in text
        access = database.access(station, machine)
        assert "trust" not in access
        assert "0.0.0.0" not in access
        redis = database.redis(station, machine, 8 * GIGABYTE, SECRETS.redis)
        assert f"requirepass {SECRETS.redis}\n" in redis
        assert "0.0.0.0" not in redis


def test_shared_buffers_follow_the_memory_within_limits(tmp_path: Path) -> None:
    station = load_shape(tmp_path, "single")
    (machine,) = machines(station)
    for gigabytes, shared in ((1, 128), (16, 2048), (256, 4096)):
        text = database.postgresql(station, machine, gigabytes * GIGABYTE)
        assert f"shared_buffers = {shared}MB" in text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en-US,en;q=0.9", "en"),
        ("de-DE,de;q=0.9,en;q=0.8", "en"),
        ("fr, ko, en", "ko"),
        ("*, en", "en"),
        ("ko,en", "ko"),
        ("de, fr", None),
        ("xno, " * 200, None),
        (", " * 2000, None),
    ],
)
def test_the_language_of_nginx_own_pages_is_found_in_no_time(
    tmp_path: Path, accepted: str, language: str | None
) -> None:
    text = nginx_limits.maps(load_shape(tmp_path, "minimal"))
    rules = re.findall(r'"~\*(.+)" (en|ko);', text)
    began = time.process_time()
    found = [name for rule, name in rules if re.search(rule, accepted, re.IGNORECASE)]
    assert time.process_time() - began < 0.1
    assert found[:1] == ([] if language is None else [language])
