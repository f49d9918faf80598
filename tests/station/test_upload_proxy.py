"""A real nginx before the server of uploads, which buffers requests or does not."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from madang.station import doctor
from madang.station.config.data_folder import prepare
from madang.station.config.fields import Address
from madang.station.config.settings import Settings, load
from madang.station.roles import run_files
from madang.station.roles.run_files import Runtime
from madang.station.upload_proxy import NotAsked, streams
from tests.support.nginx import running_nginx
from tests.support.station import free_ports
from tests.support.upload_server import uploading

pytestmark = pytest.mark.usefixtures("station")

needs_nginx = pytest.mark.skipif(
    shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="needs nginx"
)


def running(folder: Path, url: str) -> Settings:
    """Return the settings of a station that runs at a public address."""
    settings = load(folder, environ={"MADANG_HTTP__PUBLIC_URL": url})
    prepare(settings)
    here = Address("127.0.0.1", 1)
    run_files.write(settings, Runtime(os.getpid(), here, here), run_files.ALL)
    return settings


@needs_nginx
@pytest.mark.parametrize("buffering", ["on", "off"])
def test_a_proxy_that_buffers_is_found(tmp_path: Path, buffering: str) -> None:
    (number,) = free_ports(1)
    with uploading(tmp_path / "storage") as port:
        site = (
            f"server {{ listen 127.0.0.1:{number}; location / {{\n"
            f"proxy_pass http://127.0.0.1:{port.port.number}; proxy_http_version 1.1;\n"
            f"proxy_request_buffering {buffering}; }} }}\n"
        )
        with running_nginx(tmp_path, site, number):
            check = doctor.upload_proxy(running(tmp_path / "data", f"http://127.0.0.1:{number}"))
    assert check.ok == (buffering == "off"), check
    assert ("proxy_request_buffering off" in check.mend) == (buffering == "on")


def test_what_cannot_be_asked_is_no_fault(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NotAsked):
            streams(url, patience=0.05)
    check = doctor.upload_proxy(running(tmp_path / "data", url))
    assert check.ok
    assert "was not asked" in check.detail
