"""station.toml: the description of a station's servers."""

from __future__ import annotations

import difflib
import re
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from madang.apps.notices.server_url import MailServer
from madang.ops.backup.destinations import Credentials, parse_destination
from madang.ops.deploy.errors import StationFileError

Shape = Literal["minimal", "single", "split"]

MACHINES: Final[dict[str, tuple[str, ...]]] = {
    "minimal": ("main",),
    "single": ("main",),
    "split": ("web", "media"),
}
"""Required tables under [hosts], by shape."""

KEY_TYPES: Final = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""Key types of authorized_keys in OpenSSH 8.9 (Ubuntu 22.04), the oldest supported."""


def _domain(name: str) -> str:
    label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if not re.fullmatch(rf"({label}\.)+{label}", name) or len(name) > 253:
        raise ValueError(
            "expected a host name in lower case without https://, such as tv.example.org"
        )
    return name


def _host(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return _domain(name)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("expected an IP address, such as 10.0.0.2") from None


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError("expected an address or network, such as 198.51.100.7") from None
    # A single address without a prefix length, as the firewall prints its rules.
    return str(network.network_address if network.num_addresses == 1 else network)


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("expected a time zone of the IANA database, such as Asia/Seoul")
    return name


def _public_key(line: str) -> str:
    fields = line.split(maxsplit=2)
    if (
        len(fields) < 2
        or fields[0] not in KEY_TYPES
        or not re.fullmatch(r"AAAA[A-Za-z0-9+/]+=*", fields[1])
        or not line.isprintable()
    ):
        raise ValueError(
            "expected one line of a .pub file, such as 'ssh-ed25519 AAAA… name' "
            "(the public key, never the private one)"
        )
    return line.strip()


def _mail(text: str) -> str:
    if not re.fullmatch(r"[^@\s\"'\\]+@[^@\s\"'\\]+\.[^@\s\"'\\]+", text):
        raise ValueError("expected a mail address, such as ada@example.org")
    return text


def _name(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected text on one line")
    return text


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Host(_Table):
    """One machine and its SSH access."""

    address: Annotated[str, AfterValidator(_host)]
    private_address: Annotated[str, AfterValidator(_address)] | None = None
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = "root"
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    key: Path | None = None
    known_hosts: Path | None = None
    server: str | None = None


class Administrator(_Table):
    """A person with access to the servers."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
    email: Annotated[str, AfterValidator(_mail)]
    ssh_keys: Annotated[
        tuple[Annotated[str, AfterValidator(_public_key)], ...], Field(min_length=1)
    ]
    addresses: tuple[Annotated[str, AfterValidator(_network)], ...] = ()


class Budget(_Table):
    """Monthly limits."""

    monthly_usd: Annotated[float, Field(gt=0)] | None = None
    transfer_tb: Annotated[float, Field(gt=0)] = 5.0


class Volume(_Table):
    """Block storage of the machine with the media, in decimal gigabytes."""

    size_gb: Annotated[float, Field(gt=0)]
    device: Annotated[str, Field(pattern=r"^/dev/[A-Za-z0-9/_.:-]+$")] | None = None


class Tls(_Table):
    """A certificate of the operator's instead of Let's Encrypt."""

    certificate: Path
    key: Path


def _destination(url: str) -> str:
    parse_destination("offsite", url, Credentials())
    return url


def _mail_server(url: str) -> str:
    MailServer.parse(url)
    return url


