"""Texts of advice to the broadcaster, in the reader's language.

`madang.live.advice` measures the stream and names each problem by a code; this module explains the
code and its remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from madang.apps.broadcasts.ports import AdviceStatus, AdviceValue

_MEGABIT: Final = 1_000_000.0
_BIT_RATES: Final = frozenset({"bit_rate", "limit"})
"""Values in bits per second, shown in megabits."""


@dataclass(frozen=True, slots=True)
class AdviceText:
    """Advice as shown in the studio."""

    code: str
    severity: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """Title and text of a code, with placeholders for its values."""

    title: str | Promise
    text: str | Promise


TEXTS: Final[Mapping[str, _Entry]] = {
    "key_frames_far_apart": _Entry(
        _("Key frames are %(interval)s s apart"),
        _(
            "Viewers wait for a key frame before they see anything. Set the key-frame interval "
            "of the encoder to 2 s (in OBS: Settings, Output, Streaming)."
        ),
    ),
    "key_frames_irregular": _Entry(
        _("Key frames come irregularly, up to %(interval)s s apart"),
        _(
            "Set a fixed key-frame interval of 2 s instead of automatic, and switch off "
            "scene-cut detection where the encoder offers it."
        ),
    ),
    "uplink_slow": _Entry(
        _("The stream arrives %(lag)s s late"),
        _(
            "The connection of the encoder hardly carries %(bit_rate)s Mbit/s. Lower the bit "
            "rate by a third, or use a cable instead of Wi-Fi."
        ),
    ),
    "uplink_stalled": _Entry(
        _("The stream arrives %(lag)s s late, and viewers see it stall"),
        _(
            "The connection of the encoder does not carry %(bit_rate)s Mbit/s. Halve the bit "
            "rate now, and stop other uploads on the same connection."
        ),
    ),
    "frames_dropped": _Entry(
        _("%(percent)s %% of the pictures are missing"),
        _(
            "%(count)s pictures never arrived. If the encoder reports dropped frames, lower the "
            "bit rate; if it reports skipped frames, choose a faster preset or a smaller picture."
        ),
    ),
    "codec_uncommon": _Entry(
        _("Some browsers cannot play %(codec)s"),
        _(
            "It is missing in: %(browsers)s. Choose H.264 for the picture and AAC for the sound "
            "to reach everybody."
        ),
    ),
    "profile_uncommon": _Entry(
        _("Browsers cannot play this kind of H.264 (%(codec)s)"),
        _("Choose the profile High or Main, and the color format NV12 or I420: 8 bits, 4:2:0."),
    ),
    "no_audio": _Entry(
        _("There is no sound"),
        _("Add a sound source in the encoder and check that it is not muted."),
    ),
    "no_video": _Entry(
        _("There is no picture"),
        _("If this is not a radio show, add a picture source in the encoder."),
    ),
    "clock_jumps": _Entry(
        _("The clock of the stream jumped (%(count)s times)"),
        _(
            "Viewers may notice a gap. Restart the encoder; if a capture card or a playlist is "
            "the source, let the encoder make the time stamps itself."
        ),
    ),
    "media_damaged": _Entry(
        _("Parts of the stream are damaged (%(count)s so far)"),
        _("They were left out. Update the encoder, and try its software codec instead."),
    ),
    "bit_rate_high": _Entry(
        _("%(bit_rate)s Mbit/s is more than many viewers can receive"),
        _("Stay below %(limit)s Mbit/s, or more viewers than you like will see it stall."),
    ),
    "reordering_long": _Entry(
        _("B-frames add %(delay)s s of delay"),
        _("For less delay, set B-frames to 0 or 2, or tune the encoder for low latency."),
    ),
}
"""Texts by the codes of `madang.live.advice`."""


def localize(advice: Iterable[AdviceStatus]) -> list[AdviceText]:
    """Return the texts of `advice`, in its order, in the active language."""
    return [_localize(item) for item in advice]


def _localize(item: AdviceStatus) -> AdviceText:
    entry = TEXTS[item.code]
    values = {name: _readable(name, value) for name, value in item.values.items()}
    return AdviceText(item.code, item.severity, str(entry.title) % values, str(entry.text) % values)


def _readable(name: str, value: AdviceValue) -> str:
    if isinstance(value, str):
        return value
    return f"{value / _MEGABIT:.1f}" if name in _BIT_RATES else f"{value:g}"
