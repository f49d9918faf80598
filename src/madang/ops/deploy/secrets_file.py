"""Secrets shared by the machines of one station, generated once and kept beside station.toml."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

from madang.ops.deploy.errors import DeployError
from madang.ops.deploy.texts.service import Secrets

FILE_NAME: Final = "station.secrets.json"

BYTES: Final = 24
"""192 bits."""


def load_secrets(folder: Path, *, write: bool) -> Secrets:
    """Load the secrets in `folder`, or generate them, and save them if `write`.

    Raises DeployError if the file is invalid or readable by others.
    """
    path = folder / FILE_NAME
    try:
        mode = path.stat().st_mode & 0o077
        content = json.loads(path.read_text(encoding="utf-8"))
        # Generate secrets that an earlier version did not have.
        lacking = [field.name for field in fields(Secrets) if field.name not in content]
        content |= {name: secrets.token_hex(BYTES) for name in lacking}
        found = Secrets(**{field.name: str(content[field.name]) for field in fields(Secrets)})
    except FileNotFoundError:
        made = Secrets(*(secrets.token_hex(BYTES) for _ in fields(Secrets)))
        if write:
            _write(path, made)
        return made
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeployError(
            f"{path} cannot be used: {error!r}.", mend="Bring the file back from a backup."
        ) from None
    if mode:
        raise DeployError(
            f"{path} can be read by others on this machine.", mend=f"Run: chmod 600 {path}"
        )
    if not all(re.fullmatch(r"[A-Za-z0-9_-]+", value) for value in asdict(found).values()):
        raise DeployError(f"{path} has a secret that is not letters, digits, - and _.")
    if lacking and write:
        _write(path, found)
    return found


def _write(path: Path, made: Secrets) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(made), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
