from __future__ import annotations

import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from madang.station import doctor
from madang.station.config.data_folder import SECRET_FILE, DataFolderError, prepare, secret_key
from madang.station.config.settings import load
from tests.support.station import MADANG, ROOT


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_stations_user_can_read_the_data_folder_and_its_key(tmp_path: Path) -> None:
    settings = load(tmp_path / "data", environ={})
    assert secret_key(settings) is None
    prepare(settings)
    assert mode(settings.data) == 0o700
    assert mode(settings.data / SECRET_FILE) == 0o600


def test_the_key_is_long_and_stays_the_same(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={})
    prepare(settings)
    key = secret_key(settings)
    prepare(settings)
    assert key is not None
    assert len(key) >= 50
    assert secret_key(settings) == key
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", SECRET_FILE]


def test_starts_at_the_same_time_agree_on_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(tmp_path, environ={})
    # Processes have different numbers; threads, which stand for them here, do not.
    numbers = iter(range(100))
    monkeypatch.setattr("madang.station.config.data_folder.os.getpid", lambda: next(numbers))

    def start(_: int) -> str | None:
        prepare(settings)
        return secret_key(settings)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(32)))) == 1


def test_a_data_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError) as caught:
        prepare(load(tmp_path / "file" / "data", environ={}))
    assert "--data" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_was_there_before_gives_nothing_to_other_users(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    (data / "run").mkdir(mode=0o755)
    (data / "media").mkdir(mode=0o755)
    for name in ("madang.db", "madang.db-wal", "secret.key"):
        (data / name).write_text("a secret of an earlier version")
        (data / name).chmod(0o644)
    settings = load(data, environ={})
    tmp_path.chmod(0o755)
    assert not doctor.data_folder(settings).ok
    prepare(settings)
    assert mode(data / "madang.db") == mode(data / "madang.db-wal") == 0o600
    assert mode(data / SECRET_FILE) == 0o600
    assert mode(data / "run") == 0o700
    assert f"could read {data / 'madang.db'} until now" in caplog.text
    # Recordings may be meant for another program: that is said, and left.
    assert f"can read {data / 'media'}: chmod" in caplog.text
    check = doctor.data_folder(settings)
    assert (check.ok, check.mend) == (False, f"chmod -R go= {data / 'media'}")
    data.chmod(0o700)
    assert doctor.data_folder(settings).ok


def test_commands_make_files_for_their_user_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    subprocess.run(
        [*MADANG, "status", "--json", "--data", str(data)],
        check=True,
        capture_output=True,
        cwd=ROOT,
        umask=0o022,
    )
    made = [path for path in data.rglob("*") if mode(path) & 0o077]
    assert (data / "madang.db").exists()
    assert made == []
