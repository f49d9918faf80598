"""Choice of a channel what to keep, and what its encoders are told of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.apps import make_channel, make_user

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def set_default(monkeypatch: pytest.MonkeyPatch) -> Any:
    from django.conf import settings

    def change(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setattr(settings, f"MADANG_{name}", value)

    return change


def policy_of_a_publisher() -> str:
    from madang.apps.channels.services import authorise_publish, rotate_key

    _channel, key = rotate_key("yard")
    return authorise_publish([str(key)], "192.0.2.1").record


@pytest.mark.parametrize("policy", ["always", "never", "ask"])
def test_a_publisher_is_recorded_as_the_channel_chose(policy: str) -> None:
    from madang.apps.channels.services import set_recording

    make_channel()
    set_recording("yard", record=policy)
    assert policy_of_a_publisher() == policy


def test_a_channel_without_a_choice_follows_the_station(set_default: Any) -> None:
    from madang.apps.channels.services import retention_days, set_recording

    channel = make_channel()
    assert (policy_of_a_publisher(), retention_days(channel)) == ("always", 30)
    set_default(RECORD="ask", RETENTION_DAYS=7)
    assert (policy_of_a_publisher(), retention_days(channel)) == ("ask", 7)
    channel = set_recording("yard", record="never", retention_days=0)
    assert (policy_of_a_publisher(), retention_days(channel)) == ("never", 0)
    channel = set_recording("yard", record="default", retention_days="default")
    assert (policy_of_a_publisher(), retention_days(channel)) == ("ask", 7)


def test_a_choice_changes_only_what_is_given() -> None:
    from madang.apps.channels.services import set_recording

    make_channel()
    set_recording("yard", record="ask", retention_days=90)
    channel = set_recording("yard", record="never")
    assert (channel.record, channel.retention_days) == ("never", 90)
    channel = set_recording("yard", retention_days=1)
    assert (channel.record, channel.retention_days) == ("never", 1)


@pytest.mark.parametrize(
    "choice",
    [{"record": "sometimes"}, {"retention_days": 36_501}, {"retention_days": -1}],
)
def test_a_choice_that_does_not_fit_is_refused(choice: dict[str, Any]) -> None:
    from madang.apps.channels.errors import InvalidChannel
    from madang.apps.channels.services import get_channel, set_recording

    make_channel(owner=make_user())
    with pytest.raises(InvalidChannel):
        set_recording("yard", **choice)
    channel = get_channel("yard")
    assert (channel.record, channel.retention_days) == ("", None)