def _clock(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("expected a time of day in quotes, such as 03:30")
    return text


class Mail(_Table):
    """Mail server and sender of the settings' section `mail`."""

    url: Annotated[str, AfterValidator(_mail_server)]
    sender: Annotated[str, Field(alias="from"), AfterValidator(_mail)]


class Backup(_Table):
    """Keys of the settings' section `backup`; `sftp_key` is a local file, copied to the machine."""

    offsite: Annotated[str, AfterValidator(_destination)] | None = None
    sftp_key: Path | None = None
    s3_key: str | None = None
    s3_secret: str | None = None
    s3_region: str | None = None
    media: Literal["off", "offsite", "everywhere"] | None = None
    keep_daily: Annotated[int, Field(ge=1)] | None = None
    keep_weekly: Annotated[int, Field(ge=0)] | None = None
    keep_monthly: Annotated[int, Field(ge=0)] | None = None
    daily_at: Annotated[str, AfterValidator(_clock)] | None = None
    verify_on: (
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None
    ) = None


class Station(_Table):
    """Content of station.toml. Create with `load_station`."""

    shape: Shape
    domain: Annotated[str, AfterValidator(_domain)]
    name: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_name)] = "Madang"
    language: Literal["en", "ko"] = "en"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "Asia/Seoul"
    cloudflare: bool = False
    budget: Budget = Budget()
    volume: Volume | None = None
    hosts: dict[str, Host]
    administrators: Annotated[tuple[Administrator, ...], Field(min_length=1)]
    tls: Tls | None = None
    backup: Backup = Backup()
    mail: Mail | None = None
    expect: dict[str, int | float | str] = {}

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        wanted = MACHINES[self.shape]
        if sorted(self.hosts) != sorted(wanted):
            tables = " and ".join(f"[hosts.{name}]" for name in wanted)
            found = ", ".join(sorted(self.hosts)) or "none"
            raise ValueError(
                f"expected exactly {tables} for the shape {self.shape} (there is: {found})"
            )
        if len(wanted) > 1 and not all(host.private_address for host in self.hosts.values()):
            raise ValueError(
                "expected a private_address for each host: database and Redis are not for the world"
            )
        endpoints = [(host.address, host.port) for host in self.hosts.values()]
        if len(set(endpoints)) < len(endpoints):
            raise ValueError("expected a machine of its own for each host")
        if len({person.name for person in self.administrators}) < len(self.administrators):
            raise ValueError("expected different names for the administrators")
        return self


def load_station(path: Path) -> Station:
    """Read and check `path`; paths in it are relative to its folder. Raises StationFileError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise StationFileError(
            f"There is no file {path}.",
            mend="Write it as docs/guide/deploy.md shows, or name another with --from.",
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StationFileError(f"{path} cannot be read: {error}.") from None
    try:
        station = Station.model_validate(document)
    except ValidationError as error:
        raise _explained(path, error) from None
    return _with_paths(station, path.parent)


def _with_paths(station: Station, folder: Path) -> Station:
    """Return the station with absolute paths to files that exist. Raises StationFileError."""

    def existing_file(key: str, path: Path | None) -> Path | None:
        if path is None:
            return None
        full = (folder / path.expanduser()).absolute()
        if not full.is_file():
            raise StationFileError(f"{key} in station.toml is {path}, and there is no such file.")
        return full

    hosts = {
        name: host.model_copy(
            update={
                "key": existing_file(f"hosts.{name}.key", host.key),
                "known_hosts": None
                if host.known_hosts is None
                else (folder / host.known_hosts.expanduser()).absolute(),
            }
        )
        for name, host in station.hosts.items()
    }
    tls = station.tls and station.tls.model_copy(
        update={
            "certificate": existing_file("tls.certificate", station.tls.certificate),
            "key": existing_file("tls.key", station.tls.key),
        }
    )
    key = existing_file("backup.sftp_key", station.backup.sftp_key)
    backup = station.backup.model_copy(update={"sftp_key": key})
    return station.model_copy(update={"hosts": hosts, "tls": tls, "backup": backup})


def _explained(path: Path, error: ValidationError) -> StationFileError:
    # An unknown key explains a missing one.
    first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    where = [str(part) for part in first["loc"]]
    key = ".".join(where)
    match first["type"]:
        case "extra_forbidden":
            known = _known(where[:-1])
            close = difflib.get_close_matches(where[-1], known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(known)}."
            return StationFileError(f"{path.name}: {key} is unknown; {hint}")
        case "missing":
            return StationFileError(f"{path.name}: {key} is missing.")
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected", 1)
    expected = message if message.startswith("expected") else f"expected something else: {message}"
    if not where:
        return StationFileError(f"{path.name}: {expected}.")
    return StationFileError(f"{path.name}: {key} is {first['input']!r}: {expected}.")


def _known(table: list[str]) -> list[str]:
    """Return the valid keys of `table`."""
    kinds: dict[str, type[BaseModel]] = {
        "hosts": Host,
        "administrators": Administrator,
        "budget": Budget,
        "volume": Volume,
        "tls": Tls,
        "backup": Backup,
    }
    return sorted(kinds[table[0]].model_fields if table else Station.model_fields)
