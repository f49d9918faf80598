"""Address of a client behind proxies."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


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


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
