"""Synchronisation frames of AC-3 and E-AC-3 that ffmpeg does not produce."""

from __future__ import annotations

import pytest

from madang.media import ac3, eac3
from madang.media.bits import CodecConfigError
from tests.support.bit_fields import octets, u
from tests.support.samples import sample


def ac3_frame(rate: int, size: int, version: int, mode: int, coding: int, *rest: str) -> bytes:
    sync = u(0x0B77, 16) + u(0, 16)
    return octets(sync, u(rate, 2), u(size, 6), u(version, 5), u(mode, 3), u(coding, 3), *rest)


@pytest.mark.parametrize(
    ("coding", "before_lfe", "channels"),
    [
        (0, "", 2),
        (1, "", 1),
        (2, "00", 2),
        (3, "00", 3),
        (4, "00", 3),
        (5, "0000", 4),
        (6, "00", 4),
        (7, "0000", 5),
    ],
)
@pytest.mark.parametrize("low_frequency", [0, 1])
def test_the_low_frequency_channel_is_found_behind_the_mix_levels(
    coding: int, before_lfe: str, channels: int, low_frequency: int
) -> None:
    # Mix levels are set, so that skipping too few or too many of them changes the flag.
    filler = before_lfe.replace("0", str(1 - low_frequency))
    track = ac3.parse_frame(ac3_frame(1, 29, 8, 3, coding, filler, str(low_frequency)))
    assert track.channels == channels + low_frequency
    assert track.sample_rate == 44_100
    fields = u(1, 2) + u(8, 5) + u(3, 3) + u(coding, 3) + str(low_frequency) + u(14, 5) + u(0, 5)
    assert track.config == octets(fields)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0b\x78" + ac3_frame(0, 0, 8, 0, 1, "0")[2:],
        ac3_frame(3, 0, 8, 0, 1, "0"),
        ac3_frame(0, 38, 8, 0, 1, "0"),
        ac3_frame(0, 0, 9, 0, 1, "0"),
        ac3_frame(0, 0, 8, 0, 7)[:6],
    ],
)
def test_damaged_ac3_frames_are_refused(data: bytes) -> None:
    with pytest.raises(CodecConfigError):
        ac3.parse_frame(data)


def eac3_frame(kind: int, substream: int, rate: str, coding: int, *rest: str) -> bytes:
    size = 32
    head = u(0x0B77, 16) + u(kind, 2) + u(substream, 3) + u(size // 2 - 1, 11) + rate
    return octets(head, u(coding, 3), *rest).ljust(size, b"\0")


TAIL = "1" + u(16, 5)
"""A low-frequency channel, version 16."""
MAIN = eac3_frame(0, 0, "00" + "11", 7, TAIL)


@pytest.mark.parametrize(("code", "samples"), [("00", 256), ("01", 512), ("10", 768), ("11", 1536)])
def test_frames_may_hold_fewer_blocks(code: str, samples: int) -> None:
    frame = eac3_frame(0, 0, "00" + code, 7, TAIL)
    assert eac3.unit_samples(frame) == samples
    assert eac3.unit_samples(frame * 3) == 3 * samples


def test_half_rates_always_hold_six_blocks() -> None:
    frame = eac3_frame(0, 0, "11" + "01", 2, TAIL)
    track = eac3.parse_unit(frame)
    assert (track.sample_rate, track.channels) == (22_050, 3)
    assert eac3.unit_samples(frame) == 1536


def test_dependent_substreams_add_their_channels() -> None:
    compressed = u(0, 5) + "1" + u(0, 8)
    second = u(31, 5) + "1" + u(255, 8)
    rear_pair_and_second_lfe = u(1 << 15 - 6 | 1 << 15 - 14, 16)
    dependent = eac3_frame(1, 0, "00" + "11", 7, TAIL, compressed, "1", rear_pair_and_second_lfe)
    dual_mono = eac3_frame(1, 1, "00" + "11", 0, TAIL, compressed, second, "0")
    track = eac3.parse_unit(MAIN + dependent + dual_mono)
    assert track.channels == 6 + 2 + 1
    assert eac3.unit_samples(MAIN + dependent + dual_mono) == 1536
    rate = 3 * 32 * 8 * 48_000 // 1536 // 1000
    substream = u(0, 2) + u(16, 5) + u(0, 5) + u(7, 3) + "1" + u(0, 3) + u(2, 4) + u(0x102, 9)
    assert track.config == octets(u(rate, 13), u(0, 3), substream)


def test_other_programs_do_not_count() -> None:
    uncompressed = u(0, 5) + "0"
    other = eac3_frame(0, 1, "00" + "11", 2, TAIL)
    rear_pair = eac3_frame(1, 0, "00" + "11", 7, TAIL, uncompressed, "1", u(1 << 15 - 6, 16))
    assert eac3.parse_unit(MAIN + rear_pair).channels == 8
    assert eac3.parse_unit(MAIN + other + rear_pair).channels == 6
    assert eac3.unit_samples(MAIN + other + rear_pair) == 1536


def test_what_ffmpeg_makes_is_one_frame_of_six_blocks() -> None:
    for unit in sample("bundled", "eac3").units:
        assert eac3.unit_samples(unit.data) == 1536


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0b\x78" + MAIN[2:],
        MAIN[:-1],
        MAIN + MAIN[:4],
        eac3_frame(1, 0, "00" + "11", 7, TAIL),
        eac3_frame(0, 0, "11" + "11", 7, TAIL),
        eac3_frame(0, 0, "00" + "11", 7, "1" + u(8, 5)),
        MAIN * 433,
        MAIN + eac3_frame(1, 0, "00" + "11", 7, TAIL) * 9,
    ],
)
def test_damaged_eac3_units_are_refused(data: bytes) -> None:
    with pytest.raises(CodecConfigError):
        eac3.parse_unit(data)
