"""Credentials of chat clients, and the queries by which the control plane knows people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from madang.chat.model import Account


@dataclass(frozen=True, slots=True)
class Credential:
    """The key of a session, or the id of a token, with which a client joined."""

    kind: Literal["session", "token"]
    key: str


@dataclass(frozen=True, slots=True)
class Identities:
    """Queries for accounts; they run on database threads.

    `by_token` also returns the token's id; `in_force` returns the accounts of those token ids that
    have not been revoked.
    """

    by_session: Callable[[str], Account | None]
    by_token: Callable[[str], tuple[str, Account] | None]
    in_force: Callable[[Collection[str]], Mapping[str, Account]]
