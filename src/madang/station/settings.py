"""Every setting of the station: its default, its kind, and where the value in force came from.

The later of these wins: default, `madang.toml`, environment (`MADANG_SECTION__KEY`), command line.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self, cast
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from madang.base.errors import MadangError
from madang.station import stores
from madang.station.fields import (
    MASK,
    Address,
    BackupPlace,
    Bind,
    ClockTime,
    ExistingFile,
    Heights,
    Networks,
    RtmpUrl,
    WebOrigin,
    masked_url,
)

FILE_NAME: Final = "madang.toml"
ENVIRONMENT_PREFIX: Final = "MADANG_"
DATA_VARIABLE: Final = "MADANG_DATA"
DEFAULT_DATA: Final = Path("data")
RTMP_APPLICATION: Final = "live"
SECRET_KEYS: Final = frozenset({"http.metrics_token", "backup.s3_key", "backup.s3_secret"})
"""Settings whose value is not repeated, not even when it is wrong."""


class SettingsError(MadangError):
    """A setting is unknown or its value is not what was expected."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("expected a time zone of the IANA database, such as Asia/Seoul")
    return name


def _files_only(url: str) -> str:
    if url.startswith("s3://"):
        raise ValueError("expected file:///PATH: this version keeps files on its own disk only")
    if not url.startswith("file:///"):
        raise ValueError("expected file:///PATH")
    return url


class HttpSettings(_Section):
    """Pages, API and streams."""

    bind: Bind = Address("127.0.0.1", 8000)
    public_url: WebOrigin = None
    trusted_proxies: Networks = ()
    # Shorter tokens can be guessed at the rate at which /metrics answers.
    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    processes: Annotated[int, Field(ge=1, le=64)] = 2


class RtmpSettings(_Section):
    """The door for encoders."""

    bind: Bind = Address("127.0.0.1", 1935)
    public_url: RtmpUrl = None
    tls_bind: Bind | None = None
    tls_certificate: ExistingFile = None
    tls_key: ExistingFile = None

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        given = [self.tls_bind, self.tls_certificate, self.tls_key]
        if any(given) and not all(given):
            raise ValueError("expected tls_bind, tls_certificate and tls_key together")
        return self


class LiveSettings(_Section):
    """How a stream is cut, kept and limited. Times in seconds, rates in bits per second."""

    part_target: Annotated[float, Field(ge=0.1, le=2.0)] = 0.33
    segment: Annotated[float, Field(ge=1.0, le=10.0)] = 2.0
    window: Annotated[float, Field(ge=6.0, le=600.0)] = 30.0
    grace: Annotated[float, Field(ge=0.0, le=600.0)] = 30.0
    max_bitrate: Annotated[int, Field(ge=100_000)] = 20_000_000
    max_publishers: Annotated[int, Field(ge=1)] = 100
    ladder: Heights = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.part_target > self.segment:
            raise ValueError("expected part_target not above segment")
        if self.window < 3 * self.segment:
            # RFC 8216 section 6.2.2: a playlist holds at least three target durations.
            raise ValueError("expected window to be at least three times segment")
        return self


class ChatSettings(_Section):
    """How fast the chat sends, and how much one person or address may use of it.

    `tick` in seconds. Messages are counted over five seconds, new connections over ten.
    """

    tick: Annotated[float, Field(ge=0.01, le=0.25)] = 0.025
    messages_per_person: Annotated[int, Field(ge=1)] = 5
    messages_per_address: Annotated[int, Field(ge=1)] = 30
    connects_per_address: Annotated[int, Field(ge=1)] = 100
    connections_per_address: Annotated[int, Field(ge=1)] = 200
    max_connections: Annotated[int, Field(ge=1)] = 20_000


class DatabaseSettings(_Section):
    """Where the control plane remembers. Default: `madang.db` in the data folder."""

    url: Annotated[str, AfterValidator(stores.database_url)]


class RedisSettings(_Section):
    """What several processes share: cache, sessions, who is on the air. Absent: memory."""

    url: Annotated[str | None, AfterValidator(stores.redis_url)] = None


