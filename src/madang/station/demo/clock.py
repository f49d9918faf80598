"""Draws a clock with milliseconds, for people and for machines.

People read the digits. Machines read the row of blocks below them: the same instant as bits, from
which the delay between the encoder and a screen can be measured. Pictures are 8-bit grey, row by
row, white on black.
"""

from __future__ import annotations

from typing import Final

BITS: Final = 32
"""Blocks in a row: 28 bits of milliseconds (three days), then their parity, four bits."""

TIME_BITS: Final = 28
BLOCK: Final = 20
"""Side of a block in pixels: still 6 after a picture of 1280 was scaled down to 426."""

MARGIN: Final = 20
"""Black around digits and blocks, in pixels."""

_DIGIT_HEIGHT: Final = 88
_SPACE: Final = 16

WIDTH: Final = MARGIN + BITS * BLOCK + MARGIN
HEIGHT: Final = MARGIN + _DIGIT_HEIGHT + _SPACE + BLOCK + MARGIN

_STROKE: Final = 10
_DIGIT_WIDTH: Final = 48
_GAP: Final = 10
_MARK_WIDTH: Final = 14

# The seven segments of a digit, in the order a (top) to g (middle).
_SEGMENTS: Final = {
    "0": "abcdef",
    "1": "bc",
    "2": "abged",
    "3": "abgcd",
    "4": "fgbc",
    "5": "afgcd",
    "6": "afgedc",
    "7": "abc",
    "8": "abcdefg",
    "9": "abcdfg",
}

Rectangle = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


def _strokes(segments: str) -> list[Rectangle]:
    width, stroke = _DIGIT_WIDTH, _STROKE
    half = _DIGIT_HEIGHT // 2
    places: dict[str, Rectangle] = {
        "a": (0, 0, width, stroke),
        "b": (width - stroke, 0, stroke, half),
        "c": (width - stroke, half, stroke, half),
        "d": (0, _DIGIT_HEIGHT - stroke, width, stroke),
        "e": (0, half, stroke, half),
        "f": (0, 0, stroke, half),
        "g": (0, half - stroke // 2, width, stroke),
    }
    return [places[name] for name in segments]


def _glyph(width: int, rectangles: list[Rectangle]) -> list[bytes]:
    rows = [bytearray(width) for _ in range(_DIGIT_HEIGHT)]
    for left, top, across, down in rectangles:
        for row in rows[top : top + down]:
            row[left : left + across] = b"\xff" * across
    return [bytes(row) for row in rows]


_GLYPHS: Final = {
    **{digit: _glyph(_DIGIT_WIDTH, _strokes(segments)) for digit, segments in _SEGMENTS.items()},
    ":": _glyph(_MARK_WIDTH, [(2, 26, _STROKE, _STROKE), (2, 54, _STROKE, _STROKE)]),
    ".": _glyph(_MARK_WIDTH, [(2, _DIGIT_HEIGHT - _STROKE, _STROKE, _STROKE)]),
}

_FOUR_BITS: Final = 0b1111


def draw(text: str, instant: int) -> bytes:
    """Return a picture of `text` (digits, colons, points) over the blocks of `instant`.

    `instant` is in milliseconds; its lowest `TIME_BITS` bits are shown. Raises KeyError for other
    characters.
    """
    glyphs = [_GLYPHS[character] for character in text]
    gap = bytes(_GAP)
    length = sum(len(glyph[0]) for glyph in glyphs) + _GAP * (len(glyphs) - 1)
    left = bytes((WIDTH - length) // 2)
    right = bytes(WIDTH - length - len(left))
    digits = [
        left + gap.join(glyph[row] for glyph in glyphs) + right for row in range(_DIGIT_HEIGHT)
    ]
    blocks = b"".join(b"\xff" * BLOCK if bit else bytes(BLOCK) for bit in bits_of(instant))
    side = bytes(MARGIN)
    edge = bytes(WIDTH * MARGIN)
    return b"".join([edge, *digits, bytes(WIDTH * _SPACE), (side + blocks + side) * BLOCK, edge])


def bits_of(instant: int) -> list[int]:
    """Return the `BITS` bits of `instant`, the highest first, ending with the parity."""
    shown = instant & ((1 << TIME_BITS) - 1)
    word = shown << (BITS - TIME_BITS) | parity(shown)
    return [word >> (BITS - 1 - place) & 1 for place in range(BITS)]


def parity(shown: int) -> int:
    """Return the exclusive or of all groups of four bits; a misread block changes it."""
    result = 0
    while shown:
        result ^= shown & _FOUR_BITS
        shown >>= 4
    # Inverted, so that an all-black picture is not an instant.
    return result ^ _FOUR_BITS
