"""Form controls of the planner's page, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from madang.plan.demand import FIELDS
from madang.plan.labels import PROFILES

Lazy = str | Promise


@dataclass(frozen=True, slots=True)
class Control:
    """A slider with a number field, or a choice. `scale` converts the shown value into the
    parameter's: a bit rate is shown in Mbit/s."""

    name: str
    label: Lazy
    unit: Lazy = ""
    choices: tuple[tuple[str, Lazy], ...] = ()
    scale: float = 1.0

    @property
    def low(self) -> float:
        return FIELDS[self.name].low / self.scale

    @property
    def high(self) -> float:
        return FIELDS[self.name].high / self.scale

    @property
    def slider(self) -> float:
        """End of the slider; the number field accepts values up to `high`."""
        return FIELDS[self.name].slider / self.scale

    @property
    def step(self) -> float:
        return FIELDS[self.name].step / self.scale

    def shown(self, value: object) -> object:
        """Return a value of the demand as shown on the page."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = round(value / self.scale, 6)
            return int(number) if number == int(number) else number
        return value


@dataclass(frozen=True, slots=True)
class Group:
    """A group of controls."""

    title: Lazy
    controls: tuple[Control, ...]
    open: bool = False


_PROFILE_LABELS: Final[dict[str, Lazy]] = {
    "evening": _("Evenings"),
    "weekend": _("Weekends"),
    "school": _("School days"),
    "church": _("Church services"),
    "steady": _("The same at all hours"),
    "opening": _("A great opening night"),
}
assert set(_PROFILE_LABELS) == set(PROFILES) - {"own"}

GROUPS: Final = (
    Group(
        _("Audience"),
        (
            Control("viewers", _("Viewers at the peak"), _("people")),
            Control("hours", _("On the air, a month"), _("hours")),
            Control("profile", _("When they come"), choices=tuple(_PROFILE_LABELS.items())),
            Control("bitrate", _("Bit rate of the stream"), "Mbit/s", scale=1e6),
            Control(
                "ladder",
                _("Renditions"),
                choices=(("", _("One for everybody")), ("adaptive", _("Three, players choose"))),
            ),
            Control("peers", _("Carried by viewers"), "%", scale=0.01),
        ),
        open=True,
    ),
    Group(
        _("Money"),
        (
            Control("subscribers", _("Subscribers"), _("people")),
            Control("price", _("Price of a subscription"), "$"),
            Control("adverts", _("Adverts, a month"), "$"),
            Control("growth", _("Growth each month"), "%", scale=0.01),
        ),
        open=True,
    ),
    Group(
        _("Recordings and uploads"),
        (
            Control("keep_days", _("Recordings are kept"), _("days")),
            Control(
                "archive",
                _("Kept as"),
                choices=(
                    ("none", _("as they were sent")),
                    ("h265", _("H.265, half the size")),
                    ("av1", _("AV1, smaller still")),
                ),
            ),
            Control("replays", _("Replayed for each hour live"), _("hours")),
            Control("files", _("Uploads a month"), _("files")),
            Control("file_mb", _("An upload on average"), "MB"),
            Control("uploads", _("Uploads at once"), _("files")),
            Control("upload_gb", _("The largest upload"), "GB"),
        ),
    ),
    Group(
        _("Chat, API, channels"),
        (
            Control("chat", _("Chat connections at once"), _("people")),
            Control("messages", _("Chat messages a second"), ""),
            Control("api", _("API requests a second"), ""),
            Control("channels", _("Channels at once"), ""),
        ),
    ),
)
