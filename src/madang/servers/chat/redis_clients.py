"""Clients of Redis for the loops of a chat process."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def loop_clients(url: str, *, patience: float, block: float) -> tuple[Any, Any]:
    """Return a client for commands and one for reads that block, neither of which tries again.

    A command may take `patience` seconds, a read that waits for something new `block` more.
    """
    return _client(url, patience, patience), _client(url, patience + block, patience)


def _client(url: str, timeout: float, connect_timeout: float) -> Any:
    return Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=connect_timeout,
        retry=Retry(NoBackoff(), 0),
    )
