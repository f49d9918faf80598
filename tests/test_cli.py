"""The command as a process: its output and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.mail_server import PASSWORD, USER, mail_server

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("MADANG_")
} | {"COLUMNS": "200", "NO_COLOR": "1"}


def madang(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "madang", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env=ENVIRONMENT | variables,
        check=False,
    )


def done(*arguments: str) -> Any:
    result = madang(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_an_account_a_channel_and_its_keys_from_the_command_line(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    user = done("user", "create", "minji", "--admin", "--password", "courtyard-at-dusk", *data)
    assert user == {"id": 1, "name": "minji", "email": "", "admin": True}
    assert done("user", "create", "bora", "--admin", "--first", *data) is None

    channel = done("channel", "create", "yard", "--owner", "minji", "--title", "Drums", *data)
    assert set(channel) == {"slug", "title", "stream_key", "publish_url", "watch_url"}
    assert (channel["slug"], channel["title"]) == ("yard", "Drums")
    assert channel["publish_url"] == "rtmp://127.0.0.1:1935/live"
    assert channel["watch_url"] == "http://127.0.0.1:8000/@yard"

    rotated = done("key", "rotate", "yard", *data)
    assert set(rotated) == set(channel)
    assert rotated["stream_key"] != channel["stream_key"]
    newest, oldest = done("key", "list", "yard", *data)
    assert rotated["stream_key"].startswith(newest["key_id"])
    assert oldest["revoked_at"]

    assert [item["slug"] for item in done("channel", "list", *data)] == ["yard"]
    listed = madang("channel", "list", *data).stdout
    assert "yard" in listed
    assert "Drums" in listed

    again = madang("channel", "create", "yard", "--owner", "minji", *data)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "madang: There is a channel yard already.\n"

    status = done("status", *data)
    assert status["running"] is False
    assert set(status) >= {"live", "chat", "jobs", "disk", "transfer"}
    assert "does not run" in madang("status", *data).stdout


def test_a_password_is_made_up_where_nobody_can_be_asked(tmp_path: Path) -> None:
    user = done("user", "create", "minji", "--data", str(tmp_path))
    assert len(user["password"]) >= 16


def test_two_first_commands_at_once_make_one_database(tmp_path: Path) -> None:
    def create(name: str) -> int:
        return int(done("user", "create", name, "--data", str(tmp_path))["id"])

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(create, ["anna", "bora", "chan"])) == [1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["channel", "create", "yard", "--owner", "nobody"], 1, "There is no user nobody."),
        (["key", "rotate", "nowhere"], 1, "There is no channel nowhere."),
        (["user", "create", "minji", "--password", "short"], 1, "too short"),
        (["config", "show", "--config", "/nowhere.toml"], 1, "no settings file /nowhere.toml"),
        (["serve", "--http", "8000"], 2, "HOST:PORT"),
        (["serve", "--role", "drummer"], 2, "drummer"),
        (["channel", "create", "yard"], 2, "--owner"),
        (["dance"], 2, "dance"),
    ],
)
def test_what_goes_wrong_is_told_without_a_traceback(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    data = [] if arguments == ["dance"] else ["--data", str(tmp_path)]
    result = madang(*arguments, *data)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    if code == 1:
        assert result.stderr.startswith("madang: ")
        assert result.stderr.count("\n") == 1


def test_a_command_of_a_korean_station_speaks_english_as_the_guide_quotes_it(
    tmp_path: Path,
) -> None:
    arguments = ("key", "rotate", "nowhere", "--data", str(tmp_path))
    result = madang(*arguments, MADANG_STATION__LANGUAGE="ko")
    assert result.stderr == "madang: There is no channel nowhere.\n"


def test_a_database_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "madang.db").write_text("not a database, and long enough to be looked at" * 100)
    result = madang("status", "--data", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith("madang: The database")
    assert result.stderr.count("\n") == 1
    examined = madang("doctor", "--data", str(tmp_path), "--json")
    assert examined.returncode == 1
    (database,) = [
        check for check in json.loads(examined.stdout)["checks"] if check["name"] == "database"
    ]
    assert not database["ok"]
    assert database["mend"]


def test_a_wrong_setting_stops_a_command_with_one_line(tmp_path: Path) -> None:
    result = madang("serve", "--data", str(tmp_path), MADANG_LIVE__SEGMENT="long")
    assert result.returncode == 1
    assert result.stderr.startswith("madang: Setting live.segment is 'long' (MADANG_LIVE__SEGMENT)")
    assert result.stderr.count("\n") == 1


def test_config_show_says_what_is_in_force_and_why(tmp_path: Path) -> None:
    (tmp_path / "madang.toml").write_text("[live]\ngrace = 5.0\n")
    shown = json.loads(
        madang(
            "config",
            "show",
            "--data",
            str(tmp_path),
            "--json",
            MADANG_HTTP__METRICS_TOKEN="nobody-may-read-me",
        ).stdout
    )
    by_key = {item["key"]: item for item in shown}
    assert by_key["live.grace"]["value"] == 5.0
    assert by_key["live.grace"]["origin"] == str(tmp_path / "madang.toml")
    assert by_key["http.metrics_token"]["origin"] == "MADANG_HTTP__METRICS_TOKEN"
    assert "nobody-may-read-me" not in json.dumps(shown)
    assert by_key["rtmp.bind"] == {
        "key": "rtmp.bind",
        "value": "127.0.0.1:1935",
        "origin": "default",
    }


def test_doctor_reports_every_check_and_whether_all_are_well(tmp_path: Path) -> None:
    result = madang(
        "doctor",
        "--data",
        str(tmp_path),
        "--json",
        MADANG_HTTP__BIND="127.0.0.1:0",
        MADANG_RTMP__BIND="127.0.0.1:0",
    )
    report = json.loads(result.stdout)
    assert {frozenset(check) for check in report["checks"]} == {
        frozenset({"name", "ok", "detail", "mend"})
    }
    assert report["ok"] == all(check["ok"] for check in report["checks"])
    assert result.returncode == (0 if report["ok"] else 1)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_mail_of_the_settings_arrives(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    done("user", "create", "minji", "--admin", "--email", "minji@example.org", *data)
    without = madang("mail", "test", *data)
    assert without.returncode == 1
    assert "The settings name no mail server. Set mail.url and mail.from." in without.stderr
    with mail_server(sign_in=True) as server:
        (tmp_path / "madang.toml").write_text(
            "[mail]\n"
            f'url = "smtp://{USER}:{quote(PASSWORD, safe="")}@127.0.0.1:{server.port}"\n'
            'from = "station@example.org"\n'
        )
        shown = madang("config", "show", *data).stdout
        assert "mail.from" in shown
        assert quote(PASSWORD, safe="") not in shown
        assert done("mail", "test", "--connect", *data) == {"server": f"127.0.0.1:{server.port}"}
        assert server.received == []
        assert done("mail", "test", *data)["sent_to"] == ["minji@example.org"]
        (received,) = server.received
        assert received["From"] == "station@example.org"
        checks = {check["name"]: check for check in doctor_checks(*data)}
        assert checks["mail"]["ok"]
    checks = {check["name"]: check for check in doctor_checks(*data)}
    assert not checks["mail"]["ok"]
    assert "mail.url" in checks["mail"]["mend"]
    assert done("mail", "list", *data) == []


def doctor_checks(*data: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(madang("doctor", "--json", *data).stdout)["checks"]
    return found


def test_help_does_not_wait_for_django() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['madang', '--help']\n"
            "from madang.cli import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "print(sorted({'django', 'pydantic', 'granian'} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=True,
    )
    assert loaded.stdout.splitlines()[-1] == "[]"


def test_retention_is_planned_and_applied_by_hand(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    done("user", "create", "minji", "--password", "courtyard-at-dusk", *data)
    assert done("retention", "plan", *data) == {"frees_bytes": 0, "videos": []}
    assert done("retention", "apply", *data) == {"frees_bytes": 0, "videos": []}
    assert done("retention", "log", *data) == []
    assert madang("retention", "plan", *data).stdout == "Nothing would go.\n"


def test_a_channel_chooses_what_it_keeps(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    done("user", "create", "minji", "--password", "courtyard-at-dusk", *data)
    done("channel", "create", "yard", "--owner", "minji", *data)
    chosen = done("channel", "set", "yard", "--record", "ask", "--retention-days", "0", *data)
    assert chosen == {
        "slug": "yard",
        "title": "yard",
        "record": "ask",
        "record_default": False,
        "retention_days": 0,
        "retention_default": False,
        "retention_gb": 0,
        "chat_replay": True,
        "clips": "accounts",
    }
    assert done("channel", "set", "yard", "--clips", "everybody", *data)["clips"] == "everybody"
    assert done("channel", "set", "yard", "--retention-gb", "50", *data)["retention_gb"] == 50
    assert madang("channel", "set", "yard", "--retention-gb", "-1", *data).returncode == 2
    assert not done("channel", "set", "yard", "--chat-replay", "off", *data)["chat_replay"]
    assert "not shown" in madang("channel", "set", "yard", *data).stdout
    back = done("channel", "set", "yard", "--retention-days", "default", *data)
    assert (back["record"], back["retention_days"]) == ("ask", 30)
    assert "For: 30 days (as the station does)" in madang("channel", "set", "yard", *data).stdout
    for wrong in ("soon", "9" * 5000):
        given = ("--retention-days", wrong)
        assert madang("channel", "set", "yard", *given, *data).returncode == 2
