"""S3 bucket: moto behind nginx, as pgBackRest requires TLS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.deployed import Authority
from tests.support.nginx import running_nginx
from tests.support.station import free_ports, until
from tests.support.stores import folder

NAME = "yard"
ACCESS = {"BACKUP__S3_KEY": "known", "BACKUP__S3_SECRET": "whispered"}
START_LIMIT = 30.0
"""Seconds until moto answers, on a machine that is busy with the rest of the suite."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket; `authority` is the CA certificate of its server."""

    port: int
    inner_port: int
    authority: Path

    def url(self, path: str) -> str:
        """Return the URL of a folder in it."""
        return f"s3://localhost:{self.port}/{NAME}/{path}"

    def objects(self) -> str:
        """Return the list of its objects, in XML."""
        return httpx.get(f"http://127.0.0.1:{self.inner_port}/{NAME}?list-type=2").text


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Run the server with an empty bucket."""
    port, inner = free_ports(2)
    with folder("bucket") as place:
        authority = Authority(place)
        certificate, key = authority.issue("localhost")
        os.chmod(authority.certificate, 0o644)  # also used by PostgreSQL's user
        front = (
            f"server {{\nlisten 127.0.0.1:{port} ssl;\nclient_max_body_size 0;\n"
            f"ssl_certificate {certificate};\nssl_certificate_key {key};\n"
            f"location / {{\nproxy_pass http://127.0.0.1:{inner};\n"
            "proxy_set_header Host $http_host;\n}\n}\n"
        )
        with (place / "moto.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(inner)],
                stdout=log,
                stderr=log,
            )
        try:
            until(lambda: _made(inner), "a bucket", within=START_LIMIT)
            with running_nginx(place, front, port):
                yield Bucket(port, inner, authority.certificate)
        finally:
            process.terminate()
            process.wait(10)


def _made(port: int) -> bool:
    try:
        return httpx.put(f"http://127.0.0.1:{port}/{NAME}").status_code == 200
    except httpx.TransportError:
        return False
