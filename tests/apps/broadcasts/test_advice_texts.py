"""Words of advice in the studio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.apps import Directory, live_status, make_channel, make_user

if TYPE_CHECKING:
    from madang.station.config.settings import Settings


def test_words_are_in_the_language_of_the_reader(station: Settings) -> None:
    from django.utils import translation

    from madang.apps.broadcasts.advice_texts import localize
    from madang.apps.broadcasts.ports import AdviceStatus

    advice = [AdviceStatus("key_frames_far_apart", "warning", {"interval": 10.0})]
    with translation.override("en"):
        assert localize(advice)[0].title == "Key frames are 10 s apart"
    with translation.override("ko"):
        assert localize(advice)[0].title == "키프레임 간격이 10초예요"


def test_codes_of_another_release_are_left_out(station: Settings) -> None:
    from madang.apps.broadcasts.advice_texts import localize
    from madang.apps.broadcasts.ports import AdviceStatus

    assert localize([AdviceStatus("of_next_year", "error", {"new": 1.0})]) == []


def test_bit_rates_are_told_with_their_unit(station: Settings) -> None:
    from madang.apps.broadcasts.advice_texts import localize
    from madang.apps.broadcasts.ports import AdviceStatus

    (words,) = localize(
        [AdviceStatus("bit_rate_high", "warning", {"bit_rate": 12_000_000, "limit": 8_000_000.0})]
    )
    assert words.title.startswith("12.0 Mbit/s")
    assert "8.0 Mbit/s" in words.text


def test_the_studio_tells_the_advice_in_its_order(client: Any, air: Directory) -> None:
    from madang.apps.broadcasts.ports import AdviceStatus

    owner = make_user()
    make_channel("yard", owner)
    client.force_login(owner)
    advice = (
        AdviceStatus(
            "uplink_stalled", "error", {"lag": 6.0, "bit_rate": 2_500_000, "carried": 40_000}
        ),
        AdviceStatus("no_audio", "warning", {}),
    )
    air.on_air = {"yard": live_status(advice=advice)}
    told = client.get("/studio/@yard/health.json").json()["advice"]
    assert [(item["code"], item["severity"]) for item in told] == [
        ("uplink_stalled", "error"),
        ("no_audio", "warning"),
    ]
    assert "carries 40 kbit/s, and the stream has 2.5 Mbit/s" in told[0]["text"]
    assert told[0]["title"] == "The stream arrives 6 s late, and viewers see it stall"
