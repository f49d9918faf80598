"""Rules of the front end beyond the compiler's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "src/madang/web/templates"
ICONS = ROOT / "src/madang/web/static/icons.svg"


@pytest.fixture(params=sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def template(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text()


def test_scripts_carry_the_nonce_of_the_content_security_policy(template: str) -> None:
    for tag in re.findall(r"<script\b[^>]*>", template):
        assert 'nonce="{{ request.csp_nonce }}"' in tag
    for tag in re.findall(r"{% vite_asset [^%]*%}", template):
        assert "nonce=request.csp_nonce" in tag


def test_no_element_has_an_inline_event_handler(template: str) -> None:
    assert not re.findall(r"<[^>]*\son[a-z]+\s*=", template)


def test_every_icon_exists(template: str) -> None:
    known = set(re.findall(r'<symbol id="([\w-]+)"', ICONS.read_text()))
    assert set(re.findall(r'includes/icon.html" with name="([\w-]+)"', template)) <= known


def test_every_included_template_exists(template: str) -> None:
    for name in re.findall(r'{% include "([^"]+)"', template):
        assert (TEMPLATES / name).is_file(), name


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text())
    assert len(lock["packages"]) > 10
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


def test_the_lock_file_installs_on_every_platform() -> None:
    """`npm ci` refuses a lock that lacks the optional binaries of another processor or system."""
    packages = json.loads((ROOT / "frontend/package-lock.json").read_text())["packages"]
    installed = {name.rpartition("node_modules/")[2] for name in packages}
    for name, package in packages.items():
        assert package.get("optionalDependencies", {}).keys() <= installed, name


def test_every_direct_dependency_has_one_exact_version() -> None:
    package = json.loads((ROOT / "frontend/package.json").read_text())
    for version in (package["dependencies"] | package["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
