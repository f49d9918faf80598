"""The settings in force, and where each value came from; `sections` says what may be set.

The later of these wins: default, `madang.toml`, environment (`MADANG_SECTION__KEY`), command line.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, ValidationError

from madang.base.addresses import Reach, is_loopback
from madang.base.errors import MadangError
from madang.station.config.fields import MASK, Address, masked_url
from madang.station.config.sections import (
    BackupSection,
    BudgetSection,
    ChatSection,
    DatabaseSection,
    HttpSection,
    LiveSection,
    LogSection,
    MailSection,
    PlanSection,
    RecordingSection,
    RedisSection,
    RetentionSection,
    RtmpSection,
    Section,
    StationSection,
    StorageSection,
    UploadsSection,
)
from madang.station.stores import urls

FILE_NAME: Final = "madang.toml"

MAX_KEEP_DAYS: Final = 3650
"""Days that the planner looks ahead: for ever."""
ENVIRONMENT_PREFIX: Final = "MADANG_"
DATA_VARIABLE: Final = "MADANG_DATA"
CONFIG_VARIABLE: Final = "MADANG_CONFIG"
DEFAULT_DATA: Final = Path("data")
RTMP_APPLICATION: Final = "live"
SECRET_KEYS: Final = frozenset({"http.metrics_token", "backup.s3_key", "backup.s3_secret"})
"""Settings whose value is not repeated, not even when it is wrong."""


class SettingsError(MadangError):
    """A setting is unknown or its value is not what was expected."""


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
    http: HttpSection = HttpSection()
    rtmp: RtmpSection = RtmpSection()
    live: LiveSection = LiveSection()
    recording: RecordingSection = RecordingSection()
    retention: RetentionSection = RetentionSection()
    uploads: UploadsSection = UploadsSection()
    chat: ChatSection = ChatSection()
    database: DatabaseSection
    redis: RedisSection = RedisSection()
    storage: StorageSection
    mail: MailSection = MailSection()
    budget: BudgetSection = BudgetSection()
    backup: BackupSection
    plan: PlanSection = PlanSection()
    station: StationSection = StationSection()
    log: LogSection = LogSection()
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """Settings file of `--config` or `MADANG_CONFIG`; None for the data folder's own."""
        return self._file

    @property
    def database_file(self) -> Path | None:
        """File of the SQLite database; None for PostgreSQL."""
        return urls.sqlite_file(self.database.url)

    @property
    def media_folder(self) -> Path:
        """Folder of `storage.url`: recordings are in `recordings` there."""
        return Path(unquote(urlsplit(self.storage.url).path))

    @property
    def catalogue_file(self) -> Path:
        """File of the operator's own prices, which may be missing."""
        return self.plan.catalogue or self.data / "catalogue.toml"

    @property
    def benchmarks_file(self) -> Path:
        """File of the results of `madang bench`, which may be missing."""
        return self.data / "abilities.json"

    @property
    def public_url(self) -> str:
        """Origin under which browsers reach the station, without a slash at the end."""
        return self.http.public_url or f"http://{_reachable(self.http.bind)}"

    @property
    def reach(self) -> Reach:
        """Limit of where addresses may lead that users enter, by who reaches the station."""
        if self.http.public_url is not None:
            return Reach.INTERNET
        alone = is_loopback(self.http.bind.host) or self.http.bind.host == "localhost"
        return Reach.ANYWHERE if alone and not self.http.trusted_proxies else Reach.NETWORK

    @property
    def publish_url(self) -> str:
        """Server URL for encoders, without the stream key."""
        base = self.rtmp.public_url or f"rtmp://{_reachable(self.rtmp.bind)}"
        return base if base.endswith(f"/{RTMP_APPLICATION}") else f"{base}/{RTMP_APPLICATION}"

    @property
    def planned_demand(self) -> dict[str, object]:
        """Demand that the planner assumes where nobody says otherwise: rules that somebody has
        chosen are those of its forecast."""
        if "recording.retention_days" not in self._origins:
            return {}
        return {"keep_days": min(self.recording.retention_days or MAX_KEEP_DAYS, MAX_KEEP_DAYS)}

    def watch_url(self, slug: str) -> str:
        """Page of the channel `slug`."""
        return f"{self.public_url}/@{slug}"

    def shown(self) -> list[ShownSetting]:
        """Every setting, its value fit for other eyes, and where it came from."""
        return [
            ShownSetting(key, _shown(value), self._origins.get(key, "default"))
            for section in _sections()
            for name, value in getattr(self, section)
            for key in [f"{section}.{_public_name(section, name)}"]
        ]


def _sections() -> list[str]:
    return [name for name in Settings.model_fields if name != "data"]


def _keys() -> list[str]:
    return [
        f"{section}.{_public_name(section, name)}"
        for section in _sections()
        for name in _section_class(section).model_fields
    ]


def _section_class(section: str) -> type[Section]:
    return cast(type[Section], Settings.model_fields[section].annotation)


def _public_name(section: str, name: str) -> str:
    """Return the name of a key in files; `from` cannot be one in Python."""
    return _section_class(section).model_fields[name].alias or name


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
    """Return the data folder: `given` on the command line, else `MADANG_DATA`, else `./data`."""
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

    `data` is the data folder, `config` a file instead of the one in it (otherwise `MADANG_CONFIG`),
    `overrides` values from the command line by key (`http.bind`); `only` reads these sections and
    leaves the others at their defaults. Raises SettingsError.
    """
    folder = data_folder(data, environ)
    if config is None and environ.get(CONFIG_VARIABLE):
        config = Path(environ[CONFIG_VARIABLE])
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
