"""Limits of sign-in, by account and by address; counted in the cache, in windows of the clock.

An account is what was typed, whether it exists or not: a refusal tells nothing about it. A browser
in which the account has signed in before has a count of its own, so that nobody else can keep its
person out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from django.core.cache import cache

from madang.apps.accounts.models import normalize_name


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in `seconds`. `name` is part of the key in the cache."""

    name: str
    most: int
    seconds: int


ATTEMPTS: Final = Limit("attempts", 600, 300)
"""Of an address: a school of 300 within a minute, twice. Each costs 50 ms of a core."""

FAILURES: Final = Limit("failures", 5, 300)
"""Of an account at an address, or in a browser that knows it."""

FAILURES_EVERYWHERE: Final = Limit("everywhere", 100, 3600)
"""Of an account, from all addresses: bounds guessers who have many."""

ACCOUNTS: Final = Limit("accounts", 100, 3600)
"""Accounts that failed at an address: a carrier's NAT of 2,000 in an hour."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody at `address` who types `login`; `known` is the id of their browser's account where
    that is the one typed, else empty. `now` is in seconds since 1970."""

    login: str
    address: str
    known: str
    now: float

    def begin(self) -> int:
        """Count the attempt; return the seconds to wait where it is above a limit, else 0."""
        if _count(ATTEMPTS, self.address, self.now) > ATTEMPTS.most:
            return _wait(ATTEMPTS, self.now)
        for limit, subject in self._failures():
            full = _counted(limit, subject, self.now) >= limit.most
            if full and not (limit is ACCOUNTS and cache.get(self._seen)):
                return _wait(limit, self.now)
        return 0

    def failed(self) -> None:
        """Count the attempt as a wrong password."""
        for limit, subject in self._failures():
            if limit is not ACCOUNTS or cache.add(self._seen, 1, _wait(limit, self.now)):
                _count(limit, subject, self.now)

    def _failures(self) -> list[tuple[Limit, str]]:
        if self.known:
            return [(FAILURES, f"browser {self.known}")]
        account = _folded(self.login)
        return [
            (FAILURES, f"{self.address} {account}"),
            (FAILURES_EVERYWHERE, account),
            (ACCOUNTS, self.address),
        ]

    @property
    def _seen(self) -> str:
        """The key by which an address' failed accounts are counted once each."""
        account = _folded(self.login)
        return _key(ACCOUNTS, f"{self.address} {account}", self.now)


def _folded(login: str) -> str:
    """Return what is the same for all spellings that lead to one account: PostgreSQL compares
    capitals, of which some are those of several letters."""
    return normalize_name(login).upper().casefold()


def _key(limit: Limit, subject: str, now: float) -> str:
    digest = hashlib.sha256(subject.encode()).hexdigest()[:32]
    return f"sign-in:{limit.name}:{int(now // limit.seconds)}:{digest}"


def _wait(limit: Limit, now: float) -> int:
    """Return the whole seconds until the window ends."""
    return limit.seconds - int(now % limit.seconds)


def _counted(limit: Limit, subject: str, now: float) -> int:
    return int(cache.get(_key(limit, subject, now), 0))


def _count(limit: Limit, subject: str, now: float) -> int:
    key = _key(limit, subject, now)
    cache.add(key, 0, limit.seconds)
    try:
        return cache.incr(key)
    except ValueError:  # dropped in between, as by an outage of Redis
        return 1
