"""Accounts and their API tokens."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from madang.base.names import is_name

NAME_LENGTH = 32


def normalize_name(name: str) -> str:
    """Return the NFKC form of `name`, in which look-alike spellings are equal."""
    return unicodedata.normalize("NFKC", name).strip()


def validate_name(name: str) -> None:
    """Raise ValidationError unless `name` is one (`madang.base.names`) of 2 to 32 characters.

    Without `@`, names differ from addresses.
    """
    if not 2 <= len(name) <= NAME_LENGTH or not is_name(name):
        raise ValidationError(
            _("2 to 32 letters, digits, or the signs . _ - and no sign at the beginning"),
            code="invalid",
        )


class UserManager(BaseUserManager["User"]):
    """Look-up of accounts; `services` creates and changes them."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the account called `username`, ignoring case."""
        return self.get(name__iexact=normalize_name(username or ""))


class User(AbstractBaseUser):
    """An account. `admin` may manage the whole station, others their own channels."""

    name = models.CharField(
        _("name"),
        max_length=NAME_LENGTH,
        validators=[validate_name],
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
        """True for administrators: access to Django's admin."""
        return self.admin

    @property
    def is_superuser(self) -> bool:
        """True for administrators: there are no finer permissions."""
        return self.admin

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Return True for an active administrator (called by Django's admin)."""
        return self.is_active and self.admin

    def has_module_perms(self, app_label: str) -> bool:
        """Return True for an active administrator (called by Django's admin)."""
        return self.is_active and self.admin


class ApiToken(models.Model):
    """API token of a program; only a hash is stored."""

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
