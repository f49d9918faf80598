"""Texts of station.toml."""

from __future__ import annotations

from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6Zq9J3vUxPqHq1rXGm3Xo1m2mVtB0c5m8p3mQy7b1s ada"

MINIMAL = f"""
shape = "minimal"
domain = "tv.example.org"

[hosts.main]
address = "203.0.113.10"

[[administrators]]
name = "ada"
email = "ada@example.org"
ssh_keys = ["{KEY}"]
"""

SINGLE = MINIMAL.replace('"minimal"', '"single"')

SPLIT = f"""
shape = "split"
domain = "tv.example.org"

[hosts.web]
address = "203.0.113.10"
private_address = "10.0.0.2"

[hosts.media]
address = "203.0.113.11"
private_address = "10.0.0.3"

[[administrators]]
name = "ada"
email = "ada@example.org"
ssh_keys = ["{KEY}"]
"""


def station_file(folder: Path, text: str) -> Path:
    """Write `text` as station.toml in `folder`."""
    path = folder / "station.toml"
    path.write_text(text, encoding="utf-8")
    return path
