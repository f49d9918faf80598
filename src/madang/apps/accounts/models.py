"""A person who can sign in."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

NAME_PATTERN = r"^\w[\w.-]{1,31}\Z"
"""Letters of any script, digits, `_`, `.` and `-`: no `@`, which tells an address from a name."""


def normal_name(name: str) -> str:
    """`name` in the one form in which look-alike spellings of it are equal (NFKC)."""
    return unicodedata.normalize("NFKC", name).strip()


class UserManager(BaseUserManager["User"]):
    """Finds accounts; `services` makes and changes them."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The account called `username`, whatever the case of its letters."""
        return self.get(name__iexact=normal_name(username or ""))


class User(AbstractBaseUser):
    """An account. `admin` runs the whole station; everybody else owns channels."""

    name = models.CharField(
        _("name"),
        max_length=32,
        validators=[
            RegexValidator(
                NAME_PATTERN,
                _("2 to 32 letters, digits, or the signs . _ - and no sign at the beginning"),
            )
        ],
    )
    email = models.EmailField(_("e-mail address"), blank=True)
    admin = models.BooleanField(_("administrator"), default=False)
    is_active = models.BooleanField(_("may sign in"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "name"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ("name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(Lower("name"), name="one_account_per_name"),
            models.UniqueConstraint(
                Lower("email"), name="one_account_per_email", condition=~models.Q(email="")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin lets this person in."""
        return self.admin

    @property
    def is_superuser(self) -> bool:
        """There are no finer rights than administrator or not."""
        return self.admin

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """An administrator may do everything (asked by Django's admin)."""
        return self.is_active and self.admin

    def has_module_perms(self, app_label: str) -> bool:
        """An administrator sees every room (asked by Django's admin)."""
        return self.is_active and self.admin


class ApiToken(models.Model):
    """What a program shows in place of a session; only a hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60)
    scopes = models.JSONField(default=list)
    key_id = models.CharField(max_length=16, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return self.key_id
