"""A machine whose database is on another one: what else it has is backed up and comes back."""

from __future__ import annotations

from pathlib import Path

from madang.ops.backup.verify import verify
from tests.support.backups import done, keeper, refused

ELSEWHERE = {
    "BACKUP__DATABASE": "elsewhere",
    "DATABASE__URL": "postgresql://madang:word@192.0.2.1/madang",
}
"""Nobody answers there: nothing may ask."""


def furnish(data: Path) -> dict[str, str]:
    """A data folder with a setting and a recording; how its backups are called."""
    recording = data / "media/vod/show.m4s"
    recording.parent.mkdir(parents=True)
    recording.write_bytes(bytes(range(256)) * 1000)
    (data / "secret.key").write_text("signs sessions\n")
    (data / "note").write_text("of this machine\n")
    return {**ELSEWHERE, "BACKUP__OFFSITE": (data.parent / "elsewhere").as_uri()}


def test_files_and_media_are_kept_proven_and_brought_back_without_the_database(
    tmp_path: Path,
) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    given = furnish(data)
    taken = done(data, "now", **given)
    assert set(taken["places"]["offsite"]) == {"station", "media"}
    verdicts = verify(keeper(data, **given), everything=True)
    assert [(each.place, each.files, each.rows) for each in verdicts] == [
        ("local", 2, 0),
        ("offsite", 2, 0),
    ]
    password = str(data / "backup/password")
    back = done(
        other,
        *("restore", "--from", given["BACKUP__OFFSITE"], "--password-file", password),
        **ELSEWHERE,
    )
    assert back["id"] == taken["id"]
    for name in ("note", "secret.key", "media/vod/show.m4s"):
        assert (other / name).read_bytes() == (data / name).read_bytes()


def test_the_copies_of_one_machine_do_not_go_to_another(backed_up: Path, tmp_path: Path) -> None:
    source = (backed_up / "backup/local").as_uri()
    password = str(backed_up / "backup/password")
    said = refused(
        tmp_path / "other",
        *("restore", "--from", source, "--password-file", password),
        **ELSEWHERE,
    )
    assert "The backup is of sqlite, the settings name elsewhere." in said
    assert not (tmp_path / "other/madang.toml").exists()
