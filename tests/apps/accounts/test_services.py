from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from madang.station.config.settings import Settings

from tests.support.apps import PASSWORD, make_user

pytestmark = pytest.mark.usefixtures("db")


def test_a_new_user_can_be_found_whatever_the_case() -> None:
    from madang.apps.accounts.services import find_user

    user = make_user("Minji", email="Minji@Example.org")
    assert find_user("mINJI") == user
    assert user.email == "Minji@example.org"
    assert not user.admin


@pytest.mark.parametrize("name", ["민지", "राहुल", "สมชาย", "مهدی\u200cنیا"])
def test_names_may_be_of_any_script(name: str) -> None:
    assert make_user(name).name == name


def test_passwords_are_kept_as_argon2id() -> None:
    user = make_user()
    assert user.password.startswith("argon2$argon2id$")
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize(
    "name", ["minji", "MINJI", "\uff4dinji", "minjі", "rninji", "ᴍɪɴᴊɪ", "m1nji"]
)
def test_a_name_is_taken_in_every_spelling(name: str) -> None:
    from madang.apps.accounts.errors import NameTaken

    make_user("minji")
    with pytest.raises(NameTaken):
        make_user(name)


def test_an_email_address_belongs_to_one_account() -> None:
    from madang.apps.accounts.errors import NameTaken

    make_user("one", email="same@example.org")
    with pytest.raises(NameTaken):
        make_user("two", email="SAME@example.org")


@pytest.mark.parametrize("name", ["", "x", "-dash", "a@b", "two words", "n" * 33])
def test_unfit_names_are_refused(name: str) -> None:
    from madang.apps.accounts.errors import InvalidAccount

    with pytest.raises(InvalidAccount):
        make_user(name)


@pytest.mark.parametrize("password", ["short", "password1", "minji-minji"])
def test_weak_passwords_are_refused(password: str) -> None:
    from madang.apps.accounts.errors import InvalidAccount
    from madang.apps.accounts.services import create_user

    with pytest.raises(InvalidAccount):
        create_user("minjiminji", password=password)


def test_nobody_has_an_unknown_name() -> None:
    from madang.apps.accounts.errors import NoSuchUser
    from madang.apps.accounts.services import find_user

    with pytest.raises(NoSuchUser):
        find_user("nobody")


def test_the_last_administrator_stays_one() -> None:
    from madang.apps.accounts.errors import LastAdministrator
    from madang.apps.accounts.services import delete_user, set_active, set_admin

    last = make_user("last", admin=True)
    for change in (
        lambda: set_admin(last, False),
        lambda: set_active(last, False),
        lambda: delete_user(last),
    ):
        with pytest.raises(LastAdministrator):
            change()
    last.refresh_from_db()
    assert last.admin
    assert last.is_active


def test_an_administrator_who_may_not_sign_in_does_not_count() -> None:
    from madang.apps.accounts.errors import LastAdministrator
    from madang.apps.accounts.services import set_active, set_admin

    first, second = make_user("first", admin=True), make_user("second", admin=True)
    set_active(second, False)
    with pytest.raises(LastAdministrator):
        set_admin(first, False)


def test_one_of_two_administrators_may_go() -> None:
    from madang.apps.accounts.models import User
    from madang.apps.accounts.services import delete_user

    make_user("stays", admin=True)
    delete_user(make_user("goes", admin=True))
    assert list(User.objects.values_list("name", flat=True)) == ["stays"]


def test_models_and_migrations_agree(station: Settings) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
