"""Check of a proxy before the station: it has to hand uploads on as they come.

The station refuses an upload of nobody by its head alone. Where that answer comes only after the
last byte of the body, something before the station has waited for the body.
"""

from __future__ import annotations

import http.client
import ssl
from typing import Final
from urllib.parse import urlsplit

PATH: Final = "/files/"
PATIENCE: Final = 3.0
"""Seconds for the answer to the head."""
_BODY: Final = (b"a", b"b")


class NotAsked(Exception):
    """The station did not answer at this address. The message says why."""


def streams(url: str, patience: float = PATIENCE, context: ssl.SSLContext | None = None) -> bool:
    """Return whether the station at `url` gets the first piece of an upload before the second one
    is sent. Raises NotAsked."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=patience, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=patience)
    try:
        connection.putrequest("POST", PATH)
        for name, value in (
            ("Tus-Resumable", "1.0.0"),
            ("Upload-Length", str(len(_BODY))),
            ("Content-Type", "application/offset+octet-stream"),
            ("Content-Length", str(len(_BODY))),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(_BODY[0])
        early = True
        try:
            answer = connection.getresponse()
        except TimeoutError:
            early = False
            connection.send(_BODY[1])
            answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise NotAsked(str(error) or type(error).__name__) from None
    finally:
        connection.close()
    if answer.status != http.client.UNAUTHORIZED:
        raise NotAsked(f"it answered {answer.status} instead of 401")
    return early
