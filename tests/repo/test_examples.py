"""Examples in the documents are accepted by the programs that read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from madang.ops.deploy.model.station_file import load_station
from madang.station.config.settings import load
from tests.support.markdown import code_blocks, documents, example_of
from tests.support.nginx import nginx_file
from tests.support.stations import station_file

CERTIFICATE = "/etc/letsencrypt/live/tv.example.org/fullchain.pem"
KEY = "/etc/letsencrypt/live/tv.example.org/privkey.pem"


def examples(language: str) -> list[str]:
    """Return the contents of every code block in `language`."""
    blocks = [block for document in documents() for block in code_blocks(document.read_text())]
    start = f"```{language}\n"
    return [block.removeprefix(start).removesuffix("```") for block in blocks if start in block]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Return a self-signed certificate and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine")
    pair = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    made = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made += ["-nodes", "-subj", "/CN=tv.example.org", "-out", str(pair[0]), "-keyout", str(pair[1])]
    subprocess.run(made, check=True, capture_output=True)
    return pair


def with_files(text: str, certificate: tuple[Path, Path]) -> str:
    return text.replace(CERTIFICATE, str(certificate[0])).replace(KEY, str(certificate[1]))


def test_every_example_of_a_station_is_accepted(tmp_path: Path) -> None:
    found = [example for example in examples("toml") if "shape =" in example]
    assert found
    for example in found:
        file = station_file(tmp_path, example.replace("~/.ssh/id_ed25519", "station.toml"))
        load_station(file)


@pytest.mark.parametrize("name", ["operations.md", "roles.md"])
def test_the_example_for_nginx_is_accepted(
    tmp_path: Path, certificate: tuple[Path, Path], name: str
) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        pytest.skip("no nginx on this machine")
    example = with_files(example_of(name, "nginx"), certificate)
    # Unprivileged ports; nginx opens them even to test a configuration.
    example = re.sub(r"listen (443|80)\b", r"listen 127.0.0.1:20\1", example)
    whole = nginx_file(tmp_path, example)
    tested = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", str(whole)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stderr


def test_every_example_of_settings_is_accepted(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    found = [example for example in examples("toml") if "shape =" not in example]
    assert len(found) >= 3
    for number, example in enumerate(found):
        file = tmp_path / f"{number}.toml"
        file.write_text(with_files(example, certificate))
        load(tmp_path, config=file, environ={})


@pytest.mark.parametrize("name", ["operations.md", "roles.md"])
def test_the_settings_behind_nginx_agree_with_its_configuration(
    tmp_path: Path, certificate: tuple[Path, Path], name: str
) -> None:
    file = tmp_path / "madang.toml"
    file.write_text(with_files(example_of(name, "toml"), certificate))
    settings = load(tmp_path, config=file, environ={})
    nginx = example_of(name, "nginx")
    assert f"server {settings.http.bind};" in nginx
    assert f"server_name {settings.public_url.removeprefix('https://')};" in nginx


def test_every_example_for_nginx_is_on_a_page_that_is_tested() -> None:
    pages = {example_of(name, "nginx") for name in ("operations.md", "roles.md")}
    assert set(examples("nginx")) == pages
