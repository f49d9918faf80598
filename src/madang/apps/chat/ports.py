"""The running chats, as the control plane sees them: a port, and a station without chats.

The station installs the data plane's at its start. In a process for pages alone it is
`madang.apps.chat.rpc_client`; in one without either (a command, a test), `NullChats` answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from madang.chat.errors import ChatAway
from madang.chat.model import Account


class Chats(Protocol):
    """What the control plane may ask of the chats. Every call may be made from any thread."""

    def changed(self, slug: str) -> None:
        """Settings, moderators or emotes of a chat changed in the database; empty: of all."""

    def person_changed(self, account: int) -> None:
        """What the account with this key may, or what speaks for it, changed in the database."""

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a moderator asks and return the acknowledgement. Raises ChatRefused."""

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message, as the event `message` does. Raises ChatRefused."""

    def connections(self) -> Mapping[str, int]:
        """Connections by channel, over all processes."""


class NullChats:
    """The chats of a process that runs none."""

    def changed(self, slug: str) -> None:
        """There is nobody to tell."""

    def person_changed(self, account: int) -> None:
        """There is nobody to tell."""

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Nobody can do it here."""
        raise ChatAway

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Nobody would hear it here."""
        raise ChatAway

    def connections(self) -> Mapping[str, int]:
        """There are none."""
        return {}


_installed: Chats = NullChats()


def chats() -> Chats:
    """The chats of this process."""
    return _installed


def install(new: Chats) -> None:
    """Make `new` the chats of this process."""
    global _installed  # noqa: PLW0603  # one process has one data plane
    _installed = new
