"""Names in the chat are readable in any hue, in light and dark mode."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

STYLES = Path(__file__).parents[2] / "frontend/src/styles"
READABLE = 4.5
"""Contrast of text (WCAG 2.2, success criterion 1.4.3)."""

NAME = re.compile(
    r"light-dark\(\s*oklch\(([\d.]+) ([\d.]+) var\(--hue\)\),"
    r"\s*oklch\(([\d.]+) ([\d.]+) var\(--hue\)\)\s*\)"
)
Rgb = tuple[float, float, float]


def _oklch(lightness: float, chroma: float, hue: int) -> Rgb:
    """Linear sRGB, clipped to what a screen shows (B. Ottosson, "A perceptual color space")."""
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short
    return (_clipped(red), _clipped(green), _clipped(blue))


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))


def _hex(text: str) -> Rgb:
    values = [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values
    )
    return (red, green, blue)


def _contrast(one: Rgb, other: Rgb) -> float:
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", ["surface", "sunken", "accent-wash"])
def test_a_name_of_any_hue_can_be_read_on_every_ground_of_the_panel(ground: str) -> None:
    colours = [
        colour
        for path in sorted(STYLES.glob("chat*.css"))
        for colour in NAME.findall(path.read_text())
    ]
    assert colours
    tokens = (STYLES / "tokens.css").read_text()
    found = re.search(rf"--color-{ground}: light-dark\((#\w+), (#\w+)\)", tokens)
    assert found
    day, night = _hex(found[1]), _hex(found[2])
    for light, light_chroma, dark, dark_chroma in colours:
        for hue in range(360):
            by_day = _oklch(float(light), float(light_chroma), hue)
            by_night = _oklch(float(dark), float(dark_chroma), hue)
            assert _contrast(by_day, day) >= READABLE, hue
            assert _contrast(by_night, night) >= READABLE, hue
