"""Figures of the benchmarks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Report, Spread, percentile


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1.0) == 100
    assert percentile([7.0], 0.01) == 7


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.floats(0, 1))
def test_the_share_of_values_does_not_exceed_the_percentile(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) * (1 - 1e-9)


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Spread.of([])
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 0.5)


def test_a_report_holds_medians_to_the_references_of_the_same_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = Report("live", {"viewers": 2})
    for value in (1.0, 3.0, 2.0):
        report.add("ours", "cpu_per_gb", value, "s/GB")
    report.add("theirs", "cpu_per_gb", 4.0, "s/GB")
    report.add("theirs", "stalls", 0.0, "stalls")
    report.add("ours", "stalls", 1.0, "stalls")
    report.print({"ours": ["theirs", "absent"]})
    figures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ours = figures[0]
    assert (ours["subject"], ours["name"], ours["value"]) == ("ours", "cpu_per_gb", 2.0)
    assert ours["ratio"] == {"theirs": 0.5}
    assert ours["spread"] == {"repeats": 3, "min": 1.0, "median": 2.0, "max": 3.0}
    assert ours["conditions"] == {"viewers": 2}
    assert ours["machine"]["cores"] > 0
    # A ratio to zero is undefined.
    assert next(found for found in figures if found["name"] == "stalls")["ratio"] == {}
