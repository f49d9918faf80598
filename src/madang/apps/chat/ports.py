"""The running chats, as the control plane calls them: a port, and its null implementation.

The station installs the data plane's implementation at its start: `madang.apps.chat.rpc_client` in
a process for pages alone, `NullChats` in one without either, such as a command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from madang.chat.errors import ChatAway
from madang.chat.model import Account


class Chats(Protocol):
    """The running chats. Every method may be called from any thread."""

    def changed(self, slug: str) -> None:
        """Apply changes of a chat's settings, moderators or emotes; of all if `slug` is empty."""

    def person_changed(self, account: int) -> None:
        """Apply changes of an account's permissions or credentials."""

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Handle a moderation request; return the acknowledgement. Raises ChatRefused."""

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message; return the acknowledgement. Raises ChatRefused."""

    def connections(self) -> Mapping[str, int]:
        """Return connections by channel, over all processes."""


class NullChats:
    """The chats of a process that runs none."""

    def changed(self, slug: str) -> None:
        """Do nothing."""

    def person_changed(self, account: int) -> None:
        """Do nothing."""

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Raises ChatAway."""
        raise ChatAway

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Raises ChatAway."""
        raise ChatAway

    def connections(self) -> Mapping[str, int]:
        """Return nothing."""
        return {}


_installed: Chats = NullChats()


def chats() -> Chats:
    """Return the chats of this process."""
    return _installed


def install(new: Chats) -> None:
    """Make `new` the chats of this process."""
    global _installed  # noqa: PLW0603  # one process has one data plane
    _installed = new
