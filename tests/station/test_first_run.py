from __future__ import annotations

from typing import Any

import pytest

from madang.station.config.settings import Settings

pytestmark = pytest.mark.usefixtures("db")


def test_the_first_start_makes_an_administrator_and_no_later_one_does() -> None:
    from madang.apps.accounts.models import User
    from madang.station import first_run

    made = first_run.ensure_administrator()
    assert made is not None
    user = User.objects.get(name=made.name)
    assert user.admin
    assert user.check_password(made.password)
    assert first_run.ensure_administrator() is None
    assert User.objects.count() == 1


@pytest.mark.parametrize(("language", "word"), [("en", "clock"), ("ko", "시계")])
def test_the_demo_channel_is_made_once_and_gets_a_new_key_each_time(
    language: str, word: str
) -> None:
    from madang.apps.channels.errors import KeyRefused
    from madang.apps.channels.models import Channel
    from madang.apps.channels.services import authorise_publish
    from madang.station import first_run

    first = first_run.demo_stream_key(language)
    second = first_run.demo_stream_key(language)
    channel = Channel.objects.get()
    assert word in channel.title
    assert first != second
    assert authorise_publish([second], "127.0.0.1").slug == first_run.DEMO_SLUG
    with pytest.raises(KeyRefused):
        authorise_publish([first], "127.0.0.1")


def test_shows_of_the_demo_are_kept_only_if_somebody_chose_so() -> None:
    from madang.apps.channels.services import authorise_publish, set_recording
    from madang.station import first_run

    def policy() -> str:
        return authorise_publish([first_run.demo_stream_key("en")], "127.0.0.1").record

    assert policy() == "never"
    set_recording(first_run.DEMO_SLUG, record="always")
    assert policy() == "always"


def test_the_demo_is_wanted_until_somebody_has_a_channel() -> None:
    from madang.apps.accounts.models import User
    from madang.apps.channels.services import create_channel
    from madang.station import first_run

    assert first_run.wants_demo()
    first_run.demo_stream_key("en")
    assert first_run.wants_demo()
    create_channel("yard", owner=User.objects.create(name="minji"))
    assert not first_run.wants_demo()


@pytest.mark.parametrize("first_run", [True, False])
def test_only_a_first_run_makes_an_administrator_and_the_demo(
    station: Settings, monkeypatch: pytest.MonkeyPatch, first_run: bool
) -> None:
    from madang.apps.accounts.models import User
    from madang.station.roles import all as everything
    from madang.station.roles import serve

    given: list[Any] = []
    monkeypatch.setattr(serve.uvloop, "run", lambda _: None)
    monkeypatch.setattr(everything, "serve", lambda *arguments: given.extend(arguments))
    manager: Any = None
    serve._everything(None, first_run)(station, manager)
    assert [value is not None for value in given[2:]] == [first_run, first_run]
    assert User.objects.exists() is first_run
