"""Destinations, schedule, manifests, comparison and state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from madang.ops.backup import state
from madang.ops.backup.destinations import (
    Credentials,
    DestinationKind,
    RepositoryPart,
    parse_destination,
)
from madang.ops.backup.errors import BackupError, Busy, NotVerified
from madang.ops.backup.model import (
    BackupState,
    DatabaseBackup,
    DatabaseContent,
    Manifest,
    database_differences,
)
from madang.ops.backup.schedule import Schedule, assess, backup_due, verification_due

# --- destinations ---


@pytest.mark.parametrize(
    ("url", "kind", "repository"),
    [
        ("file:///srv/backups", DestinationKind.FOLDER, "/srv/backups/station"),
        ("file:///srv/with%20space/", DestinationKind.FOLDER, "/srv/with space/station"),
        (
            "sftp://me@host.example:2222/srv/x",
            DestinationKind.SFTP,
            "sftp:host.example:/srv/x/station",
        ),
        ("sftp://me@host.example/~/x", DestinationKind.SFTP, "sftp:host.example:x/station"),
        ("sftp://[fd00::1]/x", DestinationKind.SFTP, "sftp:[fd00::1]:/x/station"),
        (
            "s3://s3.example.org/bucket/tv",
            DestinationKind.S3,
            "s3:https://s3.example.org/bucket/tv/station",
        ),
        (
            "s3+http://10.0.0.2:9000/bucket",
            DestinationKind.S3,
            "s3:http://10.0.0.2:9000/bucket/station",
        ),
    ],
)
def test_a_url_becomes_a_restic_repository(
    url: str, kind: DestinationKind, repository: str
) -> None:
    destination = parse_destination("offsite", url, Credentials())
    assert (destination.kind, destination.repository(RepositoryPart.STATION)) == (kind, repository)


@pytest.mark.parametrize(
    "url",
    [
        *("", "off", "/srv/x", "file://host/srv", "file:///", "sftp:///srv/x", "sftp://host"),
        *("sftp://me:secret@host/x", "s3://host", "s3://key:secret@host/b", "ftp://host/x"),
        *("sftp://-oProxyCommand=x/y", "sftp://-x@host/y", "sftp://host:70000/x", "sftp://h/a\nb"),
        "s3://host/bucket?x=1",
    ],
)
def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected file:///PATH, sftp://"):
        parse_destination("offsite", url, Credentials())


@given(st.from_regex(r"(file|sftp|s3)://[-%a-zA-Z0-9/@:.~]*", fullmatch=True))
@example("sftp://%2DoProxyCommand=x@host/y")
@example("sftp://host/a%0Arm%20b")
def test_any_url_is_refused_or_safe_in_commands(url: str) -> None:
    try:
        destination = parse_destination("offsite", url, Credentials())
    except ValueError:
        return
    assert not destination.host.startswith("-")
    assert not destination.user.startswith("-")
    assert f"{destination.user}{destination.path}".isprintable()


def test_ssh_and_sftp_get_the_same_options_and_never_prompt() -> None:
    credentials = Credentials(key_file=Path("/k"), known_hosts=Path("/h"))
    destination = parse_destination("offsite", "sftp://me@host:2222/srv", credentials)
    (_, option) = destination.restic_options()
    assert option.startswith("sftp.command=ssh ")
    assert option.endswith(" -p 2222 me@host -s sftp")
    for wanted in ("BatchMode=yes", "IdentityFile=/k", "UserKnownHostsFile=/h"):
        assert wanted in option
        assert wanted in destination.sftp_command()
    assert destination.sftp_command()[-1] == "me@host"


def test_secrets_of_a_bucket_are_only_in_the_environment() -> None:
    destination = parse_destination(
        "offsite", "s3://h/b", Credentials(s3_key="id", s3_secret="hush")
    )
    assert destination.restic_environment() == {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "hush",
    }
    assert "hush" not in repr(destination)
    assert "hush" not in destination.repository(RepositoryPart.STATION)


# --- schedule ---

SEOUL = Schedule(time(3, 30), 6, ZoneInfo("Asia/Seoul"))  # 18:30 UTC the day before; Sundays
NIGHT = datetime(2026, 3, 7, 18, 30, tzinfo=UTC)  # Sunday, 8 March, 03:30 in Seoul


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_new_station_takes_its_first_backup_in_its_first_night() -> None:
    began = BackupState(since=text(NIGHT - timedelta(hours=5)))
    assert not backup_due(BackupState(), SEOUL, NIGHT)
    assert not backup_due(began, SEOUL, NIGHT - timedelta(seconds=1))
    assert backup_due(began, SEOUL, NIGHT)


def test_a_backup_is_due_once_a_night_and_after_missed_nights() -> None:
    tried = BackupState(since="2026-01-01T00:00:00Z", tried=text(NIGHT + timedelta(seconds=20)))
    assert not backup_due(tried, SEOUL, NIGHT + timedelta(hours=23))
    assert backup_due(tried, SEOUL, NIGHT + timedelta(hours=24))
    assert backup_due(tried, SEOUL, NIGHT + timedelta(days=3, hours=7))


def test_a_failed_backup_is_tried_again_every_hour() -> None:
    failed = BackupState(since="2026-01-01T00:00:00Z", tried=text(NIGHT), error="no route to host")
    assert not backup_due(failed, SEOUL, NIGHT + timedelta(minutes=59))
    assert backup_due(failed, SEOUL, NIGHT + timedelta(minutes=60))


def test_the_newest_backup_is_verified_once_a_week() -> None:
    known = BackupState(since="2026-01-01T00:00:00Z", checked=text(NIGHT - timedelta(days=7)))
    assert not verification_due(known, SEOUL, NIGHT), "there is nothing to verify"
    known = replace(known, taken=text(NIGHT - timedelta(days=1)))
    assert verification_due(known, SEOUL, NIGHT)
    known = replace(known, checked=text(NIGHT + timedelta(minutes=9)))
    assert not verification_due(known, SEOUL, NIGHT + timedelta(days=6, hours=23))
    assert verification_due(known, SEOUL, NIGHT + timedelta(days=7))


@given(st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2030, 1, 1)))  # noqa: DTZ001
def test_a_backup_that_was_just_tried_is_not_due_at_any_hour(at: datetime) -> None:
    now = at.replace(tzinfo=UTC, microsecond=0)
    for zone in ("Asia/Seoul", "America/New_York"):
        schedule = replace(SEOUL, zone=ZoneInfo(zone))
        assert not backup_due(BackupState(tried=text(now)), schedule, now)
        assert backup_due(BackupState(tried=text(now)), schedule, now + timedelta(hours=26))


@pytest.mark.parametrize(
    ("known", "ok", "message"),
    [
        (BackupState(), True, "none yet"),
        (BackupState(taken=text(NIGHT)), True, "not verified yet"),
        (BackupState(taken=text(NIGHT), verified=text(NIGHT)), True, "verified 20 hours ago"),
        (BackupState(taken=text(NIGHT - timedelta(days=3))), False, "4 days old"),
        (
            BackupState(taken=text(NIGHT), verified=text(NIGHT - timedelta(days=10))),
            False,
            "no backup was verified for 11 days",
        ),
        (
            BackupState(taken=text(NIGHT), since="2026-01-01T00:00:00Z"),
            False,
            "no backup was verified",
        ),
        (BackupState(taken=text(NIGHT), error="The disk is full."), False, "The disk is full."),
        (BackupState(taken=text(NIGHT), check_error="It is damaged."), False, "It is damaged."),
    ],
)
def test_health_by_state(known: BackupState, ok: bool, message: str) -> None:
    health = assess(known, NIGHT + timedelta(hours=20))
    assert health.ok is ok
    assert message in health.detail
    assert bool(health.mend) is not ok


# --- manifests and comparison ---

BEFORE = DatabaseContent({"users": 3, "chat": 10}, {"users": "aa", "chat": "bb"}, "")
AFTER = DatabaseContent({"users": 3, "chat": 14}, {"users": "aa", "chat": "cc"}, "id-1")
TAKEN = DatabaseBackup("postgresql", BEFORE, AFTER, 1000, "label-F", server=15, cluster="/srv/pg")
GOOD = DatabaseContent({"users": 3, "chat": 12}, {"users": "aa", "chat": "dd"}, "id-1")


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (GOOD, []),
        (replace(GOOD, marker="id-0"), ["the marker row is id-0, not id-1"]),
        (replace(GOOD, rows={"users": 3, "chat": 9}), ["the table chat has 9 rows, not 14"]),
        (replace(GOOD, rows={"chat": 12}), ["the table users is missing"]),
        (
            replace(GOOD, checksums={"users": "ab"}),
            ["rows of the table users are not what they were"],
        ),
    ],
)
def test_tables_unchanged_during_the_backup_must_be_equal(
    found: DatabaseContent, wrong: list[str]
) -> None:
    assert database_differences(TAKEN, found) == wrong


def test_a_manifest_survives_serialisation() -> None:
    manifest = Manifest("id-1", "2026-11-25T03:30:00Z", "0.1.0", TAKEN, {"files/a": "00"})
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "database": 3}'])
def test_an_invalid_manifest_is_refused(text: str) -> None:
    with pytest.raises(NotVerified, match="manifest cannot be read"):
        Manifest.from_json(text)


def test_a_manifest_of_a_newer_program_is_refused() -> None:
    with pytest.raises(BackupError, match="newer Madang"):
        Manifest.from_json('{"format": 99}')


# --- state ---


def test_state_is_read_back_and_a_damaged_file_is_ignored(tmp_path: Path) -> None:
    known = BackupState(taken=text(NIGHT)).with_verified("id-1/station", "local", NIGHT)
    state.write(tmp_path, known)
    assert state.read(tmp_path) == known
    assert known.verified_at("id-1/station", "local") == NIGHT
    assert known.verified_at("id-1/station", "offsite") is None
    (tmp_path / state.STATE_FILE).write_text("{")
    assert state.read(tmp_path) == BackupState()


def test_the_lock_is_exclusive(tmp_path: Path) -> None:
    with state.exclusive_lock(tmp_path), pytest.raises(Busy), state.exclusive_lock(tmp_path):
        pass
    with state.exclusive_lock(tmp_path):
        pass
