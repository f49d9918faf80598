"""Settings and resources of a deployed machine's backups."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from madang.ops.deploy.errors import DeployError, StationFileError
from madang.ops.deploy.model.layout import machines
from madang.ops.deploy.model.resources import CustomCommand, ManagedFile, Resource, SystemdUnit
from madang.ops.deploy.model.station_file import Station, load_station
from madang.ops.deploy.runner import Deployment, secret_texts
from madang.ops.deploy.secrets_file import load_secrets
from madang.ops.deploy.setup import backups
from madang.ops.deploy.texts import service
from madang.ops.deploy.texts.service import Secrets
from madang.station.config.settings import Settings, load
from tests.support.stations import MINIMAL, SINGLE, SPLIT, station_file

SECRETS = Secrets("d" * 48, "e" * 48, "f" * 48, "b" * 48)
SFTP = (
    '\n[backup]\noffsite = "sftp://yard@203.0.113.9/srv/yard"\nsftp_key = "key"\nkeep_weekly = 9\n'
)
S3_PLACE = "s3://s3.example.org/yard"
S3 = '\n[backup]\noffsite = "s3://s3.example.org/yard"\ns3_key = "known"\ns3_secret = "whispered"\n'


def load_text(folder: Path, text: str) -> Station:
    (folder / "key").write_text("a private key\n")
    return load_station(station_file(folder, text))


def settings_of(folder: Path, station: Station, number: int) -> Settings:
    """Load the settings of one machine with the station's own parser."""
    machine = machines(station)[number]
    text = service.settings(station, machine, SECRETS, backups.settings(station, machine))
    for name in ("fullchain.pem", "privkey.pem"):
        (folder / name).touch()
    config = folder / "madang.toml"
    config.write_text(text.replace("/etc/madang/tls/", f"{folder}/"), encoding="utf-8")
    return load(folder, config=config, environ={})


def everything(station: Station, number: int = 0) -> list[Resource]:
    machine = machines(station)[number]
    config = ManagedFile("/opt/madang/releases/x/madang.toml", "")
    return [
        *backups.prerequisites(station, machine, SECRETS.backup),
        *backups.restore(station, machine, "x"),
        *backups.timers(station, machine, config),
    ]


def test_settings_of_one_machine_are_accepted_by_the_program(tmp_path: Path) -> None:
    minimal = settings_of(tmp_path, load_text(tmp_path, MINIMAL + SFTP), 0).backup
    assert (minimal.run_by, minimal.keep_weekly) == ("station", 9)
    assert minimal.sftp_key == Path(backups.SFTP_KEY_FILE)
    single = settings_of(tmp_path, load_text(tmp_path, SINGLE + SFTP), 0).backup
    assert single.run_by == "timer"
    assert single.offsite == "sftp://yard@203.0.113.9/srv/yard"
    assert single.local == f"file://{backups.LOCAL}"


def test_two_machines_back_up_to_separate_repositories(tmp_path: Path) -> None:
    for extra, destination in ((SFTP, "sftp://yard@203.0.113.9/srv/yard"), (S3, S3_PLACE)):
        split = load_text(tmp_path, SPLIT + extra)
        web, media = (settings_of(tmp_path, split, one).backup for one in (0, 1))
        assert (web.run_by, web.database, web.offsite) == ("timer", "here", destination)
        elsewhere = f"{destination}/machine-media"
        assert (media.run_by, media.database, media.offsite) == ("timer", "elsewhere", elsewhere)
        assert media.keep_weekly == web.keep_weekly
        (restore,) = backups.restore(split, machines(split)[1], "x")
        assert isinstance(restore, CustomCommand)
        assert f"--from {elsewhere} " in restore.run
    assert not {"postgres", "pgbackrest"} & set(re.findall(r"\w+", str(everything(split, 1))))


def test_secrets_are_only_in_secret_files_and_standard_input(tmp_path: Path) -> None:
    for extra in (SFTP, S3):
        station = load_text(tmp_path, SINGLE + extra)
        hidden = (*secret_texts(SECRETS, station), "a private key")
        for resource in everything(station):
            if isinstance(resource, CustomCommand):
                # Checks and command lines are readable by everybody on the machine.
                assert not any(secret in resource.check + resource.run for secret in hidden)
            if isinstance(resource, ManagedFile) and any(
                secret in resource.content for secret in hidden
            ):
                assert resource.secret
                assert resource.mode == 0o600


def test_wal_is_shipped_only_to_sftp_and_the_shipping_unit_restarts_with_each_release(
    tmp_path: Path,
) -> None:
    def shipping(extra: str) -> list[SystemdUnit]:
        return [
            resource
            for resource in everything(load_text(tmp_path, SINGLE + extra))
            if isinstance(resource, SystemdUnit) and resource.name == backups.SHIPPING_UNIT
        ]

    assert shipping("") == shipping(S3) == []
    (unit,) = shipping(SFTP)
    assert [file.path for file in unit.files][-1].endswith("/madang.toml")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('offsite = "ftp://box/x"', "backup.offsite is 'ftp://box/x': expected file:///PATH"),
        ('sftp_key = "nowhere"', "backup.sftp_key in station.toml is nowhere"),
        ('daily_at = "3:30"', "expected a time of day"),
        ('offsit = "x"', "did you mean offsite?"),
    ],
)
def test_an_invalid_backup_setting_is_refused(tmp_path: Path, extra: str, message: str) -> None:
    with pytest.raises(StationFileError) as refused:
        load_text(tmp_path, f"{SINGLE}\n[backup]\n{extra}\n")
    assert message in str(refused.value)


def test_missing_secrets_of_an_older_file_are_generated_once(tmp_path: Path) -> None:
    made = load_secrets(tmp_path, write=True)
    file = tmp_path / "station.secrets.json"
    before = json.loads(file.read_text())
    del before["backup"]
    file.write_text(json.dumps(before))
    grown = load_secrets(tmp_path, write=True)
    assert replace(grown, backup=made.backup) == made
    assert load_secrets(tmp_path, write=True) == grown
    file.write_text(json.dumps({**before, "backup": "not 'one"}))
    with pytest.raises(DeployError, match="letters, digits"):
        load_secrets(tmp_path, write=True)


def test_a_restore_without_an_off_site_copy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"Set backup\.offsite in station\.toml"):
        Deployment(load_text(tmp_path, SINGLE), tmp_path).job("apply", print, restore=True)
