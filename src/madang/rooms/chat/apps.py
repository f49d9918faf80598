"""Registration with Django."""

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    """The chat room."""

    name = "madang.rooms.chat"
    label = "chat"
    verbose_name = _("Chat")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear of accounts whose people may be in a chat."""
        from madang.rooms.accounts.signals import access_changed

        access_changed.connect(_access_changed)


def _access_changed(account: int, **_: Any) -> None:
    from madang.rooms.chat import live

    live.chats().person_changed(account)
