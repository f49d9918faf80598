"""HTTP client with cookies for the station's pages and API."""

from __future__ import annotations

import http.cookiejar
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

PATIENCE = 20.0
"""Seconds for a response, on a machine that is busy with the rest of the suite."""


class WebClient:
    """Client of the pages at `address` (host and port)."""

    def __init__(self, address: str) -> None:
        self._origin = f"http://{address}"
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    @property
    def cookies(self) -> str:
        """Cookies as a header value."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar)

    def sign_in(self, name: str, password: str) -> None:
        """Sign in on the login page."""
        self.page("/accounts/login/")
        self.send("/accounts/login/", login=name, password=password)
        assert any(cookie.name == "sessionid" for cookie in self._jar), "not signed in"

    def page(self, path: str) -> tuple[int, str]:
        """Return status and text of a page."""
        return self._open(urllib.request.Request(self._origin + path))

    def send(
        self, path: str, files: Mapping[str, bytes] | None = None, /, **fields: str
    ) -> tuple[int, str]:
        """Send a form; return status and text of the final page."""
        fields = {**fields, "csrfmiddlewaretoken": self._csrf()}
        if files is None:
            request = urllib.request.Request(
                self._origin + path, urllib.parse.urlencode(fields).encode()
            )
        else:
            boundary = secrets.token_hex(8)
            request = urllib.request.Request(
                self._origin + path,
                _multipart(boundary, fields, files),
                {"Content-Type": f"multipart/form-data; boundary={boundary}"},
            )
        return self._open(request)

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call the API like a script on the station's own pages; return status and body."""
        request = urllib.request.Request(
            f"{self._origin}/api/v1{path}",
            None if body is None else json.dumps(body).encode(),
            {"X-CSRFToken": self._csrf(), "Content-Type": "application/json"},
            method=method,
        )
        status, said = self._open(request)
        return status, json.loads(said) if said else None

    def _csrf(self) -> str:
        return next(str(cookie.value) for cookie in self._jar if cookie.name == "csrftoken")

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def call(
    address: str,
    method: str,
    path: str,
    token: str,
    body: object = None,
    *,
    accepted: str = "",
) -> tuple[int, Any]:
    """Call the API with a token and `Accept-Language`; return status and body."""
    request = urllib.request.Request(
        f"http://{address}/api/v1{path}",
        None if body is None else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept-Language": accepted,
        },
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            status, said = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, said = error.code, error.read()
    return status, json.loads(said) if said else None


def _multipart(boundary: str, fields: Mapping[str, str], files: Mapping[str, bytes]) -> bytes:
    parts = [
        *(f'name="{name}"\r\n\r\n'.encode() + value.encode() for name, value in fields.items()),
        *(
            f'name="{name}"; filename="{name}"\r\nContent-Type: application/octet-stream'
            "\r\n\r\n".encode()
            + data
            for name, data in files.items()
        ),
    ]
    line = f"--{boundary}".encode()
    head = b"\r\nContent-Disposition: form-data; "
    return b"".join(line + head + part + b"\r\n" for part in parts) + line + b"--\r\n"
