from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.apps import make_user

if TYPE_CHECKING:
    from madang.apps.channels.keys import Key
    from madang.apps.channels.models import Channel
    from madang.apps.channels.refusals import RefusalNote

pytestmark = pytest.mark.usefixtures("db")

ADDRESS = "192.0.2.7"


def channel_with_keys() -> tuple[Channel, Key, Key]:
    """A channel with its former and its present key."""
    from madang.apps.channels.services import create_channel, rotate_key

    _, old = create_channel("yard", owner=make_user())
    channel, new = rotate_key("yard")
    return channel, old, new


def refuse(key: str, encoder: str = "OBS") -> None:
    """Try a key that opens nothing."""
    from madang.apps.channels.errors import KeyRefused
    from madang.apps.channels.services import authorise_publish

    with pytest.raises(KeyRefused):
        authorise_publish([key], ADDRESS, encoder=encoder)


def notes(channel: Channel) -> list[RefusalNote]:
    """Return the studio's notes about refused encoders."""
    from madang.apps.channels.refusals import notes_of

    return notes_of(channel.pk)


def test_an_encoder_with_a_rotated_key_is_shown_with_its_attempts() -> None:
    channel, old, _ = channel_with_keys()
    for _ in range(3):
        refuse(str(old))
    [note] = notes(channel)
    assert (note.code, note.severity) == ("encoder_refused_revoked", "warning")
    assert "old" in note.title
    assert f"OBS at {ADDRESS}, 3 times" in note.text
    assert str(old) not in note.title + note.text


def test_a_mistyped_key_is_shown_to_the_channel_that_it_names() -> None:
    channel, _, new = channel_with_keys()
    refuse(str(new)[:-1] + ("a" if str(new)[-1] != "a" else "b"), encoder="")
    [note] = notes(channel)
    assert note.code == "encoder_refused_wrong"
    assert note.text.startswith("An encoder at")


def test_a_key_of_nobody_is_shown_to_nobody() -> None:
    channel, _, _ = channel_with_keys()
    refuse("a" * 40)
    assert notes(channel) == []


def test_the_key_of_a_closed_account_is_called_that() -> None:
    from madang.apps.accounts.services import set_active

    channel, _, new = channel_with_keys()
    set_active(channel.owner, False)
    refuse(str(new))
    assert [note.code for note in notes(channel)] == ["encoder_refused_closed"]


def test_who_was_let_in_is_not_shown_any_longer() -> None:
    from madang.apps.channels.refusals import forget

    channel, old, _ = channel_with_keys()
    refuse(str(old))
    forget(channel.pk, "192.0.2.8")
    assert len(notes(channel)) == 1
    forget(channel.pk, ADDRESS)
    assert notes(channel) == []


def test_who_does_not_try_again_is_not_shown_for_ever() -> None:
    from madang.apps.channels.models import EncoderRefusal
    from madang.apps.channels.refusals import SHOWN

    channel, old, _ = channel_with_keys()
    refuse(str(old))
    row = EncoderRefusal.objects.get()
    row.last_at -= SHOWN - timedelta(minutes=1)
    row.save()
    assert "last 9 min ago" in notes(channel)[0].text
    row.last_at -= timedelta(minutes=1)
    row.save()
    assert notes(channel) == []


def test_a_flood_from_many_addresses_keeps_the_latest() -> None:
    from madang.apps.channels.refusals import KEPT, RefusalReason, note

    channel, _, _ = channel_with_keys()
    for number in range(KEPT + 5):
        note(channel.pk, RefusalReason.WRONG, f"192.0.2.{number}", "OBS")
    assert channel.refusals.count() == KEPT
    assert channel.refusals.first().address == f"192.0.2.{KEPT + 4}"  # type: ignore[union-attr]
