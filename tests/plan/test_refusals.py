"""Invalid input gives one line with the entry, the value and what is allowed."""

from __future__ import annotations

import json
import re

import pytest

from madang.apps.planner.files import reference
from madang.plan import benchmarks, catalogue_file
from madang.plan.answer import parse_question
from madang.plan.benchmarks import KINDS, Benchmarks, Measure
from madang.plan.demand import FIELDS, parse_demand
from madang.plan.errors import BenchmarksError, CatalogueError, DemandError
from madang.plan.fleet import build_fleet

DELIVERY = """
[[delivery]]
id = "near"
name = "Near"
usd_per_gb = 0.02
source = "an offer"
date = "2026-11"
"""


def test_ones_own_catalogue_adds_and_overrides() -> None:
    own = DELIVERY + DELIVERY.replace("near", "bunny-asia").replace("0.02", "0.07")
    found = catalogue_file.parse(own, reference())
    assert found.deliveries["near"].price.usd == 0.02
    assert found.deliveries["bunny-asia"].price.usd == 0.07
    assert found.servers == reference().servers


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("id = [", "The catalogue is not TOML"),
        ("[[machine]]\nid = 'x'", "'machine': expected provider, server, delivery"),
        ("delivery = 3", "delivery: expected at most 500 tables"),
        ("delivery = [3]", "delivery 1 is 3: expected a table."),
        (DELIVERY.replace('"near"', '"Near!"'), "id is 'Near!': expected lower-case"),
        (DELIVERY + DELIVERY, "id is 'near': expected a name that no other entry has"),
        (
            DELIVERY.replace("0.02", "-1"),
            "delivery near: usd_per_gb is -1: expected a number from 0 to 100.",
        ),
        (DELIVERY.replace("0.02", "nan"), "usd_per_gb is nan: expected a number"),
        (DELIVERY.replace("0.02", "'free'"), "usd_per_gb is 'free': expected a number"),
        (DELIVERY.replace("0.02", "true"), "usd_per_gb is True: expected a number"),
        (DELIVERY.replace("usd_per_gb", "usd_per_tb"), "delivery near has 0 of usd_per_gb"),
        (DELIVERY + "usd_per_gib = 1", "delivery near has 2 of usd_per_gb and usd_per_gib"),
        (DELIVERY.replace("2026-11", "soon"), "date is 'soon': expected a year, month or day"),
        (DELIVERY.replace("source =", "sauce ="), "delivery near has no source"),
        (DELIVERY + "price = 1", "price is 1: expected no such key"),
        ("[[server]]\nid='x'\nprovider='p'\nname='x'\nvcpu=0", "vcpu is 0: expected a whole"),
        (
            "[[shape]]\nid='x'\nsource='s'\ndate='2026'\n"
            "machines=[{name='a', server='plan-4c-8g', roles=['web']}]",
            "shape x: 0 machines have the role data: expected one.",
        ),
        (
            "[[shape]]\nid='x'\nsource='s'\ndate='2026'\nmachines=["
            "{name='a', server='plan-4c-8g', roles=['web', 'data', 'live', 'chat', 'worker']}, "
            "{name='a', server='plan-4c-8g', roles=['edge']}]",
            "shape x: two machines have one name",
        ),
        (
            "[[shape]]\nid='x'\nsource='s'\ndate='2026'\n"
            "machines=[{name='a', server='plan-4c-8g', roles=['king']}]",
            "roles is 'king': expected one of web",
        ),
        (
            "[[shape]]\nid='x'\nsource='s'\ndate='2026'\nmachines=[{name='a', server='nowhere', "
            "roles=['web','data','live','chat','worker']}]",
            "shape x: server is 'nowhere'",
        ),
    ],
)
def test_a_wrong_catalogue_is_refused_in_one_line(wrong: str, words: str) -> None:
    with pytest.raises(CatalogueError) as refusal:
        catalogue_file.parse(wrong, reference())
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"viewers": "-5"}, "viewers is '-5': expected a whole number from 0 to 1000000."),
        ({"viewers": "1e9"}, "viewers is '1e9': expected a whole number"),
        ({"viewers": True}, "viewers is True: expected a whole number"),
        ({"hours": "721"}, "hours is '721': expected a number from 0 to 720."),
        ({"hours": "nan"}, "hours is 'nan': expected a number"),
        ({"bitrate": "2500"}, "bitrate is '2500': expected a bit rate from 10k to 200M"),
        ({"bitrate": "fast"}, "bitrate is 'fast': expected a bit rate"),
        ({"ladder": "720p:2.5:0.6"}, "expected adaptive, or NAME:RATE:SHARE with commas"),
        ({"profile": "night"}, "profile is 'night': expected one of evening"),
        ({"profile": "1,2,3"}, "or 24 numbers"),
        ({"archive": "zip"}, "archive is 'zip': expected one of none, h265, av1."),
        ({"peers": "1"}, "peers is '1': expected a number from 0 to 0.9."),
        ({"people": "1"}, "There is no figure 'people' to plan with: expected viewers"),
        ({"case": "boom"}, "case is 'boom': expected one of mvp, growth, expansion."),
        ({"edges": "x"}, "edges is 'x': expected a whole number from 1 to 50."),
        ({"viewers": "9" * 5000}, "expected a whole number"),
    ],
)
def test_an_absurd_demand_is_refused_in_one_line(asked: dict[str, object], words: str) -> None:
    with pytest.raises(DemandError) as refusal:
        parse_question(asked)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 300
    assert "\n" not in str(refusal.value)
    korean = refusal.value.message_in("ko")
    assert re.search("[가-힣]", korean)
    assert korean.endswith(".")
    assert len(korean) < 300


