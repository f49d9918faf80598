"""Backups of a machine whose database is on another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.ops.backup.verify import verify
from tests.support.backups import backup_creator, backup_json, backup_refused

pytestmark = pytest.mark.slow

ELSEWHERE = {
    "BACKUP__DATABASE": "elsewhere",
    "DATABASE__URL": "postgresql://madang:word@192.0.2.1/madang",
}
"""An address without a server: no connection may be tried."""


def furnish(data: Path) -> dict[str, str]:
    """Make a data folder with a setting and a recording; return the settings of its backups."""
    recording = data / "media/vod/show.m4s"
    recording.parent.mkdir(parents=True)
    recording.write_bytes(bytes(range(256)) * 1000)
    (data / "secret.key").write_text("signs sessions\n")
    (data / "note").write_text("of this machine\n")
    return {**ELSEWHERE, "BACKUP__OFFSITE": (data.parent / "elsewhere").as_uri()}


def test_files_and_media_are_backed_up_verified_and_restored(
    tmp_path: Path,
) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    settings = furnish(data)
    taken = backup_json(data, "now", **settings)
    assert set(taken["places"]["offsite"]) == {"station", "media"}
    results = verify(backup_creator(data, **settings), everything=True)
    assert [(each.destination, each.files, each.rows) for each in results] == [
        ("local", 2, 0),
        ("offsite", 2, 0),
    ]
    password = str(data / "backup/password")
    restored = backup_json(
        other,
        *("restore", "--from", settings["BACKUP__OFFSITE"], "--password-file", password),
        **ELSEWHERE,
    )
    assert restored["id"] == taken["id"]
    for name in ("note", "secret.key", "media/vod/show.m4s"):
        assert (other / name).read_bytes() == (data / name).read_bytes()


def test_a_backup_with_a_database_is_not_restored_without_one(
    backed_up: Path, tmp_path: Path
) -> None:
    source = (backed_up / "backup/local").as_uri()
    password = str(backed_up / "backup/password")
    output = backup_refused(
        tmp_path / "other",
        *("restore", "--from", source, "--password-file", password),
        **ELSEWHERE,
    )
    assert "The backup is of sqlite, the settings name elsewhere." in output
    assert not (tmp_path / "other/madang.toml").exists()
