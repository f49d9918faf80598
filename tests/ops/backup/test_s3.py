"""Off-site copies in an S3 bucket, by restic and pgBackRest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backup_stations import PostgresqlStation
from tests.support.backups import backup, backup_creator
from tests.support.bucket import ACCESS, Bucket, bucket

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store_elsewhere() -> Iterator[Bucket]:
    """A bucket whose certificate is trusted by programs started meanwhile."""
    with bucket() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(made.authority))
        yield made


def test_a_station_is_backed_up_to_a_bucket_and_restored(
    store_elsewhere: Bucket, postgresql: PostgresqlStation, tmp_path: Path
) -> None:
    backup_station, url = postgresql, store_elsewhere.url("tv")
    show = backup_station.data / "media/vod/show.m4s"
    show.parent.mkdir(parents=True)
    show.write_bytes(os.urandom(100_000))
    sent, channels = show.read_bytes(), backup_station.ask("SELECT slug FROM channels_channel")
    offsite = {**backup_station.settings, **ACCESS, "BACKUP__OFFSITE": url}
    creator = backup_creator(backup_station.data, **offsite)
    creator.create()
    for part in ("station", "media", "postgresql"):
        assert f"<Key>tv/{part}/" in store_elsewhere.objects()
    password = tmp_path / "kept elsewhere"
    shutil.copy(creator.plan.password_file, password)
    backup_station.lose()

    restored = backup(
        backup_station.data,
        *("restore", "--from", url, "--password-file", str(password)),
        **backup_station.settings,
        **ACCESS,
    )
    assert restored.returncode == 0, restored.stderr
    assert backup_station.ask("SELECT slug FROM channels_channel") == channels
    assert show.read_bytes() == sent
