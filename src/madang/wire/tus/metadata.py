"""Metadata of an upload: the field Upload-Metadata of tus, and Content-Disposition.

The field is kept and echoed as it was received; what else names a file is turned into the same
form, so that both protocols have one.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from madang.wire.tus.problems import Problem, UploadError

_KEY: Final = re.compile(r"[!-+\--~]+")  # visible ASCII without the comma
_FILENAME: Final = re.compile(r';\s*filename\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]+)', re.IGNORECASE)
_FILENAME_EXT: Final = re.compile(r";\s*filename\*\s*=\s*utf-8'[^']*'([^\s;\"']+)", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\\(.)")


def parse_metadata(text: str, limit: int) -> dict[str, bytes]:
    """Return keys and values of Upload-Metadata in order. Raises UploadError.

    `limit` is the largest size of the field in bytes.
    """
    if len(text) > limit:
        raise _invalid(f"Upload-Metadata is longer than {limit} bytes.")
    values: dict[str, bytes] = {}
    for pair in text.split(",") if text.strip(" \t") else ():
        key, _, encoded = pair.strip(" \t").partition(" ")
        if not _KEY.fullmatch(key):
            raise _invalid("Upload-Metadata has a key that is empty or not ASCII.")
        if key in values:
            raise _invalid(f"Upload-Metadata has the key {key[:64]!r} twice.")
        try:
            values[key] = base64.b64decode(encoded.strip(" "), validate=True)
        except (binascii.Error, ValueError):
            raise _invalid(f"The value of {key[:64]!r} in Upload-Metadata is not base64.") from None
    return values


def serialise_metadata(values: Mapping[str, bytes]) -> str:
    """Return the field Upload-Metadata with `values`."""
    pairs = ((key, base64.b64encode(value).decode()) for key, value in values.items())
    return ",".join(f"{key} {value}".rstrip(" ") for key, value in pairs)


def disposition_filename(text: str) -> str:
    """Return the file name in Content-Disposition (RFC 6266; RFC 8187), empty without one."""
    extended = _FILENAME_EXT.search(";" + text)
    if extended is not None:
        return unquote(extended[1], errors="replace")
    plain = _FILENAME.search(";" + text)
    if plain is None:
        return ""
    name = plain[1]
    name = _QUOTED.sub(r"\1", name[1:-1]) if name.startswith('"') else name
    try:  # curl and old browsers send the bytes of UTF-8
        return name.encode("latin-1").decode()
    except UnicodeError:
        return name


def _invalid(words: str) -> UploadError:
    return UploadError(Problem.INVALID, words)
