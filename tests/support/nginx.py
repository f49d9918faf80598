"""nginx with a configuration from the guide, on ports and in a folder of a test."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.station import until


def nginx_file(folder: Path, servers: str) -> Path:
    """Return a whole configuration around a file of `conf.d`, which writes only below `folder`."""
    folders = "".join(
        f"{kind}_temp_path {folder / kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"pid {folder / 'pid'};\nerror_log stderr;\nworker_processes 1;\n"
        "events { worker_connections 4096; }\n"
        f"http {{\naccess_log off;\n{folders}{servers}}}\n"
    )
    return whole


def without_tls(servers: str, port: int, upstreams: dict[str, str]) -> str:
    """Return `servers` on one port of loopback in plain HTTP, with other upstream addresses."""
    text = re.sub(r"server \{\s+listen 80;.*?\n\}\n", "", servers, flags=re.DOTALL)
    text = re.sub(r"listen 443 ssl http2;", f"listen 127.0.0.1:{port};", text)
    text = re.sub(r"\s+ssl_certificate\w*\s+\S+;", "", text)
    for documented, real in upstreams.items():
        assert f"server {documented};" in text
        text = text.replace(f"server {documented};", f"server {real};")
    return text


@contextmanager
def running_nginx(folder: Path, servers: str, port: int) -> Iterator[None]:
    """Run nginx as the current user."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, "the package nginx is not installed: script/setup --dev"
    whole = nginx_file(folder, servers)
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(whole), "-g", "daemon off; master_process off;"],
        stderr=(folder / "nginx.log").open("w"),
    )
    try:
        until(lambda: _listens(port), "nginx listens")
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def deployed_site(folder: Path, text: str, ports: dict[int, int]) -> str:
    """Return a deployed site in plain HTTP with other `ports` of loopback, by those of the text;
    its files are below `folder`."""
    text = re.sub(r"\s+listen \[::\].*", "", text)
    text = re.sub(r"server \{[^{}]*return 444;\n\}\n", "", text)
    text = re.sub(r"\s+ssl_certificate\w*\s+\S+;", "", text)
    text = re.sub(r"listen (80|443)[^;]*;", lambda m: f"listen 127.0.0.1:{ports[int(m[1])]};", text)
    text = re.sub(
        r"server 127\.0\.0\.1:(\d+)", lambda m: f"server 127.0.0.1:{ports[int(m[1])]}", text
    )
    for path in (
        *("/var/log/nginx", "/var/cache/nginx-madang", "/opt/madang", "/etc/nginx"),
        "/srv/madang",
    ):
        text = text.replace(path, f"{folder}{path}")
        (folder / path.strip("/")).mkdir(parents=True, exist_ok=True)
    return text
