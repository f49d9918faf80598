"""Advice to the broadcaster: one table of conditions, severities and words.

To add advice, add a row to `RULES`, its condition to `advice_conditions`, and a stream that has the
fault to the table of cases in `tests/live/advice_cases.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from madang.base.text import Text
from madang.base.text import Text as _
from madang.live import advice_conditions as when
from madang.live.advice_conditions import Observed, Values

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table. `title` and `text` have placeholders for the condition's values."""

    code: str
    severity: Severity
    condition: Callable[[Observed], Values | None]
    title: Text
    text: Text


RULES: Final = (
    # --- errors: viewers do not see the show as it is meant ---
    Rule(
        "silent",
        "error",
        when.silent,
        _("Nothing has come from the encoder for {silence} s"),
        _(
            "It is connected. Look whether it still runs and whether its network does; if nothing "
            "helps, stop the stream there and start it again."
        ),
    ),
    Rule(
        "profile_uncommon",
        "error",
        when.profile_uncommon,
        _("Browsers cannot play this kind of {name} ({codec})"),
        _("Choose the profile High or Main, and the color format NV12 or I420: 8 bits, 4:2:0."),
    ),
    Rule(
        "uplink_stalled",
        "error",
        when.uplink_stalled,
        _("The stream arrives {lag} s late, and viewers see it stall"),
        _(
            "The connection of the encoder carries {carried}, and the stream has {bit_rate}. Halve "
            "the bit rate now, and stop other uploads on the same connection."
        ),
    ),
    Rule(
        "encoder_slow",
        "error",
        when.encoder_slow,
        _("The encoder is too slow, and viewers see it stall"),
        _(
            "It makes {made} s of the show in 10 s, and the connection is not the cause. Choose a "
            "faster preset, the encoder of the graphics card or a smaller picture, and close other "
            "programs."
        ),
    ),
    Rule(
        "stream_stalled",
        "error",
        when.stream_stalled,
        _("The stream comes {lag} s late, and viewers see it stall"),
        _(
            "Either the encoder's connection or its processor is too slow. If the processor is "
            "busy, choose a faster preset or a smaller picture; if not, halve the bit rate."
        ),
    ),
    Rule(
        "key_frames_missing",
        "error",
        when.key_frames_missing,
        _("There was no key frame for {wait} s, and newcomers see nothing"),
        _(
            "A picture can begin only at a key frame. Set the key-frame interval to 2 s, not to "
            "automatic or 0, and switch off intra-refresh."
        ),
    ),
    Rule(
        "picture_not_carried",
        "error",
        when.picture_not_carried,
        _("The picture cannot be shown: {codec}"),
        _("Viewers get the sound alone. Choose H.264 in the encoder."),
    ),
    Rule(
        "sound_not_carried",
        "error",
        when.sound_not_carried,
        _("The sound cannot be played: {codec}"),
        _("Viewers get the picture without it. Choose AAC (AAC-LC) in stereo in the encoder."),
    ),
    Rule(
        "picture_undescribed",
        "error",
        when.picture_undescribed,
        _("The picture cannot be decoded: its headers are missing"),
        _(
            "The encoder sends no sequence header and no parameter sets (SPS, PPS) with its key "
            "frames. Let it repeat headers at every key frame, or stop and start the stream there."
        ),
    ),
    Rule(
        "sound_undescribed",
        "error",
        when.sound_undescribed,
        _("The sound cannot be decoded: its header is missing"),
        _(
            "The encoder sends no sequence header, and the sound itself does not tell its rate "
            "and channels. Stop and start the stream there, or choose another AAC encoder."
        ),
    ),
    # --- warnings: some viewers do not, or soon nobody will ---
    Rule(
        "recording_stopped",
        "warning",
        when.recording_stopped,
        _("Nothing is being recorded: the station's disk takes no more"),
        _(
            "Viewers see the show as before, and what is missing becomes a gap in its video. "
            "Recording goes on by itself once there is room: delete videos, or ask the station's "
            "administrators, who were told."
        ),
    ),
    Rule(
        "no_audio",
        "warning",
        when.no_audio,
        _("There is no sound"),
        _("Add a sound source in the encoder and check that it is not muted."),
    ),
    Rule(
        "codec_uncommon",
        "warning",
        when.codec_uncommon,
        _("Some browsers cannot play {codec}"),
        _(
            "It is missing in: {browsers}. Choose H.264 for the picture and AAC for the sound "
            "to reach everybody."
        ),
    ),
    Rule(
        "uplink_slow",
        "warning",
        when.uplink_slow,
        _("The stream arrives {lag} s late"),
        _(
            "The connection of the encoder hardly carries {bit_rate}. Lower the bit rate by a "
            "third, or use a cable instead of Wi-Fi."
        ),
    ),
    Rule(
        "stream_late",
        "warning",
        when.stream_late,
        _("The stream comes {lag} s late"),
        _(
            "Either the encoder's connection or its processor is hardly fast enough. If the "
            "processor is busy, choose a faster preset or a smaller picture; if not, lower the bit "
            "rate by a third, or use a cable instead of Wi-Fi."
        ),
    ),
    Rule(
        "interlaced",
        "warning",
        when.interlaced,
        _("The picture is interlaced"),
        _(
            "Browsers show both fields at once, with combs at whatever moves. Let the encoder "
            "deinterlace, or choose a progressive format, such as 1080p instead of 1080i."
        ),
    ),
    Rule(
        "high_dynamic_range",
        "warning",
        when.high_dynamic_range,
        _("The picture has a high dynamic range ({range})"),
        _(
            "Screens and players without it show pale colors. Choose SDR (Rec. 709) in the "
            "encoder to look the same to everybody."
        ),
    ),
    Rule(
        "frames_dropped",
        "warning",
        when.frames_dropped,
        _("Pictures that are missing: {percent}%"),
        _(
            "{count} pictures never arrived. If the encoder reports dropped frames, lower the "
            "bit rate; if it reports skipped frames, choose a faster preset or a smaller picture."
        ),
    ),
    Rule(
        "bit_rate_high",
        "warning",
        when.bit_rate_high,
        _("{bit_rate} is more than many viewers can receive"),
        _("Stay below {limit}, or more viewers than you like will see it stall."),
    ),
    Rule(
        "key_frames_far_apart",
        "warning",
        when.key_frames_far_apart,
        _("Key frames are {interval} s apart"),
        _(
            "Viewers wait for a key frame before they see anything. Set the key-frame interval "
            "of the encoder to 2 s (in OBS: Settings, Output, Streaming)."
        ),
    ),
    Rule(
        "clock_jumps",
        "warning",
        when.clock_jumps,
        _("The clock of the stream jumped ({count} times)"),
        _(
            "Viewers may notice a gap. Restart the encoder; if a capture card or a playlist is "
            "the source, let the encoder make the time stamps itself."
        ),
    ),
    Rule(
        "media_damaged",
        "warning",
        when.media_damaged,
        _("Parts of the stream are damaged ({count} so far)"),
        _("They were left out. Update the encoder, and try its software codec instead."),
    ),
    Rule(
        "sound_late",
        "warning",
        when.sound_late,
        _("The sound arrives {delay} s behind the picture"),
        _(
            "Viewers get both together, and see the show that much later. Set the buffer or the "
            "delay of the sound in the encoder to 0, or restart the encoder."
        ),
    ),
    Rule(
        "picture_late",
        "warning",
        when.picture_late,
        _("The picture arrives {delay} s behind the sound"),
        _(
            "Viewers get both together, and see the show that much later. Choose a faster preset "
            "without look-ahead, or restart the encoder."
        ),
    ),
    Rule(
        "sound_unstamped",
        "warning",
        when.sound_unstamped,
        _("The sound has no usable time stamps"),
        _(
            "It is placed by its length, and may leave the picture where some of it is lost. "
            "Update the encoder or the firmware of the camera."
        ),
    ),
    # --- information: everybody sees the show, and it could be better ---
    Rule(
        "no_video",
        "info",
        when.no_video,
        _("There is no picture"),
        _("If this is not a radio show, add a picture source in the encoder."),
    ),
    Rule(
        "codec_new",
        "info",
        when.codec_new,
        _("Older devices cannot play AV1"),
        _(
            "Safari plays it on Apple devices from 2023 on, and old computers without hardware "
            "for it may stutter. Choose H.264 to reach everybody."
        ),
    ),
    Rule(
        "key_frames_irregular",
        "info",
        when.key_frames_irregular,
        _("Key frames come irregularly, up to {interval} s apart"),
        _(
            "Set a fixed key-frame interval of 2 s instead of automatic, and switch off "
            "scene-cut detection where the encoder offers it."
        ),
    ),
    Rule(
        "reordering_long",
        "info",
        when.reordering_long,
        _("B-frames add {delay} s of delay"),
        _("For less delay, set B-frames to 0 or 2, or tune the encoder for low latency."),
    ),
)
"""All advice, the worst first. Each code has one row, for it is the name of its words."""

BY_CODE: Final = {rule.code: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class Advice:
    """A rule that holds, and the values of its words."""

    code: str
    severity: Severity
    values: Values = field(default_factory=dict)


def advise(observed: Observed) -> tuple[Advice, ...]:
    """Return advice, the worst first."""
    found = ((rule, rule.condition(observed)) for rule in RULES)
    return tuple(
        Advice(rule.code, rule.severity, values) for rule, values in found if values is not None
    )