@pytest.mark.parametrize(
    ("shape", "edges", "words"),
    [
        ("palace", 1, "shape is 'palace': expected one of minimal, single, split, scaled."),
        ("scaled", 51, "edges is 51: expected a whole number from 1 to 50."),
        ("single", 2, "edges is 2: the shape single has none, expected 1."),
    ],
)
def test_a_shape_that_is_not_there_is_refused(shape: str, edges: int, words: str) -> None:
    with pytest.raises(DemandError, match=words):
        build_fleet(reference(), shape, edges)


@pytest.mark.parametrize(
    ("text", "bits"),
    [("2.5M", 2.5e6), ("2.5", 2.5e6), ("800k", 8e5), ("2500000", 2.5e6), ("2.5 Mbit/s", 2.5e6)],
)
def test_a_bit_rate_is_written_as_people_write_it(text: str, bits: float) -> None:
    assert parse_demand({"bitrate": text}).bitrate.bits_per_second == bits


def test_chat_and_api_follow_the_viewers_unless_asked_for() -> None:
    few = parse_demand({"viewers": 50})
    assert (few.chat, few.api) == (100, 100)
    assert parse_demand({"viewers": 50, "chat": 7}).chat == 7


def test_the_defaults_are_within_their_limits() -> None:
    values = parse_demand({})
    for name, field in FIELDS.items():
        if field.kind in {"whole", "number", "share"}:
            assert field.low <= getattr(values, name) <= field.high


# --- benchmarks ---


def test_abilities_are_read_as_they_were_written() -> None:
    measured = {name: Measure(kind.reference, 0, kind.high) for name, kind in KINDS.items()}
    found = Benchmarks(measured, "a machine", 2, "2026-11-25T12:00:00Z")
    assert benchmarks.parse(benchmarks.serialize(found)) == found
    assert not found.reference
    assert benchmarks.REFERENCE.reference
    assert "measured 2026" in found.figure("api_requests").origin


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 9}, "version is 9: expected a whole number from 1 to 1."),
        ({"cores": 0}, "cores is 0"),
        ({"speed": 3}, "speed is 3: expected no such key"),
        ({"api_requests": 3}, "Ability api_requests is 3: expected a table."),
        (
            {"api_requests": {"value": 0, "low": 0, "high": 0}},
            "Ability api_requests: value is 0: expected a number from 1 to 1e+07.",
        ),
        ({"api_requests": {"value": 5, "low": 6, "high": 7}}, "low is 6: expected a number"),
    ],
)
def test_a_wrong_file_of_abilities_is_refused(change: dict[str, object], words: str) -> None:
    good = {"version": 1, "machine": "m", "cores": 2, "taken_at": "2026"}
    benchmarks.parse(json.dumps(good))
    with pytest.raises(BenchmarksError) as refusal:
        benchmarks.parse(json.dumps({**good, **change}))
    assert words in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '"x"'])
def test_what_is_no_file_of_abilities_is_refused(text: str) -> None:
    with pytest.raises(BenchmarksError):
        benchmarks.parse(text)
