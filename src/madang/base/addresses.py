"""Addresses: of a client behind proxies, and those to which a request of a stranger may lead."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
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

_V6_NEIGHBOURHOOD: Final = 64
"""Bits: a household gets a whole /64 (RFC 6177)."""

_HOST: Final = re.compile(r"(?:\[([^\]]*)\]|([^:]+))(?::\d*)?")
"""Host field: an IPv6 address in brackets or a name or IPv4 address, and a port."""

_HOP: Final = re.compile(r"\[([^\]]*)\](?::\d*)?|([^:]*):\d*|(.*)")
"""Hop: an IPv6 address in brackets, an IPv4 address with a port, or an address alone."""


class Reach(enum.StrEnum):
    """Limit of where addresses may lead that strangers name, by who reaches the station itself."""

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


def client_address(
    peer: str,
    forwarded_for: str,
    proxies: Sequence[Network],
    *,
    forwarded: str = "",
    unreadable: Callable[[str], None] = lambda _hop: None,
) -> str:
    """Return the client's address.

    `peer` is the address at the other end of the socket. `forwarded_for` (X-Forwarded-For), or
    without it `forwarded` (RFC 7239), is used only if `peer` is one of `proxies`: the client is
    then the rightmost address that is not a proxy itself. What is left of it is unverified.
    The first hop that is no address, such as `unknown`, ends the search and goes to `unreadable`.
    """
    peer = unmapped(peer)
    if not within(peer, proxies):
        return peer
    hops = _parts(forwarded_for) if forwarded_for else map(_node, _parts(forwarded))
    for hop in hops:
        address = hop_address(hop)
        if address is None:
            unreadable(hop)
            return peer
        peer = address
        if not within(peer, proxies):
            break
    return peer


def hop_address(hop: str) -> str | None:
    """Return the address of a hop as proxies write it: quoted, in brackets, with a port, mapped."""
    found = _HOP.fullmatch(hop.strip().strip('"'))
    parsed = _parsed(found[1] or found[2] or found[3] or "") if found is not None else None
    return str(parsed) if parsed is not None else None


def forwarded_proto(forwarded: str) -> str:
    """Return the scheme that the nearest proxy names in the field Forwarded, perhaps empty."""
    return _parameter(next(iter(_parts(forwarded)), ""), "proto").lower()


def within(address: str, networks: Sequence[Network]) -> bool:
    """Return True if `address` lies in one of `networks`, False if it is not an address."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def is_loopback(address: str) -> bool:
    """Return True if `address` is a loopback address."""
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


def is_loopback_host(host: str) -> bool:
    """Return True if the Host field `host` names this machine itself, with or without a port.

    A page of another site whose name resolves to loopback (DNS rebinding) has its own name there.
    A program without the field is no browser.
    """
    name = _HOST.fullmatch(host.strip().lower())
    if name is None:
        return not host
    bare = (name[1] or name[2] or "").removesuffix(".")
    return bare == "localhost" or bare.endswith(".localhost") or is_loopback(bare)


def unmapped(address: str) -> str:
    """Return `address`, or the IPv4 address inside an IPv4-mapped one.

    Sockets listening on `[::]` report IPv4 peers that way (RFC 4291, section 2.5.5.2).
    """
    return str(_parsed(address) or address) if address.startswith("::") else address


def neighbourhood(address: str) -> str:
    """Return the key of an address for limits and bans: IPv4 whole, IPv6 by its first 64 bits."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> _V6_NEIGHBOURHOOD << _V6_NEIGHBOURHOOD))
    return address


def _parts(field: str) -> list[str]:
    """Return the parts of a field between commas, the last first. No address has a comma: quotes
    that a client opened join nothing."""
    return [part for part in reversed(field.split(",")) if part.strip()]


def _node(element: str) -> str:
    return _parameter(element, "for")


def _parameter(element: str, wanted: str) -> str:
    for pair in element.split(";"):
        name, _equals, value = pair.partition("=")
        if name.strip().lower() == wanted:
            return value.strip().strip('"')
    return ""


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
