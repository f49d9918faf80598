"""The sections of the settings: what may be set, its kind and its default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from madang.apps.notices.server_url import mail_url
from madang.station.config.fields import (
    Address,
    BackupPlace,
    Bind,
    ClockTime,
    ExistingFile,
    Heights,
    Networks,
    RtmpUrl,
    WebOrigin,
)
from madang.station.stores import urls


class Section(BaseModel):
    """One table of `madang.toml`."""

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


class HttpSection(Section):
    """Pages, API and streams."""

    bind: Bind = Address("127.0.0.1", 8000)
    public_url: WebOrigin = None
    trusted_proxies: Networks = ()
    # Shorter tokens can be guessed at the rate at which /metrics answers.
    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    processes: Annotated[int, Field(ge=1, le=64)] = 2


class RtmpSection(Section):
    """RTMP and RTMPS, for encoders."""

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


class LiveSection(Section):
    """Segments, window and limits of streams. Times in seconds, rates in bits per second."""

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


class RecordingSection(Section):
    """Recording of shows, where a channel makes no other choice; room on the disk that it leaves.

    `retention_days` 0: for ever. `reserve_gb` in decimal gigabytes. Without `rewind` nothing is
    written of shows that are not kept.
    """

    record: Literal["always", "never", "ask"] = "always"
    rewind: bool = True
    retention_days: Annotated[int, Field(ge=0, le=36_500)] = 30
    reserve_gb: Annotated[float, Field(ge=0.0)] = 2.0


class RetentionSection(Section):
    """Rules by which videos go to the bin by themselves, beside the days of recordings; 0: there
    is no such rule. Sizes in decimal gigabytes.

    Files that were uploaded stay for `upload_days`, private videos for `private_days` at most, and
    those with fewer than `few_views` views for `few_views_days`. `min_free_gb` of the disk stay
    free, and all videos together take `max_used_gb` at most.
    """

    upload_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    private_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    few_views: Annotated[int, Field(ge=0)] = 0
    few_views_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    min_free_gb: Annotated[float, Field(ge=0.0)] = 0.0
    max_used_gb: Annotated[float, Field(ge=0.0)] = 0.0


class UploadsSection(Section):
    """Limits of uploads, in decimal gigabytes and megabytes; 0: no quota.

    `chunk_mb` is what the station's page sends in one request: some proxies refuse more than
    100 MB. An upload to which nothing is sent for `expire_hours` is deleted.
    """

    max_gb: Annotated[float, Field(gt=0.0, le=1000.0)] = 100.0
    quota_gb: Annotated[float, Field(ge=0.0)] = 0.0
    station_gb: Annotated[float, Field(ge=0.0)] = 0.0
    expire_hours: Annotated[float, Field(gt=0.0, le=8760.0)] = 48.0
    chunk_mb: Annotated[int, Field(ge=4, le=4096)] = 64


class ChatSection(Section):
    """Send interval of the chat, and its limits for a person and an address.

    `tick` in seconds. Messages are counted over five seconds, new connections over ten.
    """

    tick: Annotated[float, Field(ge=0.01, le=0.25)] = 0.025
    messages_per_person: Annotated[int, Field(ge=1)] = 5
    messages_per_address: Annotated[int, Field(ge=1)] = 300
    connects_per_address: Annotated[int, Field(ge=1)] = 2000
    connections_per_address: Annotated[int, Field(ge=1)] = 3000
    connections_per_device: Annotated[int, Field(ge=1)] = 10
    max_connections: Annotated[int, Field(ge=1)] = 20_000


class DatabaseSection(Section):
    """Database of the control plane. Default: `madang.db` in the data folder."""

    url: Annotated[str, AfterValidator(urls.database_url)]


class RedisSection(Section):
    """Store that processes share: cache, sessions, running shows. Absent: memory."""

    url: Annotated[str | None, AfterValidator(urls.redis_url)] = None


class MailSection(Section):
    """Mail to administrators: a server, and the address that mail comes from."""

    url: Annotated[str | None, AfterValidator(mail_url)] = None
    sender: Annotated[
        str | None, Field(alias="from", pattern=r"^[^@\s<>\"]+@[^@\s<>\"]+$", max_length=254)
    ] = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.url is None) != (self.sender is None):
            raise ValueError("expected both mail.url and mail.from, or neither")
        return self


class StorageSection(Section):
    """Store of media files. Default: `media` in the data folder.

    `internal_prefix` is the `internal` location at which nginx in front sends it.
    """

    url: Annotated[str, AfterValidator(_files_only)]
    internal_prefix: Annotated[str | None, Field(pattern=r"^/([A-Za-z0-9_-]+/)+$")] = None


class BudgetSection(Section):
    """Monthly budget: transfer in decimal terabytes, money in US dollars."""

    transfer_tb: Annotated[float, Field(gt=0)] = 5.0
    monthly_usd: Annotated[float, Field(gt=0)] | None = None


class BackupSection(Section):
    """Backups: destinations, retention and schedule. Paths: by default `backup` in the data folder.

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
    database: Literal["here", "elsewhere"] = "here"
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


class PlanSection(Section):
    """Input of the planner. The rate only shows won beside dollars."""

    catalogue: ExistingFile = None
    krw_per_usd: Annotated[float, Field(gt=0)] = 1400.0
    krw_date: Annotated[str, Field(min_length=4, max_length=20)] = "2025-11"


class StationSection(Section):
    """Name, time zone and default language of the station."""

    name: Annotated[str, Field(min_length=1, max_length=60)] = "Madang"
    language: Literal["en", "ko"] = "en"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "Asia/Seoul"


class LogSection(Section):
    """Level and format of the log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
