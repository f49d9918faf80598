"""The daily examination, with the checks of `madang doctor` as a child process."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clocks import ManualClock

if TYPE_CHECKING:
    from madang.station.config.settings import Settings


def check(name: str, *, ok: bool) -> dict[str, Any]:
    mend = "" if ok else "free some"
    return {"name": name, "ok": ok, "detail": "1.2 GB free", "mend": mend}


def test_what_is_wrong_is_told_and_told_anew_when_it_comes_back(
    db: None, station: Settings
) -> None:
    from madang.apps.accounts.services import create_user
    from madang.apps.notices.models import Notice
    from madang.station.jobs.examination import Examination

    create_user("ada", password="correct horse battery", email="ada@example.org", admin=True)
    clock = ManualClock()
    found = [check("disk space", ok=False), check("clock", ok=True)]
    examination = Examination(station, clock.clock, examine=lambda: found)
    examination.run()
    examination.run()
    (notice,) = Notice.objects.all()
    assert notice.subject == "something is wrong: disk space"
    assert "1.2 GB free" in notice.text
    assert "free some" in notice.text
    found[0] = check("disk space", ok=True)
    examination.run()
    found[0] = check("disk space", ok=False)
    examination.run()
    assert Notice.objects.count() == 2


def test_the_checks_are_those_of_the_command(station: Settings) -> None:
    from madang.station import doctor
    from madang.station.jobs.examination import Examination

    names = [found["name"] for found in Examination(station).run_doctor()]
    assert "disk space" in names
    assert "mail" in names
    assert set(names) <= {each.replace("_", " ") for each in dir(doctor)} | {
        "HTTP port",
        "RTMP port",
        "Redis",
    }


def test_a_station_that_ends_takes_the_examination_with_it(station: Settings) -> None:
    from madang.station.jobs.examination import Examination, ExaminationFailed

    examination = Examination(station)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(examination.run_doctor)
        while examination._child is None:
            time.sleep(0.01)
        examination.stop()
        with pytest.raises(ExaminationFailed):
            running.result(60)
