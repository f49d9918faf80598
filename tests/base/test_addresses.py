from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.base.addresses import (
    Reach,
    client_address,
    forwarded_proto,
    is_loopback,
    is_loopback_host,
    unmapped,
    within,
)

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", " , 198.51.100.7 ,, ", "198.51.100.7"),
        ("2001:db8::1", "2001:db9::7", "2001:db9::7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, ::ffff:10.0.0.2", "198.51.100.7"),
        ("::ffff:192.0.2.1", "198.51.100.7", "192.0.2.1"),
        # As proxies write them.
        ("10.0.0.1", "198.51.100.7:40112", "198.51.100.7"),
        ("10.0.0.1", '"198.51.100.7"', "198.51.100.7"),
        ("10.0.0.1", '"198.51.100.7:80"', "198.51.100.7"),
        ("10.0.0.1", "[2001:db9::7]", "2001:db9::7"),
        ("10.0.0.1", "[2001:db9::7]:443", "2001:db9::7"),
        ("10.0.0.1", '"[2001:db9::7]:443"', "2001:db9::7"),
        ("10.0.0.1", "2001:DB9:0::7", "2001:db9::7"),
        ("10.0.0.1", "[::ffff:198.51.100.7]:80", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7:1, 10.0.0.2:2", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7:port", "10.0.0.1"),
        ("10.0.0.1", ":80", "10.0.0.1"),
        ("10.0.0.1", "[198.51.100.7", "10.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_hop_that_no_trusted_proxy_is(
    peer: str, forwarded_for: str, client: str
) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == client


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ("For=198.51.100.7;proto=https;by=203.0.113.43", "198.51.100.7"),
        ("proto=https; for=198.51.100.7", "198.51.100.7"),
        ('for="198.51.100.7:47011"', "198.51.100.7"),
        ('for="[2001:db9::17]:4711"', "2001:db9::17"),
        ("for=203.0.113.9, for=198.51.100.7", "198.51.100.7"),
        ("for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
        ('for="203.0.113.9, for=198.51.100.7', "198.51.100.7"),  # a client opened the quotes
        ("for=unknown", "10.0.0.1"),
        ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
        ("by=203.0.113.43", "10.0.0.1"),
    ],
)
def test_the_client_is_found_in_forwarded(forwarded: str, client: str) -> None:
    assert client_address("10.0.0.1", "", PROXIES, forwarded=forwarded) == client
    assert client_address("192.0.2.1", "", PROXIES, forwarded=forwarded) == "192.0.2.1"
    both = client_address("10.0.0.1", "198.51.100.9", PROXIES, forwarded=forwarded)
    assert both == "198.51.100.9"


def test_a_hop_that_cannot_be_read_is_told() -> None:
    told: list[str] = []
    client_address("10.0.0.1", "203.0.113.9, unknown", PROXIES, unreadable=told.append)
    client_address("10.0.0.1", "unknown, 203.0.113.9", PROXIES, unreadable=told.append)
    assert told == [" unknown"]


@pytest.mark.parametrize(
    ("forwarded", "scheme"),
    [("for=1.2.3.4;proto=HTTPS", "https"), ('proto=http, proto="https"', "https"), ("", "")],
)
def test_the_scheme_is_that_of_the_nearest_proxy(forwarded: str, scheme: str) -> None:
    assert forwarded_proto(forwarded) == scheme


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("tv.localhost:8000", True),
        ("localhost.:80", True),
        ("127.0.0.1:8000", True),
        ("127.8.8.8", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("", True),
        ("evil.example:8000", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("192.0.2.1:8000", False),
        ("[2001:db8::1]", False),
        ("::1", False),
        ("localhost:80:80", False),
        ("[]", False),
        ("[]:80", False),
    ],
)
def test_a_host_of_this_machine(host: str, here: bool) -> None:
    assert is_loopback_host(host) is here


@given(st.text())
def test_what_a_client_writes_never_decides_without_a_trusted_proxy(written: str) -> None:
    assert client_address("192.0.2.1", written, PROXIES) == "192.0.2.1"


@given(st.text())
def test_what_a_client_writes_left_of_a_proxys_word_never_decides(written: str) -> None:
    assert client_address("10.0.0.1", f"{written},198.51.100.7", PROXIES) == "198.51.100.7"
    forwarded = f"{written},for=198.51.100.7"
    assert client_address("10.0.0.1", "", PROXIES, forwarded=forwarded) == "198.51.100.7"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_loopback_is_known_in_every_spelling(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


def test_what_is_no_address_lies_nowhere() -> None:
    assert not within("unknown", (ip_network("0.0.0.0/0"), ip_network("::/0")))


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "::1", "nonsense", "::nonsense"])
def test_other_addresses_stay_as_they_are(address: str) -> None:
    assert unmapped(address) == address


def test_an_address_of_ipv4_in_ipv6_is_taken_out() -> None:
    assert unmapped("::ffff:192.0.2.1") == "192.0.2.1"


PUBLIC = ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"]
PRIVATE = ["10.0.0.1", "192.168.1.4", "100.64.0.1", "fec0::1", "fd00::1", "2002:c0a8:101::1"]
PRIVATE += ["64:ff9b::a00:1", "64:ff9b:1::1", "240.0.0.1", "2001:db8::1", "2001:0:53aa:64c::1"]
HERE = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"]
HERE += ["2002:7f00:1::", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "fe80::1%eth0"]
HERE += ["224.0.0.1", "ff02::1", "ff0e::1", "64:ff9b::a9fe:a9fe"]


@pytest.mark.parametrize(
    ("reach", "allowed"),
    [
        (Reach.INTERNET, PUBLIC),
        (Reach.NETWORK, PUBLIC + PRIVATE),
        (Reach.ANYWHERE, PUBLIC + PRIVATE + HERE),
    ],
)
def test_how_far_an_address_may_lead(reach: Reach, allowed: list[str]) -> None:
    assert [one for one in PUBLIC + PRIVATE + HERE if reach.allows(one)] == allowed
    assert not reach.allows("localhost")
