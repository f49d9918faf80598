"""Errors of the app `accounts`."""

from __future__ import annotations

from madang.base.errors import MadangError


class AccountError(MadangError):
    """Root of the app's errors."""


class NoSuchUser(AccountError):
    """Nobody has that name."""


class NameTaken(AccountError):
    """Another account has that name or e-mail address."""


class UnfitAccount(AccountError):
    """A name, address or password does not follow the rules; the message says which."""


class LastAdministrator(AccountError):
    """The change would leave the station without an administrator."""


class UnfitToken(AccountError):
    """A token's name or scopes do not follow the rules; the message says which."""


class NoSuchToken(AccountError):
    """The account has no such token in force."""
