"""Two people do the same thing at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from madang.base.errors import MadangError
from tests.support.apps import PASSWORD, make_channel, make_user
from tests.support.videos import begin, finish

pytestmark = pytest.mark.usefixtures("committed_db")

AT_ONCE = 4


def together(act: Callable[[], object]) -> list[object]:
    """Return the result or error of each of some threads that begin at the same moment."""
    from django.db import connection

    barrier = threading.Barrier(AT_ONCE)
    results: list[object] = []

    def run() -> None:
        barrier.wait()
        try:
            results.append(act())
        except MadangError as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == AT_ONCE, "a thread ended with another error"
    return results


def test_one_of_those_who_want_a_name_gets_it() -> None:
    from madang.apps.accounts.errors import NameTaken
    from madang.apps.accounts.models import User
    from madang.apps.accounts.services import create_user

    results = together(lambda: create_user("minji", password=PASSWORD))
    assert sum(isinstance(result, NameTaken) for result in results) == AT_ONCE - 1
    assert User.objects.count() == 1


def test_one_of_those_who_want_an_address_gets_it() -> None:
    from madang.apps.channels.errors import SlugTaken
    from madang.apps.channels.services import create_channel

    owner = make_user()
    results = together(lambda: create_channel("yard", owner=owner))
    assert sum(isinstance(result, SlugTaken) for result in results) == AT_ONCE - 1


def test_of_keys_made_at_once_one_is_in_force() -> None:
    from madang.apps.channels.services import list_keys, rotate_key

    make_channel()
    results = together(lambda: rotate_key("yard"))
    assert not any(isinstance(result, MadangError) for result in results)
    keys = list_keys("yard")
    assert len(keys) == AT_ONCE + 1
    assert sum(key.revoked_at is None for key in keys) == 1


def test_two_administrators_cannot_remove_each_other() -> None:
    from madang.apps.accounts.models import User
    from madang.apps.accounts.services import set_admin

    waiting = [make_user(name, admin=True) for name in ("ada", "minji")]
    lock = threading.Lock()

    def resign() -> None:
        with lock:
            user = waiting.pop() if waiting else None
        if user is not None:
            set_admin(user, False)

    together(resign)
    assert User.objects.filter(admin=True).count() == 1


def test_a_recording_that_begins_or_ends_twice_at_once_is_one() -> None:
    from madang.apps.videos.models import Video
    from madang.apps.webhooks import services as webhooks
    from madang.apps.webhooks.models import WebhookDelivery

    channel = make_channel()
    webhooks.add(channel, "https://example.org/", ["video.ready"])
    assert not any(isinstance(result, Exception) for result in together(lambda: begin(channel)))
    assert not any(isinstance(result, Exception) for result in together(finish))
    assert Video.objects.get().state == "ready"
    assert WebhookDelivery.objects.count() == 1
