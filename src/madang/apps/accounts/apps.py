"""Registration with Django."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.errors import AccountError, NoSuchToken, NoSuchUser
from madang.apps.problems import INVALID_REQUEST, NOT_FOUND, ProblemType

UNKNOWN_USER = ProblemType(
    "unknown-user",
    404,
    _("There is no such account"),
    _("No account of this station has this name."),
)


class AccountsConfig(AppConfig):
    """Accounts and API tokens."""

    name = "madang.apps.accounts"
    label = "accounts"
    verbose_name = _("Accounts")
    problems: ClassVar = {
        NoSuchUser: UNKNOWN_USER,
        NoSuchToken: NOT_FOUND,
        AccountError: INVALID_REQUEST,
    }

    def ready(self) -> None:
        """Hear of every change of an account."""
        from django.contrib.auth.signals import user_logged_out
        from django.db.models.signals import post_delete, post_save

        from madang.apps.accounts import signals
        from madang.apps.accounts.models import User

        post_save.connect(signals.user_saved, User)
        post_delete.connect(signals.user_deleted, User)
        user_logged_out.connect(signals.user_left)
