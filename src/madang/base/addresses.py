"""Who a client is when proxies stand in between."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def client_address(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str:
    """Return the client's address.

    `peer` is the address at the other end of the socket. `forwarded_for` (X-Forwarded-For) counts
    only where `peer` is one of `proxies`: then the client is the nearest address in it that is not
    itself such a proxy. What stands further to the left was written by the client and proves
    nothing.
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
    """Return whether `address` lies in one of `networks`; False where it is no address."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def is_loopback(address: str) -> bool:
    """Return whether `address` is this machine's own."""
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


def unmapped(address: str) -> str:
    """Return `address`, or the IPv4 address in it where it is a mapped one.

    A socket that listens on `[::]` names its IPv4 peers so (RFC 4291, section 2.5.5.2).
    """
    return str(_parsed(address) or address) if address.startswith("::") else address


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