class StorageSettings(_Section):
    """Where media files are kept. Default: `media` in the data folder."""

    url: Annotated[str, AfterValidator(_files_only)]


class BudgetSettings(_Section):
    """What a month may use: transfer in decimal terabytes, money in US dollars."""

    transfer_tb: Annotated[float, Field(gt=0)] = 5.0
    monthly_usd: Annotated[float, Field(gt=0)] | None = None


class BackupSettings(_Section):
    """Where backups go, how many stay, and when. Paths: by default `backup` in the data folder.

    Files are not asked for at the start: on a new machine they come back with the backup.
    """

    local: BackupPlace
    offsite: BackupPlace = None
    folder: Path
    password_file: Path
    sftp_key: Path | None = None
    sftp_known_hosts: Path
    s3_key: SecretStr | None = None
    s3_secret: SecretStr | None = None
    s3_region: str | None = None
    media: Literal["off", "offsite", "everywhere"] = "offsite"
    keep_daily: Annotated[int, Field(ge=1)] = 7
    keep_weekly: Annotated[int, Field(ge=0)] = 4
    keep_monthly: Annotated[int, Field(ge=0)] = 6
    run_by: Literal["station", "timer", "nobody"] = "station"
    daily_at: ClockTime = "03:30"
    verify_on: Literal[
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ] = "sunday"
    pgbackrest_config: Path
    postgresql_data: Path | None = None


class PlanSettings(_Section):
    """What the planner reckons with. The rate only shows won beside dollars."""

    catalogue: ExistingFile = None
    krw_per_usd: Annotated[float, Field(gt=0)] = 1400.0
    krw_date: Annotated[str, Field(min_length=4, max_length=20)] = "2025-11"


class StationSettings(_Section):
    """What the station is called and speaks when a browser does not say."""

    name: Annotated[str, Field(min_length=1, max_length=60)] = "Madang"
    language: Literal["en", "ko"] = "en"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "Asia/Seoul"


class LogSettings(_Section):
    """What is written to standard error, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One line of `madang config show`; `value` is masked where it is secret."""

    key: str
    value: str | float | bool | list[str | float] | None
    origin: str


class Settings(BaseModel):
    """All settings in force. Build with `load`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path
    http: HttpSettings = HttpSettings()
    rtmp: RtmpSettings = RtmpSettings()
    live: LiveSettings = LiveSettings()
    chat: ChatSettings = ChatSettings()
    database: DatabaseSettings
    redis: RedisSettings = RedisSettings()
    storage: StorageSettings
    budget: BudgetSettings = BudgetSettings()
    backup: BackupSettings
    plan: PlanSettings = PlanSettings()
    station: StationSettings = StationSettings()
    log: LogSettings = LogSettings()
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The settings file that was asked for with `--config`; None: the data folder's own."""
        return self._file

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None where the database is PostgreSQL."""
        return stores.sqlite_file(self.database.url)

    @property
    def catalogue_file(self) -> Path:
        """The operator's own prices; it need not be there."""
        return self.plan.catalogue or self.data / "catalogue.toml"

    @property
    def abilities_file(self) -> Path:
        """What `madang bench` measured; it need not be there."""
        return self.data / "abilities.json"

    @property
    def public_url(self) -> str:
        """Origin under which browsers reach the station, without a slash at the end."""
        return self.http.public_url or f"http://{_reachable(self.http.bind)}"

    @property
    def publish_url(self) -> str:
        """What an encoder asks for as server; the stream key is not part of it."""
        base = self.rtmp.public_url or f"rtmp://{_reachable(self.rtmp.bind)}"
        return base if base.endswith(f"/{RTMP_APPLICATION}") else f"{base}/{RTMP_APPLICATION}"

    def watch_url(self, slug: str) -> str:
        """Page of the channel `slug`."""
        return f"{self.public_url}/@{slug}"

    def shown(self) -> list[ShownSetting]:
        """Every setting, its value fit for other eyes, and where it came from."""
        return [
            ShownSetting(key, _shown(value), self._origins.get(key, "default"))
            for section in _sections()
            for name, value in getattr(self, section)
            for key in [f"{section}.{name}"]
        ]


