"""Registration with Django."""

from typing import Any, ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from madang.apps.chat.errors import DecoderBusy, InvalidChat
from madang.apps.problems import AWAY, FORBIDDEN, INVALID_REQUEST, ProblemType
from madang.chat.errors import ChatAway, ChatRefused, NotAllowed

CHAT_REFUSED = ProblemType(
    "chat-refused",
    409,
    _("The chat does not do this"),
    _(
        "A rule of the chat, or its state, forbids what was asked; `detail` says which, and"
        " `code` is the name that the chat's own connections use for it."
    ),
)


class ChatConfig(AppConfig):
    """Chat: settings, messages, moderation."""

    name = "madang.apps.chat"
    label = "chat"
    verbose_name = _("Chat")
    problems: ClassVar = {
        ChatAway: AWAY,
        DecoderBusy: AWAY,
        NotAllowed: FORBIDDEN,
        ChatRefused: CHAT_REFUSED,
        InvalidChat: INVALID_REQUEST,
    }

    def ready(self) -> None:
        """Connect the signal for changed accounts."""
        from madang.apps.accounts.signals import access_changed

        access_changed.connect(_access_changed)


def _access_changed(account: int, **_: Any) -> None:
    from madang.apps.chat import ports

    ports.chats().person_changed(account)
