"""`madang video`, without a process of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from madang.base.errors import MadangError
from madang.station.config.settings import Settings
from tests.support.apps import make_channel, make_user
from tests.support.commands import Run, parsed, runner
from tests.support.videos import EVENING, FIRST, SECOND, begin, recorded

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, station: Settings) -> Run:
    """Run `madang video …` on the database of the test; return its output."""
    from madang.cli import video

    return runner(monkeypatch, station, video)


def test_the_list_has_items_of_the_api(run: Run, client: Any) -> None:
    recorded(make_channel(title="Drums"))
    (item,) = parsed(run, "list")
    of_api = client.get(f"/api/v1/videos/{FIRST}").json()
    times = {"created_at", "ended_at", "expires_at"}
    assert item.keys() == of_api.keys()
    assert {key: item[key] for key in item.keys() - times} == {
        key: of_api[key] for key in of_api.keys() - times
    }
    assert item["created_at"] == "2026-05-01T19:00:00.000Z"
    assert parsed(run, "show", FIRST) == item
    assert "Drums" in run("list")
    assert "visibility: public" in run("show", FIRST)


def test_the_list_is_narrowed_by_channel_and_state(run: Run) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    begin(make_channel("hall", owner), SECOND, began_at=EVENING + timedelta(hours=1))
    assert [item["id"] for item in parsed(run, "list")] == [SECOND, FIRST]
    assert [item["id"] for item in parsed(run, "list", "--channel", "hall")] == [SECOND]
    assert [item["id"] for item in parsed(run, "list", "--state", "ready")] == [FIRST]
    assert run("list", "--state", "failed") == "There is no such video.\n"


def test_a_video_is_deleted_taken_out_and_kept(run: Run) -> None:
    recorded(make_channel(), began_at=EVENING - timedelta(days=3650))
    assert parsed(run, "delete", FIRST)["state"] == "deleted"
    assert parsed(run, "list") == []
    assert [item["id"] for item in parsed(run, "list", "--state", "deleted")] == [FIRST]
    assert "kept for good" in run("restore", FIRST)
    assert parsed(run, "keep", FIRST, "--off")["keep"] is False
    assert parsed(run, "keep", FIRST)["keep"] is True
    assert parsed(run, "show", FIRST)["expires_at"] is None


def test_a_video_that_there_is_not_is_named(run: Run) -> None:
    recorded(make_channel(), temporary=True)
    for video_id in (FIRST, SECOND):
        with pytest.raises(MadangError, match=f"There is no video {video_id}"):
            run("show", video_id)
