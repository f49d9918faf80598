"""Demand on a station, and the limits of each of its fields.

The table `FIELDS` is shared by the command, the page, the API and the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, Literal

from madang.base.units import DataRate, DataSize
from madang.plan.errors import DemandError
from madang.plan.labels import Pair, one_of, whole_number
from madang.plan.profiles import HOURS, PROFILES, Profile, parse_profile

ARCHIVES: Final[dict[str, float]] = {"none": 1.0, "h265": 0.5, "av1": 0.4}
"""Size of an archived recording as a share of the original at the same perceived quality: half for
H.265 (the plan's figure), less for AV1."""

CHAT_PER_VIEWER: Final = 2.0
API_PER_VIEWER: Final = 2.0
"""Defaults of the plan: 1,000 chat connections and 1,000 API requests a second for 500 viewers."""

_LADDER: Final = re.compile(r"([a-z0-9]{1,12}):([0-9.]{1,10}):([0-9.]{1,10})", re.IGNORECASE)
_RATE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([kKmMgG]?)(?:bps|bit/s)?")
_SCALE: Final = {"k": 1e3, "m": 1e6, "g": 1e9}
MIN_RATE: Final = 10_000.0
MAX_RATE: Final = 200_000_000.0
"""Bits per second of one viewer: from speech to the highest studio quality."""


PLANNED_RATE: Final = DataRate.megabits(2.5)
"""720p, as in the plan."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A rendition: name, bit rate, and share (0 to 1) of the viewers who watch it."""

    name: str
    rate: DataRate
    share: float


@dataclass(frozen=True, slots=True)
class Demand:
    """Demand of a month. `FIELDS` describes every field."""

    viewers: int = 500
    hours: float = 100.0
    bitrate: DataRate = PLANNED_RATE
    ladder: tuple[Rung, ...] = ()
    profile: Profile = PROFILES["evening"]
    channels: int = 1
    chat: int = 1000
    messages: float = 5.0
    api: float = 1000.0
    uploads: int = 20
    upload_gb: float = 5.0
    files: int = 1000
    file_mb: float = 100.0
    keep_days: int = 90
    archive: str = "h265"
    replays: float = 0.0
    peers: float = 0.0
    subscribers: int = 30
    price: float = 5.0
    adverts: float = 0.0
    growth: float = 0.1

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder; without one, a single rendition for everybody."""
        return self.ladder or (Rung("source", self.bitrate, 1.0),)

    @property
    def top(self) -> DataRate:
        """Bit rate of the stream as sent by the encoder and as recorded."""
        return max([rung.rate for rung in self.ladder], default=self.bitrate)

    @property
    def file(self) -> DataSize:
        """Mean size of an uploaded file."""
        return DataSize.megabytes(self.file_mb)


ADAPTIVE: Final = ((1.0, 0.4), (0.5, 0.4), (0.3, 0.2))
"""Renditions as shares of the source's bit rate and of the viewers, when players choose by
bandwidth and window size: an assumption."""


def adaptive(bitrate: DataRate) -> tuple[Rung, ...]:
    """Return the ladder `adaptive`: the source and two renditions below it."""
    names = ("source", "480p", "360p")
    return tuple(
        Rung(name, bitrate * rate, share)
        for name, (rate, share) in zip(names, ADAPTIVE, strict=True)
    )


Kind = Literal["whole", "number", "rate", "share", "choice", "ladder", "profile"]


@dataclass(frozen=True, slots=True)
class Field:
    """Type and limits of a field. `step` and `slider` are step and end of its slider."""

    kind: Kind
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    slider: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> Pair:
        """Expected value, for an error text."""
        match self.kind:
            case "whole":
                return whole_number(self.low, self.high)
            case "number" | "share":
                return (
                    f"a number from {self.low:g} to {self.high:g}",
                    f"{self.low:g}에서 {self.high:g} 사이의 수를 적어 주세요.",
                )
            case "rate":
                return (
                    "a bit rate from 10k to 200M, such as 2.5M, 800k or 2500000",
                    "2.5M, 800k, 2500000처럼 10k에서 200M 사이의 비트레이트를 적어 주세요.",
                )
            case "choice":
                return one_of(self.choices)
            case "ladder":
                return (
                    "adaptive, or NAME:RATE:SHARE with commas and shares that make 1, "
                    "such as 720p:2.5:0.6,360p:0.8:0.4",
                    "adaptive를 적거나, 720p:2.5:0.6,360p:0.8:0.4처럼 이름:비트레이트:비율을 "
                    "쉼표로 이어 적어 주세요. 비율의 합은 1입니다.",
                )
            case "profile":
                listed, korean = one_of(PROFILES)
                return f"{listed}, or 24 numbers with commas", korean


FIELDS: Final[dict[str, Field]] = {
    "viewers": Field("whole", 0, 1_000_000, 10, 3000),
    "hours": Field("number", 0, HOURS, 1, HOURS),
    "bitrate": Field("rate", MIN_RATE, MAX_RATE, 100_000, 8_000_000),
    "ladder": Field("ladder"),
    "profile": Field("profile"),
    "channels": Field("whole", 1, 100, 1, 10),
    "chat": Field("whole", 0, 10_000_000, 50, 10_000),
    "messages": Field("number", 0, 10_000, 1, 50),
    "api": Field("number", 0, 1_000_000, 50, 5000),
    "uploads": Field("whole", 0, 10_000, 1, 100),
    "upload_gb": Field("number", 0, 10_000, 0.5, 20),
    "files": Field("whole", 0, 1_000_000, 50, 5000),
    "file_mb": Field("number", 0, 1_000_000, 10, 2000),
    "keep_days": Field("whole", 0, 3650, 5, 365),
    "archive": Field("choice", choices=tuple(ARCHIVES)),
    "replays": Field("number", 0, 100, 0.05, 2),
    "peers": Field("share", 0, 0.9, 0.05, 0.9),
    "subscribers": Field("whole", 0, 10_000_000, 5, 1000),
    "price": Field("number", 0, 1000, 0.5, 30),
    "adverts": Field("number", 0, 10_000_000, 10, 2000),
    "growth": Field("number", -0.5, 3, 0.01, 0.5),
}

_ADAPTIVE_LADDER: Final = adaptive(DataRate(0))
"""Placeholder until the bit rate is known."""

CASES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "mvp": ("minimal", {"viewers": "100"}),
    "growth": ("single", {"viewers": "500"}),
    "expansion": ("scaled", {"viewers": "1000", "subscribers": "300", "adverts": "500"}),
}
"""Phases of the plan: shape and demand of each. The last is its growth case after a year: 300
subscribers at $5 and $500 of adverts make the revenue of $2,000."""


def parse_rate(text: str) -> DataRate:
    """Parse a bit rate: `2.5M`, `800k`, `2500000`; a bare number below 1,000 is megabits.

    Raises ValueError.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError
    number, suffix = float(match[1]), match[2].lower()
    bits = number * (_SCALE[suffix] if suffix else 1e6 if number < 1000 else 1.0)
    if not MIN_RATE <= bits <= MAX_RATE:
        raise ValueError
    return DataRate(bits)


def parse_ladder(text: str) -> tuple[Rung, ...]:
    """Parse `720p:2.5:0.6,360p:0.8:0.4`; rates as in `parse_rate`. Raises ValueError."""
    rungs: list[Rung] = []
    for part in text.split(","):
        match = _LADDER.fullmatch(part.strip())
        if match is None or len(rungs) == 12:
            raise ValueError
        rungs.append(Rung(match[1], parse_rate(match[2]), float(match[3])))
    if not math.isclose(sum(rung.share for rung in rungs), 1.0, abs_tol=0.005):
        raise ValueError
    return tuple(rungs)


def parse_demand(parameters: Mapping[str, object], base: Demand | None = None) -> Demand:
    """Parse a demand: texts or numbers by the names in `FIELDS`.

    If only the viewers are given, chat and API follow them as in the plan. Raises DemandError with
    the name, the value and the allowed range.
    """
    values: dict[str, object] = {}
    for name, value in parameters.items():
        if name not in FIELDS:
            raise DemandError(
                f"There is no figure {name!r:.60} to plan with: expected {', '.join(FIELDS)}.",
                f"계획에 {name!r:.60} 항목은 없습니다. {one_of(FIELDS)[1]}",
            )
        values[name] = _read(name, value)
    parsed = replace(base or Demand(), **values)  # type: ignore[arg-type]
    if "viewers" in values:
        if "chat" not in values:
            parsed = replace(parsed, chat=round(parsed.viewers * CHAT_PER_VIEWER))
        if "api" not in values:
            parsed = replace(parsed, api=parsed.viewers * API_PER_VIEWER)
    if values.get("ladder") == _ADAPTIVE_LADDER:
        parsed = replace(parsed, ladder=adaptive(parsed.bitrate))
    if "bitrate" in values and "ladder" not in values:
        parsed = replace(parsed, ladder=())
    return parsed


def _read(name: str, value: object) -> object:
    field = FIELDS[name]
    try:
        text = str(value).strip()
        match field.kind:
            case "rate":
                return parse_rate(text)
            case "ladder":
                if text == "adaptive":
                    return _ADAPTIVE_LADDER
                return parse_ladder(text) if text else ()
            case "profile":
                return parse_profile(text)
            case "choice":
                if text not in field.choices:
                    raise ValueError
                return text
            case "whole":
                number: float = int(text)
            case _:
                number = float(text)
        if isinstance(value, bool) or not field.low <= number <= field.high:
            raise ValueError
    except (ValueError, OverflowError):
        raise DemandError.of(name, value, field.expected) from None
    return number


def serialize_demand(demand: Demand) -> dict[str, object]:
    """Return the demand as JSON values; `parse_demand` reads it back."""
    found: dict[str, object] = {}
    for field in fields(demand):
        value = getattr(demand, field.name)
        match value:
            case DataRate():
                found[field.name] = value.bits_per_second
            case Profile():
                named = value.name in PROFILES
                found[field.name] = value.name if named else ",".join(f"{x:g}" for x in value.day)
            case tuple() if value and value == adaptive(demand.bitrate):
                found[field.name] = "adaptive"
            case tuple():
                found[field.name] = ",".join(
                    f"{rung.name}:{rung.rate.bits_per_second / 1e6:g}:{rung.share:g}"
                    for rung in value
                )
            case _:
                found[field.name] = value
    return found
