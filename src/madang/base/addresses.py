"""Addresses: of a client behind proxies, and those to which a request of a stranger may lead."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_TUNNELS: Final = (
    (IPv6Network("::/96"), 0),  # IPv4-compatible, RFC 4291 section 2.5.5.1
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)
"""Networks whose addresses lead to an IPv4 address, and the bits on its right."""

_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")
"""NAT64 of a network of one's own (RFC 8215): where the IPv4 address stands is unknown."""


class Reach(enum.StrEnum):
    """How far addresses may lead that strangers name, by who reaches the station itself."""

    ANYWHERE = "anywhere"
    """The station is for its machine alone, and so are its users."""

    NETWORK = "network"
    """A private network reaches the station: its machines, but not this one nor metadata of a
    cloud, which is link-local."""

    INTERNET = "internet"
    """Everybody reaches the station: only public addresses."""

    def allows(self, address: str) -> bool:
        """Return whether a connection to `address` may be made; False if it is no address."""
        parsed = _parsed(address)
        if parsed is None or self is Reach.ANYWHERE:
            return parsed is not None
        leads_to = _embedded(parsed) or parsed
        if any(_is_here(one) for one in (parsed, leads_to)):
            return False
        return self is Reach.NETWORK or _is_public(leads_to)


def client_address(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str:
    """Return the client's address.

    `peer` is the address at the other end of the socket. `forwarded_for` (X-Forwarded-For) is used
    only if `peer` is one of `proxies`: the client is then the rightmost address that is not a proxy
    itself. Everything to the left of it is unverified.
    """
    peer = unmapped(peer)
    if not within(peer, proxies):
        return peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        if _parsed(hop) is None:
            return peer
        peer = unmapped(hop)
        if not within(peer, proxies):
            break
    return peer


def within(address: str, networks: Sequence[Network]) -> bool:
    """Return True if `address` lies in one of `networks`, False if it is not an address."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def is_loopback(address: str) -> bool:
    """Return True if `address` is a loopback address."""
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


def unmapped(address: str) -> str:
    """Return `address`, or the IPv4 address inside an IPv4-mapped one.

    Sockets listening on `[::]` report IPv4 peers that way (RFC 4291, section 2.5.5.2).
    """
    return str(_parsed(address) or address) if address.startswith("::") else address


def _is_here(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or address.is_multicast
    )


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address.is_site_local or address in _NAT64_LOCAL):
        return False
    return address.is_global and not address.is_reserved


def _embedded(address: Address) -> IPv4Address | None:
    """Return the IPv4 address to which a tunnel or translator brings packets, if any."""
    if isinstance(address, IPv6Address):
        for network, shift in _TUNNELS:
            if address in network:
                return IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return None


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
