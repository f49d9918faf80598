"""Errors of the app `accounts`."""

from __future__ import annotations

from madang.base.errors import MadangError


class AccountError(MadangError):
    """Root of the app's errors."""


class NoSuchUser(AccountError):
    """No account has the name."""


class NameTaken(AccountError):
    """Name or e-mail address of another account."""


class InvalidAccount(AccountError):
    """Name, address or password against the rules, which the message names."""


class LastAdministrator(AccountError):
    """Change that would leave the station without an administrator."""


class InvalidToken(AccountError):
    """Name or scopes of a token against the rules, which the message names."""


class NoSuchToken(AccountError):
    """No active token of the account has the ID."""
