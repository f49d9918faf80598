from __future__ import annotations

import pytest

from madang.apps.channels.throttle import WRONG_KEYS, WrongKeys
from tests.support.apps import make_channel, make_user

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture(autouse=True)
def fresh_throttle(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    from madang.apps.channels import services

    monkeypatch.setattr(services, "_wrong_keys", WrongKeys())


def test_a_channel_is_made_with_a_key_that_opens_it() -> None:
    from madang.apps.channels.services import authorise_publish, create_channel

    channel, key = create_channel("yard", owner=make_user(), title=" Evening ")
    grant = authorise_publish([str(key)], "192.0.2.1")
    assert (grant.channel_id, grant.slug, grant.title) == (channel.pk, "yard", "Evening")


def test_the_database_does_not_hold_the_key() -> None:
    from madang.apps.channels.models import StreamKey
    from madang.apps.channels.services import create_channel

    _, key = create_channel("yard", owner=make_user())
    assert key.secret not in str(StreamKey.objects.values().get())


@pytest.mark.parametrize("slug", ["", "a", "-a", "Yard", "two words", "마당", "a" * 41, "a/b"])
def test_unfit_slugs_are_refused(slug: str) -> None:
    from madang.apps.channels.errors import InvalidChannel

    with pytest.raises(InvalidChannel):
        make_channel(slug)


def test_a_length_that_the_database_refuses_is_told_of_the_field(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one in SQL_ASCII does, which counts bytes."""
    from django.db import DataError

    from madang.apps.channels.errors import InvalidChannel
    from madang.apps.channels.models import Channel
    from madang.apps.channels.services import rename

    make_channel("yard")

    def refuse(*_: object, **__: object) -> None:
        raise DataError("value too long for type character varying(100)")

    monkeypatch.setattr(Channel, "save", refuse)
    longest = Channel._meta.get_field("title").max_length
    with pytest.raises(InvalidChannel, match=r"^Title: This is too long"):
        rename("yard", title="마" * longest)
    with pytest.raises(DataError):
        rename("yard", title="ma")


def test_a_slug_belongs_to_one_channel() -> None:
    from madang.apps.channels.errors import SlugTaken

    owner = make_user()
    make_channel("yard", owner)
    with pytest.raises(SlugTaken):
        make_channel("yard", owner)


def test_a_channel_without_a_title_is_called_by_its_slug() -> None:
    assert make_channel("yard").title == "yard"


def test_rename_changes_only_what_is_given() -> None:
    from madang.apps.channels.services import find, rename

    make_channel("yard", title="Old")
    rename("yard", description=" Drums ")
    card = find("yard")
    assert card is not None
    assert (card.title, card.description) == ("Old", "Drums")
    assert rename("yard", title="New", language="ko").title == "New"


@pytest.mark.parametrize("change", [{"title": " "}, {"title": "t" * 141}, {"language": "tlh"}])
def test_rename_refuses_what_does_not_fit(change: dict[str, str]) -> None:
    from madang.apps.channels.errors import InvalidChannel
    from madang.apps.channels.services import find, rename

    make_channel("yard", title="Old")
    with pytest.raises(InvalidChannel):
        rename("yard", **change)
    card = find("yard")
    assert card is not None
    assert card.title == "Old"


def test_a_rotated_key_no_longer_opens_and_the_new_one_does() -> None:
    from madang.apps.channels.errors import KeyRefused
    from madang.apps.channels.services import (
        authorise_publish,
        create_channel,
        list_keys,
        rotate_key,
    )

    _, old = create_channel("yard", owner=make_user())
    _, new = rotate_key("yard")
    with pytest.raises(KeyRefused, match="was revoked"):
        authorise_publish([str(old)], "192.0.2.1")
    assert authorise_publish([str(new)], "192.0.2.1").slug == "yard"
    newest, oldest = list_keys("yard")
    assert (newest.key_id, newest.revoked_at) == (new.key_id, None)
    assert newest.last_used_at is not None
    assert (oldest.key_id, oldest.last_used_at) == (old.key_id, None)
    assert oldest.revoked_at is not None


def test_the_key_is_found_in_whichever_place_it_stands() -> None:
    from madang.apps.channels.services import authorise_publish, create_channel

    _, key = create_channel("yard", owner=make_user())
    assert authorise_publish(["", "live", str(key).upper()], "192.0.2.1").slug == "yard"


def test_a_key_with_the_right_identifier_and_another_secret_is_refused() -> None:
    from madang.apps.channels.errors import KeyRefused
    from madang.apps.channels.services import authorise_publish, create_channel

    owner = make_user()
    _, key = create_channel("yard", owner=owner)
    _, other = create_channel("hall", owner=owner)
    with pytest.raises(KeyRefused):
        authorise_publish([f"{key.key_id}-{other.secret}"], "192.0.2.1")


def test_the_key_of_somebody_who_may_not_sign_in_is_refused() -> None:
    from madang.apps.accounts.services import set_active
    from madang.apps.channels.errors import KeyRefused
    from madang.apps.channels.services import authorise_publish, create_channel

    owner = make_user()
    _, key = create_channel("yard", owner=owner)
    set_active(owner, False)
    with pytest.raises(KeyRefused):
        authorise_publish([str(key)], "192.0.2.1")


def test_an_encoder_without_a_key_is_told_so() -> None:
    from madang.apps.channels.errors import KeyRefused
    from madang.apps.channels.services import authorise_publish

    with pytest.raises(KeyRefused, match="no stream key"):
        authorise_publish(["stream", ""], "192.0.2.1")


def wrong_key() -> str:
    from madang.apps.channels.keys import generate_key

    return str(generate_key())


def test_the_right_key_is_let_in_whatever_others_at_its_address_have_tried() -> None:
    from madang.apps.channels.errors import KeyRefused, TooManyWrongKeys
    from madang.apps.channels.services import authorise_publish, create_channel

    _, key = create_channel("yard", owner=make_user())
    for _ in range(WRONG_KEYS):
        with pytest.raises(KeyRefused, match="key is wrong"):
            authorise_publish([wrong_key()], "192.0.2.1", now=100.0)
    with pytest.raises(TooManyWrongKeys, match="Too many"):
        authorise_publish([wrong_key()], "192.0.2.1", now=101.0)
    assert authorise_publish([str(key)], "192.0.2.1", now=102.0).slug == "yard"
    with pytest.raises(KeyRefused, match="key is wrong"):
        authorise_publish([wrong_key()], "192.0.2.2", now=102.0)


def test_a_key_that_once_was_valid_is_never_a_guess() -> None:
    from madang.apps.channels.errors import KeyRefused, TooManyWrongKeys
    from madang.apps.channels.services import authorise_publish, create_channel, rotate_key

    _, key = create_channel("yard", owner=make_user())
    for number in range(2 * WRONG_KEYS):
        old, (_, key) = key, rotate_key("yard")
        with pytest.raises(KeyRefused, match="was revoked") as refused:
            authorise_publish([str(old)], "192.0.2.1", now=float(number))
        assert not isinstance(refused.value, TooManyWrongKeys)
    with pytest.raises(KeyRefused, match="key is wrong"):
        authorise_publish([wrong_key()], "192.0.2.1", now=100.0)


def test_texts_that_are_no_keys_do_not_count() -> None:
    from madang.apps.channels.errors import KeyRefused
    from madang.apps.channels.services import authorise_publish

    for number in range(2 * WRONG_KEYS):
        with pytest.raises(KeyRefused, match="no stream key"):
            authorise_publish([f"guess {number}"], "192.0.2.1", now=1.0)


def test_one_of_several_keys_may_be_the_right_one() -> None:
    from madang.apps.channels.services import authorise_publish, create_channel, rotate_key

    _, old = create_channel("yard", owner=make_user())
    _, new = rotate_key("yard")
    assert authorise_publish([f"{wrong_key()}/{old}", str(new)], "192.0.2.1").slug == "yard"


def test_a_key_of_the_former_shape_goes_on_opening() -> None:
    from madang.apps.channels.services import authorise_publish, create_channel

    _, key = create_channel("yard", owner=make_user())
    assert authorise_publish([f"{key.key_id}-{key.secret}"], "192.0.2.1").slug == "yard"


def test_listing_and_find_tell_what_everybody_may_know() -> None:
    from madang.apps.channels.services import find, list_channels

    owner = make_user()
    make_channel("yard", owner)
    make_channel("hall", owner)
    assert [card.slug for card in list_channels()] == ["hall", "yard"]
    assert list_channels()[0].owner == "minji"
    assert find("nowhere") is None
