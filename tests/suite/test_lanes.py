"""The lanes of a parallel run: which worker gets which tests."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.support.lanes import FOLDER, REAL_TIME_UNITS, Lane, LaneScheduling, lane_of


@dataclass(eq=False)
class Worker:
    """A worker's controller, as far as the scheduler uses it."""

    name: str
    sent: list[int] = field(default_factory=list)
    ended: bool = False

    @property
    def gateway(self) -> Any:
        return SimpleNamespace(id=self.name)

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.ended = True


TESTS = [
    *("tests/e2e/test_pages.py::a", "tests/e2e/test_pages.py::b", "tests/e2e/test_http.py::a"),
    *("tests/conformance/test_station.py::a", "tests/station/roles/test_handover.py::a"),
    "tests/ops/deploy/test_single.py::a",
    *("tests/wire/test_flv.py::a", "tests/wire/test_flv.py::b", "tests/wire/test_amf0.py::a"),
]


def scheduler(*workers: Worker) -> LaneScheduling:
    config: Any = SimpleNamespace(getvalue=lambda name: ["popen"] * 4, option=SimpleNamespace())
    made = LaneScheduling.__new__(LaneScheduling)
    made.config = config
    made.workqueue = OrderedDict()
    made.assigned_work = {worker: {} for worker in workers}  # type: ignore[misc]
    made.registered_collections = {}
    for nodeid in TESTS:
        made.workqueue.setdefault(made._split_scope(nodeid), {})[nodeid] = False
    return made


def assigned(made: LaneScheduling, worker: Worker) -> list[str]:
    made.registered_collections[worker] = TESTS  # type: ignore[index]
    before = len(worker.sent)
    made._assign_work_unit(worker)
    return [TESTS[index] for index in worker.sent[before:]]


def test_a_file_is_in_the_lane_of_its_marker() -> None:
    assert lane_of(FOLDER / "e2e/test_pages.py") is Lane.REAL_TIME
    assert lane_of(FOLDER / "ops/deploy/test_single.py") is Lane.MACHINES
    assert lane_of(FOLDER / "wire/test_flv.py") is Lane.COMPUTE


def test_real_time_is_for_two_workers_and_each_file_elsewhere_is_a_unit() -> None:
    browser, processes, others = Worker("gw0"), Worker("gw1"), Worker("gw2")
    made = scheduler(browser, processes, others)
    assert set(REAL_TIME_UNITS) == {"gw0", "gw1"}
    assert assigned(made, others) == TESTS[5:6]
    assert assigned(made, browser) == TESTS[:3]
    assert assigned(made, others) == TESTS[6:8]
    assert assigned(made, processes) == TESTS[3:5]
    assert assigned(made, browser) == TESTS[8:]
    assert not made.workqueue
    assert assigned(made, others) == []
    assert others.ended


def test_nobody_else_takes_real_time_and_who_has_nothing_left_ends() -> None:
    worker = Worker("gw3")
    made = scheduler(Worker("gw0"), Worker("gw1"), worker)
    taken = [nodeid for _ in range(3) for nodeid in assigned(made, worker)]
    assert taken == TESTS[5:]
    assert assigned(made, worker) == []
    assert worker.ended
    assert list(made.workqueue) == list(REAL_TIME_UNITS.values())


def test_a_worker_that_is_alone_takes_everything() -> None:
    worker = Worker("gw0")
    made = scheduler(worker)
    taken = [nodeid for _ in range(5) for nodeid in assigned(made, worker)]
    assert sorted(taken) == sorted(TESTS)
