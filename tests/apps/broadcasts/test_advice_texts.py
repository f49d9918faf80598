from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from madang.live.advice import CODES
from tests.support.apps import Directory, live_status, make_channel, make_user

if TYPE_CHECKING:
    from madang.station.config.settings import Settings

VALUES: dict[str, dict[str, float | str]] = {
    "key_frames_far_apart": {"interval": 10.0},
    "key_frames_irregular": {"interval": 3.2},
    "uplink_slow": {"lag": 1.5, "bit_rate": 2_500_000},
    "uplink_stalled": {"lag": 6.0, "bit_rate": 2_500_000},
    "frames_dropped": {"count": 40, "percent": 3.1},
    "codec_uncommon": {"codec": "hevc", "browsers": "Firefox"},
    "profile_uncommon": {"codec": "avc1.F4001F"},
    "clock_jumps": {"count": 2},
    "media_damaged": {"count": 5},
    "bit_rate_high": {"bit_rate": 12_000_000, "limit": 8_000_000.0},
    "reordering_long": {"delay": 0.27},
}
"""Values sent by `madang.live.advice` with each code that has any."""


def test_every_code_has_words_and_no_words_are_left_over(station: Settings) -> None:
    from madang.apps.broadcasts.advice_texts import TEXTS

    assert set(TEXTS) == CODES


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("code", sorted(CODES))
def test_words_take_the_values_that_come_with_their_code(
    station: Settings, code: str, language: str
) -> None:
    from django.utils import translation

    from madang.apps.broadcasts.advice_texts import localize
    from madang.apps.broadcasts.ports import AdviceStatus

    with translation.override(language):
        (words,) = localize([AdviceStatus(code, "warning", VALUES.get(code, {}))])
    assert words.title
    assert words.text
    assert "%(" not in words.title + words.text


def test_bit_rates_are_told_in_megabits(station: Settings) -> None:
    from madang.apps.broadcasts.advice_texts import localize
    from madang.apps.broadcasts.ports import AdviceStatus

    (words,) = localize([AdviceStatus("bit_rate_high", "warning", VALUES["bit_rate_high"])])
    assert words.title.startswith("12.0 Mbit/s")
    assert "8.0 Mbit/s" in words.text


def test_the_studio_tells_the_advice_in_its_order(client: Any, air: Directory) -> None:
    from madang.apps.broadcasts.ports import AdviceStatus

    owner = make_user()
    make_channel("yard", owner)
    client.force_login(owner)
    advice = (
        AdviceStatus("uplink_stalled", "error", VALUES["uplink_stalled"]),
        AdviceStatus("no_audio", "warning", {}),
    )
    air.on_air = {"yard": live_status(advice=advice)}
    told = client.get("/studio/@yard/health.json").json()["advice"]
    assert [(item["code"], item["severity"]) for item in told] == [
        ("uplink_stalled", "error"),
        ("no_audio", "warning"),
    ]
    assert told[0]["title"] == "The stream arrives 6 s late, and viewers see it stall"
