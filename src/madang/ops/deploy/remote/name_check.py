"""Installed on a machine; checks that every address of a name leads here. Standard library only.

    name_check.py NAME FOLDER    exit 0: each address in DNS answers with a file of FOLDER

Asked before each request for a certificate, as a failed one counts against the limits of Let's
Encrypt, which may use any of the addresses.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import socket
import struct
import sys

CHALLENGES = ".well-known/acme-challenge"
RESOLVERS = ("/run/systemd/resolve/resolv.conf", "/etc/resolv.conf")
"""The first one names the servers that systemd-resolved asks; the second may lead to a stub, which
answers from /etc/hosts."""
SECONDS = 10.0
KINDS = {"A": (1, socket.AF_INET, 4), "AAAA": (28, socket.AF_INET6, 16)}
"""Number, address family and length of a record's data (RFC 1035, RFC 3596)."""


def name_servers() -> list[tuple[str, int]]:
    for path in RESOLVERS:
        with contextlib.suppress(OSError), open(path) as file:
            lines = [line.split() for line in file]
            found = [(words[1], 53) for words in lines if words[:1] == ["nameserver"]]
            if found:
                return found
    return []


def records(name: str, kind: str, server: tuple[str, int]) -> list[str]:
    """Return the addresses that `server` has. Raises OSError, ValueError."""
    number, family, length = KINDS[kind]
    identifier = secrets.token_bytes(2)
    labels = b"".join(bytes([len(part)]) + part.encode("ascii") for part in name.split("."))
    query = identifier + struct.pack("!5H", 0x0100, 1, 0, 0, 0) + labels + b"\0"
    ipv6 = ":" in server[0]
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(SECONDS / 2)
        asked.connect(server)
        asked.send(query + struct.pack("!2H", number, 1))
        answer = asked.recv(4096)
    try:
        _, flags, questions, answers = struct.unpack_from("!4H", answer)
        if answer[:2] != identifier or flags & 0x800F not in (0x8000, 0x8003):  # no such name
            raise ValueError("refused")
        at = 12
        for _ in range(questions):
            at = after_name(answer, at) + 4
        found = []
        for _ in range(answers):
            at = after_name(answer, at)
            type_, _, _, size = struct.unpack_from("!2HIH", answer, at)
            at += 10
            if (type_, size) == (number, length):
                found.append(socket.inet_ntop(family, answer[at : at + size]))
            at += size
    except (struct.error, IndexError):
        raise ValueError("malformed") from None
    return found


def after_name(data: bytes, at: int) -> int:
    """Return the position after a name, which may end in a pointer (RFC 1035 section 4.1.4)."""
    while data[at]:
        if data[at] >= 0xC0:
            return at + 2
        at += 1 + data[at]
    return at + 1


def look_up(name: str, servers: list[tuple[str, int]]) -> list[tuple[str, str]]:
    """Return kind and address of every record; from the system where no server answers."""
    for server in servers:
        with contextlib.suppress(OSError, ValueError):
            return [(kind, address) for kind in KINDS for address in records(name, kind, server)]
    with contextlib.suppress(OSError):
        found = {entry[4][0] for entry in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}
        return sorted(
            ("AAAA" if ":" in str(address) else "A", str(address))
            for address in found
            if not str(address).startswith("127.")
        )
    return []


def answers(name: str, address: str, port: int, file: str, content: str) -> bool:
    """Return true if `address` answers with `content`."""
    connection = http.client.HTTPConnection(address, port, timeout=SECONDS)
    try:
        connection.request("GET", f"/{CHALLENGES}/{file}", headers={"Host": name})
        return connection.getresponse().read(1000).decode(errors="replace").strip() == content
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wrong_records(
    name: str, folder: str, servers: list[tuple[str, int]], port: int = 80
) -> list[str]:
    """Return what is wrong with each record that does not lead here."""
    found = look_up(name, servers)
    if not found:
        return ["it has no A and no AAAA record"]
    file, content = f"madang-{secrets.token_hex(8)}", secrets.token_hex(16)
    path = os.path.join(folder, CHALLENGES, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as opened:
        opened.write(content)
    os.chmod(path, 0o644)
    try:
        return [
            f"its {kind} record {address} does not"
            for kind, address in found
            if not answers(name, address, port, file, content)
        ]
    finally:
        os.unlink(path)


def main(arguments: list[str]) -> int:
    name, folder = arguments
    wrong = wrong_records(name, folder, name_servers())
    if wrong:
        print(
            f"The name {name} does not lead to this machine: {'; '.join(wrong)}. Correct or remove "
            "these records, wait until that is known, and apply again. Until then the station runs "
            "with a certificate that browsers warn of.",
            file=sys.stderr,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
