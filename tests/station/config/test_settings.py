from __future__ import annotations

from pathlib import Path

import pytest

from madang.base.addresses import Reach
from madang.station.config.fields import Address, masked_url
from madang.station.config.settings import FILE_NAME, Settings, SettingsError, data_folder, load


def write(folder: Path, text: str) -> Path:
    path = folder / FILE_NAME
    path.write_text(text, encoding="utf-8")
    return path


def origin(settings: Settings, key: str) -> str:
    return next(item.origin for item in settings.shown() if item.key == key)


def test_without_a_file_everything_is_at_its_default(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={})
    assert settings.http.bind == Address("127.0.0.1", 8000)
    assert settings.rtmp.bind == Address("127.0.0.1", 1935)
    assert settings.database_file == tmp_path / "madang.db"
    assert settings.publish_url == "rtmp://127.0.0.1:1935/live"
    assert settings.watch_url("yard") == "http://127.0.0.1:8000/@yard"
    assert {item.origin for item in settings.shown()} == {"default"}


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    path = write(tmp_path, '[http]\nbind = "127.0.0.1:1"\n[rtmp]\nbind = "127.0.0.1:2"\n')
    settings = load(
        tmp_path,
        overrides={"http.bind": "127.0.0.1:5"},
        environ={"MADANG_HTTP__BIND": "127.0.0.1:3", "MADANG_LIVE__GRACE": "12.5"},
    )
    assert settings.http.bind.port == 5
    assert settings.rtmp.bind.port == 2
    assert settings.live.grace == 12.5
    assert origin(settings, "http.bind") == "command line"
    assert origin(settings, "rtmp.bind") == str(path)
    assert origin(settings, "live.grace") == "MADANG_LIVE__GRACE"
    assert origin(settings, "live.window") == "default"


def test_an_empty_environment_variable_counts_as_absent(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"MADANG_HTTP__PUBLIC_URL": ""})
    assert settings.http.public_url is None


def test_lists_are_written_with_commas_in_the_environment(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        environ={
            "MADANG_LIVE__LADDER": "720, 480",
            "MADANG_HTTP__TRUSTED_PROXIES": "127.0.0.1, fd00::/8",
        },
    )
    assert settings.live.ladder == (720, 480)
    assert [str(network) for network in settings.http.trusted_proxies] == [
        "127.0.0.1/32",
        "fd00::/8",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MADANG_LIVE__LADER", "720", "Did you mean live.ladder?"),
        ("MADANG_WEATHER__SUN", "1", "Unknown setting weather.sun"),
        (
            "MADANG_HTTP__BIND",
            "8000",
            "http.bind is '8000' (MADANG_HTTP__BIND): expected HOST:PORT",
        ),
        ("MADANG_HTTP__BIND", "::1:8000", "expected HOST:PORT"),
        ("MADANG_HTTP__BIND", "localhost:70000", "expected HOST:PORT"),
        ("MADANG_HTTP__PUBLIC_URL", "tv.example.org", "expected http:// or https://"),
        ("MADANG_HTTP__TRUSTED_PROXIES", "the-proxy", "expected addresses or networks"),
        ("MADANG_RTMP__PUBLIC_URL", "https://tv.example.org", "expected rtmp://"),
        ("MADANG_RTMP__TLS_CERTIFICATE", "/nowhere.pem", "a file that exists"),
        ("MADANG_LIVE__PART_TARGET", "fast", "live.part_target is 'fast'"),
        ("MADANG_LIVE__WINDOW", "3", "greater than or equal to 6"),
        ("MADANG_STATION__TIME_ZONE", "Seoul", "such as Asia/Seoul"),
        ("MADANG_STATION__LANGUAGE", "fr", "expected 'en' or 'ko'"),
        ("MADANG_REDIS__URL", "localhost:6379", "such as redis://127.0.0.1:6379/0"),
        ("MADANG_REDIS__URL", "redis:///1", "expected redis://HOST"),
        ("MADANG_REDIS__URL", "redis://127.0.0.1/one", "expected redis://HOST"),
        ("MADANG_REDIS__URL", "unix://redis.sock", "unix://PATH"),
        ("MADANG_HTTP__PROCESSES", "0", "greater than or equal to 1"),
        ("MADANG_STORAGE__URL", "s3://bucket", "its own disk only"),
        ("MADANG_MAIL__URL", "mail.example.org", "expected smtps://NAME:PASSWORD@HOST"),
        ("MADANG_MAIL__URL", "smtp://localhost", "both mail.url and mail.from, or neither"),
        ("MADANG_DATABASE__URL", "mysql://localhost/x", "expected sqlite:///PATH"),
        ("MADANG_DATABASE__URL", "postgresql://db", "expected sqlite:///PATH or postgresql://"),
        ("MADANG_DATABASE__URL", "postgresql://db:five/x", "or postgresql://USER:PASSWORD@HOST"),
        ("MADANG_DATABASE__URL", "postgresql://db/x?sslmod=require", 'parameter: "sslmod"'),
    ],
)
def test_a_wrong_setting_is_told_with_key_value_and_what_was_expected(
    tmp_path: Path, variable: str, value: str, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, environ={variable: value})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://madang:hush@db/madang?sslmod=require",
        "postgresql://db/madang?password=hush&sslmod=require",
        "mysql://madang:hush@db/madang",
    ],
)
def test_the_password_of_a_wrong_address_is_hidden(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, environ={"MADANG_DATABASE__URL": url})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://madang:a%20word@db.example.org:6432/madang?sslmode=verify-full",
        "postgres://[2001:db8::7]/madang",
        "postgresql:///madang?host=/run/postgresql",
    ],
)
def test_addresses_of_postgresql_are_taken(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, environ={"MADANG_DATABASE__URL": url})
    assert settings.database.url == url
    assert settings.database_file is None


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:6379/3", "rediss://:word@cache", "unix:///run/redis.sock?db=1"]
)
def test_addresses_of_redis_are_taken(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, environ={"MADANG_REDIS__URL": url}).redis.url == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[live]\nsegment = 6.0\nwindow = 10.0\n", "at least three times segment"),
        ("[live]\npart_target = 1.5\nsegment = 1.0\n", "part_target not above segment"),
        ('[rtmp]\ntls_bind = "127.0.0.1:1936"\n', "tls_key together"),
        ('name = "x"\n', "Unknown setting name"),
        ("[http\n", "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_stops_the_start(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, environ={})
    assert words in str(caught.value)


def test_a_settings_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, config=tmp_path / "other.toml", environ={})
    assert "other.toml" in str(caught.value)