def _sections() -> list[str]:
    return [name for name in Settings.model_fields if name != "data"]


def _keys() -> list[str]:
    return [
        f"{section}.{name}"
        for section in _sections()
        for name in cast(type[_Section], Settings.model_fields[section].annotation).model_fields
    ]


def _reachable(bind: Address) -> Address:
    return Address("127.0.0.1", bind.port) if bind.everywhere else bind


def _shown(value: object) -> str | float | bool | list[str | float] | None:
    match value:
        case SecretStr():
            return MASK
        case tuple():
            return [item if isinstance(item, int) else str(item) for item in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return masked_url(str(value))


def data_folder(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The data folder: `given` on the command line, else `MADANG_DATA`, else `./data`."""
    return (given or Path(environ.get(DATA_VARIABLE) or DEFAULT_DATA)).expanduser().absolute()


def load(
    data: Path | None = None,
    *,
    config: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
    only: Collection[str] | None = None,
) -> Settings:
    """Read the settings in force.

    `data` is the data folder, `config` a file instead of the one in it, `overrides` values from the
    command line by key (`http.bind`); `only` reads these sections and leaves the others at their
    defaults. Raises SettingsError.
    """
    folder = data_folder(data, environ)
    layers = [
        *_from_file(config or folder / FILE_NAME, required=config is not None),
        *_from_environment(environ),
        *((key, value, "command line") for key, value in (overrides or {}).items()),
    ]
    if only is not None:
        layers = [layer for layer in layers if layer[0].partition(".")[0] in only]
    known = _keys()
    backup = folder / "backup"
    values: dict[str, dict[str, object]] = {
        "database": {"url": f"sqlite:///{folder / 'madang.db'}"},
        "storage": {"url": (folder / "media").as_uri()},
        "backup": {
            "local": (backup / "local").as_uri(),
            "folder": backup,
            "password_file": backup / "password",
            "sftp_known_hosts": backup / "known_hosts",
            "pgbackrest_config": backup / "pgbackrest.conf",
        },
    }
    origins: dict[str, str] = {}
    for key, value, origin in layers:
        if key not in known:
            raise SettingsError(
                f"Unknown setting {key} ({origin}).", mend=_did_you_mean(key, known)
            )
        section, name = key.split(".")
        values.setdefault(section, {})[name] = value
        origins[key] = origin
    try:
        settings = Settings.model_validate({"data": folder, **values})
    except ValidationError as error:
        raise _explained(error, origins) from None
    settings._origins = origins
    settings._file = config
    return settings


def _from_file(path: Path, *, required: bool) -> list[tuple[str, object, str]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise SettingsError(f"There is no settings file {path}.") from None
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error}.") from None
    found: list[tuple[str, object, str]] = []
    for section, content in document.items():
        if isinstance(content, dict):
            found += [(f"{section}.{name}", value, str(path)) for name, value in content.items()]
        else:
            found.append((section, content, str(path)))
    return found


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, object, str]]:
    # A variable without a double underscore is not a setting: MADANG_DATA, or somebody else's.
    # An empty one counts as absent, as unit files and containers can empty one but not remove it.
    found: list[tuple[str, object, str]] = []
    for variable in sorted(environ):
        section, separator, name = variable.removeprefix(ENVIRONMENT_PREFIX).partition("__")
        if variable.startswith(ENVIRONMENT_PREFIX) and separator and environ[variable]:
            found.append((f"{section}.{name}".lower(), environ[variable], variable))
    return found


def _did_you_mean(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean {close[0]}?" if close else "`madang config show` lists what there is."


def _explained(error: ValidationError, origins: Mapping[str, str]) -> SettingsError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"][:2])
    said = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected", 1)
    expected = said if said.startswith("expected") else f"expected something else: {said}"
    if len(first["loc"]) < 2:
        return SettingsError(f"The settings of section {key} do not fit together: {expected}.")
    value = first["input"]
    secret = key in SECRET_KEYS
    shown = MASK if secret else masked_url(value) if isinstance(value, str) else value
    return SettingsError(f"Setting {key} is {shown!r} ({origins.get(key, 'default')}): {expected}.")
