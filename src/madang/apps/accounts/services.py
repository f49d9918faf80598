"""Creating, finding and changing accounts."""

from __future__ import annotations

from django.contrib.auth import get_user
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.errors import InvalidAccount, LastAdministrator, NameTaken, NoSuchUser
from madang.apps.accounts.models import User, normalize_name
from madang.apps.validation import in_one_sentence, save
from madang.base.confusables import skeleton_of


def find_user(name: str) -> User:
    """Return the account called `name`, ignoring case. Raises NoSuchUser."""
    try:
        return User.objects.get_by_natural_key(name)
    except User.DoesNotExist:
        raise NoSuchUser(format_lazy(_("There is no user {name}."), name=name)) from None


def user_of_session(session: SessionBase) -> User | None:
    """Return the active account that is signed in with a session."""
    request = HttpRequest()
    request.session = session
    user: object = get_user(request)
    return user if isinstance(user, User) and user.is_active else None


def create_user(name: str, *, password: str, email: str = "", admin: bool = False) -> User:
    """Make an account that signs in with `name` (or `email`) and `password`.

    Raises NameTaken, InvalidAccount.
    """
    user = User(name=normalize_name(name), email=User.objects.normalize_email(email), admin=admin)
    require_distinct_name(user)
    if user.email and User.objects.filter(email__iexact=user.email).exists():
        raise NameTaken(_("Another user has this e-mail address."))
    try:
        validate_password(password, user)
        user.set_password(password)
        user.full_clean(validate_constraints=False)
        save(user)
    except ValidationError as error:
        raise InvalidAccount(in_one_sentence(error, User)) from None
    except IntegrityError:  # concurrent creation, on PostgreSQL
        raise NameTaken(_("Another user has this name or e-mail address.")) from None
    return user


@transaction.atomic
def set_email(user: User, email: str) -> None:
    """Change the e-mail address; empty for none. Raises NameTaken, InvalidAccount."""
    user.email = User.objects.normalize_email(email)
    others = User.objects.exclude(pk=user.pk)
    if user.email and others.filter(email__iexact=user.email).exists():
        raise NameTaken(_("Another user has this e-mail address."))
    try:
        user.clean_fields(exclude={field.name for field in User._meta.fields} - {"email"})
        save(user, ("email",))
    except ValidationError as error:
        raise InvalidAccount(in_one_sentence(error, User)) from None
    except IntegrityError:  # concurrent change
        raise NameTaken(_("Another user has this e-mail address.")) from None


@transaction.atomic
def set_admin(user: User, admin: bool) -> None:
    """Grant or withdraw administrator rights. Raises LastAdministrator."""
    if not admin:
        require_another_administrator(without=user)
    user.admin = admin
    user.save(update_fields=["admin"])


@transaction.atomic
def set_active(user: User, active: bool) -> None:
    """Allow or forbid signing in. Raises LastAdministrator."""
    if not active:
        require_another_administrator(without=user)
    user.is_active = active
    user.save(update_fields=["is_active"])


@transaction.atomic
def delete_user(user: User) -> None:
    """Remove the account. Raises LastAdministrator."""
    require_another_administrator(without=user)
    user.delete()


def require_distinct_name(user: User) -> None:
    """Raise NameTaken if the name of another account looks like that of `user`.

    Accounts are few and seldom made, so all names are read.
    """
    skeleton = skeleton_of(user.name)
    others = User.objects.exclude(pk=user.pk).values_list("name", flat=True)
    if taken := next((name for name in others if skeleton_of(name) == skeleton), None):
        raise NameTaken(format_lazy(_("There is a user {name} already."), name=taken))


def require_another_administrator(*, without: User) -> None:
    """Raise LastAdministrator if `without` is the only active administrator.

    Call inside a transaction: the rows are locked, so that two administrators cannot remove each
    other at the same moment.
    """
    administrators = User.objects.select_for_update().filter(admin=True, is_active=True)
    if set(administrators.values_list("pk", flat=True)) == {without.pk}:
        raise LastAdministrator(
            format_lazy(_("{name} is the last administrator."), name=without.name),
            mend=_("Make somebody else an administrator first."),
        )
