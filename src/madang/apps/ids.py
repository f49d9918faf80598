"""Random ids of rows and folders."""

from __future__ import annotations

import secrets

from madang.recording.manifest import ID_ALPHABET, ID_LENGTH


def new_id() -> str:
    """Return a new id: characters of base58, 70 bits, which cannot be guessed."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
