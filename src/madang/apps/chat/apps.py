"""Registration with Django."""

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    """Chat: settings, messages, moderation."""

    name = "madang.apps.chat"
    label = "chat"
    verbose_name = _("Chat")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear of accounts whose people may be in a chat."""
        from madang.apps.accounts.signals import access_changed

        access_changed.connect(_access_changed)


def _access_changed(account: int, **_: Any) -> None:
    from madang.apps.chat import ports

    ports.chats().person_changed(account)
