"""The oracle has no complaint about a correct stream, and notices every breach of every rule."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.conformance.cases import CASES
from tests.conformance.faults import END, Case
from tests.conformance.oracle import check_wait_limit, watch
from tests.conformance.report import Report, Rule
from tests.conformance.server import Fault, InProcess, Server, serve
from tests.conformance.synthetic import HISTORY, PARTS, Loop, Station, make_loops
from tests.support.virtual_time import VirtualLoop, run

URL = "http://stream.test/live/demo/index.m3u8"

PAUSED = HISTORY * PARTS
"""The parts of a stream whose publisher hangs before its watch begins."""


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Loop]:
    return make_loops(tmp_path_factory.mktemp("loops"))


async def watch_station(loops: dict[str, Loop], seconds: float, case: Case | None = None) -> Report:
    """Return the oracle's report on a stream, correct but for what `case` breaks."""
    if case is None:
        server = Server(Station(loops))
    else:
        station = Station(loops, last=case.last, ends=case.ends, kept=case.kept)
        server = Server(station, case.fault)
    return await watch(URL, seconds=seconds, transport=InProcess(server))


def test_the_oracle_watches_over_a_network(loops: dict[str, Loop]) -> None:
    async def story() -> Report:
        async with serve(Server(Station(loops))) as url:
            return await watch(url, seconds=1.6)

    run(story()).check()


def test_a_correct_stream_breaks_no_rule(loops: dict[str, Loop]) -> None:
    report = run(watch_station(loops, 3.2))
    report.check()
    seen = report.statistics
    assert seen.parts >= 2 * (3 * PARTS + 14)
    assert seen.segments >= 2 * (9 + 3)
    assert seen.deltas >= 20
    assert seen.hints >= 20
    assert seen.longest_gap < 0.7
    assert seen.latency is not None
    assert -0.1 < seen.latency < 0.5


def test_a_correct_stream_may_end(loops: dict[str, Loop]) -> None:
    async def story() -> Report:
        server = Server(Station(loops, last=END, ends=True))
        return await watch(URL, seconds=10.0, transport=InProcess(server))

    report = run(story())
    report.check()
    assert report.statistics.segments == 2 * (9 + 1)


@pytest.mark.parametrize("last", [None, HISTORY * PARTS + 2], ids=["goes-on", "hangs"])
def test_a_pause_of_the_whole_machine_is_not_blamed_on_the_stream_but_a_stall_is(
    loops: dict[str, Loop], last: int | None
) -> None:
    async def story() -> Report:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.call_later(0.5, loop.pause, 2.0)
        server = Server(Station(loops, last=last))
        return await watch(URL, seconds=4.8, transport=InProcess(server))

    report = run(story())
    if last is None:
        report.check()
    else:
        assert Rule.PACE in report.broken


async def _wait(loops: Mapping[str, Loop], fault: Fault) -> Report:
    async with serve(Server(Station(dict(loops), last=PAUSED), fault)) as url:
        return await check_wait_limit(url.replace("index.m3u8", "video/media.m3u8"))


@pytest.mark.parametrize(
    ("seconds", "broken"), [(3.0, frozenset()), (1.0, {Rule.WAIT_LIMIT}), (5.5, {Rule.WAIT_LIMIT})]
)
def test_a_wait_ends_after_three_target_durations(
    loops: dict[str, Loop], seconds: float, broken: frozenset[Rule]
) -> None:
    assert run(_wait(loops, Fault(wait=seconds))).broken == broken


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule.name}: {case.what}")
def test_the_oracle_notices(loops: dict[str, Loop], case: Case) -> None:
    chosen = loops if case.both else {"video": loops["video"]}
    assert case.rule in run(watch_station(chosen, 1.6, case)).broken


def test_every_rule_is_broken_by_some_case() -> None:
    others = {Rule.WAIT_LIMIT, Rule.EVENT, Rule.BYTE_RANGE}
    assert {case.rule for case in CASES} | others == set(Rule)