def test_secrets_are_masked_where_settings_are_shown(tmp_path: Path) -> None:
    token = "a-token-nobody-may-read"
    settings = load(tmp_path, environ={"MADANG_HTTP__METRICS_TOKEN": token})
    assert settings.http.metrics_token is not None
    assert settings.http.metrics_token.get_secret_value() == token
    assert token not in repr(settings.shown())
    assert masked_url("postgresql://me:hush@db:5432/x") == "postgresql://me:********@db:5432/x"
    assert masked_url("redis://:hush@db/0") == "redis://:********@db/0"
    assert masked_url("postgresql:///x?host=/run&password=hush") == (
        "postgresql:///x?host=/run&password=********"
    )


def test_a_wrong_secret_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, environ={"MADANG_HTTP__METRICS_TOKEN": "tooshort"})
    assert "tooshort" not in str(caught.value)


def test_addresses_are_written_as_they_are_read() -> None:
    for text in ("127.0.0.1:8000", "[::1]:0", "tv.example.org:443"):
        assert str(Address.parse(text)) == text


def test_a_station_that_listens_everywhere_names_itself_by_loopback(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"MADANG_RTMP__BIND": "0.0.0.0:1935"})
    assert settings.publish_url == "rtmp://127.0.0.1:1935/live"


@pytest.mark.parametrize(
    ("http", "reach"),
    [
        ({}, Reach.ANYWHERE),
        ({"BIND": "[::1]:8000"}, Reach.ANYWHERE),
        ({"BIND": "0.0.0.0:8000"}, Reach.NETWORK),
        ({"BIND": "192.168.1.4:8000"}, Reach.NETWORK),
        ({"TRUSTED_PROXIES": "127.0.0.1"}, Reach.NETWORK),
        ({"PUBLIC_URL": "https://tv.example.org"}, Reach.INTERNET),
    ],
)
def test_addresses_that_users_enter_lead_as_far_as_the_station_is_reached(
    tmp_path: Path, http: dict[str, str], reach: Reach
) -> None:
    environ = {f"MADANG_HTTP__{key}": value for key, value in http.items()}
    assert load(tmp_path, environ=environ).reach is reach


def test_public_addresses_are_used_where_they_are_set(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        environ={
            "MADANG_HTTP__PUBLIC_URL": "https://tv.example.org/",
            "MADANG_RTMP__PUBLIC_URL": "rtmps://in.example.org/live",
        },
    )
    assert settings.watch_url("yard") == "https://tv.example.org/@yard"
    assert settings.publish_url == "rtmps://in.example.org/live"


def test_the_data_folder_comes_from_the_command_line_then_the_environment(tmp_path: Path) -> None:
    environ = {"MADANG_DATA": str(tmp_path / "b")}
    assert data_folder(tmp_path / "a", environ) == tmp_path / "a"
    assert data_folder(None, environ) == tmp_path / "b"
    assert data_folder(None, {}) == Path("data").absolute()


def test_the_environment_names_a_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('[station]\nname = "Yard"\n')
    settings = load(tmp_path, environ={"MADANG_CONFIG": str(file)})
    assert (settings.station.name, settings.file) == ("Yard", file)
    assert load(tmp_path, environ={"MADANG_CONFIG": ""}).file is None
