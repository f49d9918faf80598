"""Validation of station.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.ops.deploy.errors import StationFileError
from madang.ops.deploy.model.station_file import load_station
from tests.support.stations import MINIMAL, SPLIT, station_file


def test_a_station_is_read_with_its_defaults(tmp_path: Path) -> None:
    station = load_station(station_file(tmp_path, MINIMAL))
    assert station.shape == "minimal"
    assert station.hosts["main"].user == "root"
    assert station.hosts["main"].port == 22
    assert station.time_zone == "Asia/Seoul"
    assert station.budget.transfer_tb == 5.0
    assert station.tls is None


def test_paths_are_relative_to_station_toml(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem", "id"):
        (tmp_path / name).write_text("x")
    text = MINIMAL.replace('address = "203.0.113.10"', 'address = "203.0.113.10"\nkey = "id"')
    text += '\n[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n'
    station = load_station(station_file(tmp_path, text))
    assert station.tls is not None
    assert station.tls.key == tmp_path / "key.pem"
    assert station.hosts["main"].key == tmp_path / "id"


WRONG = [
    ('shape = "minimal"', 'shape = "huge"', "shape is 'huge': expected 'minimal', 'single'"),
    ('shape = "minimal"', "", "shape is missing"),
    ('shape = "minimal"', 'shape = "split"', "expected exactly [hosts.web] and [hosts.media]"),
    ('domain = "tv.example.org"', 'domain = "https://tv.example.org"', "without https://"),
    ('domain = "tv.example.org"', 'domain = "tv"', "such as tv.example.org"),
    ('domain = "tv.example.org"', 'domian = "tv.example.org"', "did you mean domain?"),
    ("[hosts.main]", '[hosts.main]\nport = "ssh"', "hosts.main.port is 'ssh': expected"),
    ("[hosts.main]", "[hosts.main]\nport = 0", "hosts.main.port is 0"),
    ("[hosts.main]", '[hosts.main]\nkey = "nowhere"', "hosts.main.key in station.toml is nowhere"),
    ("203.0.113.10", "203.0.113.10; reboot", "hosts.main.address"),
    ('email = "ada@example.org"', 'email = "ada"', "such as ada@example.org"),
    ("ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY", "never the private one"),
    ('name = "ada"', 'name = "Ada L."', "administrators.0.name"),
    ("[hosts.main]", '[station]\ntime_zone = "Moon"\n[hosts.main]', "station is unknown"),
    ('shape = "minimal"', 'shape = "minimal"\ntime_zone = "Asia/Seul"', "IANA"),
    ('shape = "minimal"', "shape = ", "cannot be read"),
    ("[hosts.main]", "[volume]\nsize_gb = -1\n[hosts.main]", "volume.size_gb is -1"),
    ("[hosts.main]", '[volume]\nsize_gb = 9\ndevice = "vdb"\n[hosts.main]', "volume.device"),
]


@pytest.mark.parametrize(("before", "after", "message"), WRONG)
def test_a_wrong_value_is_named_with_what_was_expected(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert before in MINIMAL
    path = station_file(tmp_path, MINIMAL.replace(before, after, 1))
    with pytest.raises(StationFileError) as refused:
        load_station(path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_machines_that_share_a_database_need_a_private_network(tmp_path: Path) -> None:
    path = station_file(tmp_path, SPLIT.replace('private_address = "10.0.0.3"', ""))
    with pytest.raises(StationFileError, match="expected a private_address for each host"):
        load_station(path)


def test_two_hosts_with_one_address_are_refused(tmp_path: Path) -> None:
    path = station_file(tmp_path, SPLIT.replace("203.0.113.11", "203.0.113.10"))
    with pytest.raises(StationFileError, match="a machine of its own"):
        load_station(path)


def test_a_missing_file_names_the_guide(tmp_path: Path) -> None:
    with pytest.raises(StationFileError, match=r"docs/guide/deploy\.md"):
        load_station(tmp_path / "station.toml")
