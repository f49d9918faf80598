"""The point at which a policy may deny a viewer a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from madang.base.addresses import Network
from madang.servers.http.exchange import Exchange, Responder
from madang.wire.http1 import Fields

GRANT_SECONDS: Final = 30.0
"""Seconds for which the policy is not asked again about a viewer on the same connection."""

MAX_GRANTS: Final = 64
"""Channels remembered for the header fields of one connection."""


@dataclass(frozen=True, slots=True)
class ViewerRequest:
    """A request as a policy sees it. `path` is percent-decoded, `query` as the client sent it."""

    address: str
    path: str
    query: str
    headers: Fields


@dataclass(frozen=True, slots=True)
class Denial:
    """An answer that says why a viewer may not watch."""

    reason: str
    status: int = 403


Entitlement = Callable[[str, ViewerRequest], Denial | None]
"""Say whether a viewer may watch the channel with this slug; None lets the request pass. Called on
the event loop, so it must answer from memory or from what is signed in the request."""


class EntitlementCheck:
    """Asks the policy once for a channel and the header fields of a connection.

    The fields, not the connection alone, stand for a viewer: a proxy sends requests of many over
    one connection. A grant is kept with the fields that the connection repeats.
    """

    def __init__(
        self,
        policy: Entitlement,
        trusted_proxies: tuple[Network, ...],
        now: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._trusted = trusted_proxies
        self._now = now

    def denial(self, slug: str, exchange: Exchange) -> Denial | None:
        """Return why the request is denied, None where it may be answered."""
        if self.is_granted(slug, exchange):
            return None
        request = ViewerRequest(
            exchange.client_address(self._trusted),
            exchange.path,
            exchange.query_string,
            exchange.headers,
        )
        denial = self._policy(slug, request)
        if denial is None:
            grants = exchange.headers.grants
            if grants is None or len(grants) >= MAX_GRANTS:
                grants = exchange.headers.grants = {}
            grants[slug] = self._now() + GRANT_SECONDS
        return denial

    def is_granted(self, slug: str, responder: Responder) -> bool:
        """Return whether the policy let the sender of these fields in, not long ago."""
        grants = responder.headers.grants
        return grants is not None and grants.get(slug, 0.0) > self._now()
