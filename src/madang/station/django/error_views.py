"""Responses with status 500 and 503."""

from __future__ import annotations

import sys
from typing import Final

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import server_error

from madang.apps import problems

RETRY_SECONDS: Final = 5
"""An outage lasts seconds or minutes; asking twelve times a minute is no load."""


def answer(request: HttpRequest) -> HttpResponse:
    """Respond to an exception: 503 where a store is away, otherwise 500.

    Django calls this while the exception is being handled.
    """
    away = is_outage(sys.exception())
    if not away:
        return server_error(request)
    if request.path.startswith("/api/"):
        response = problems.respond(request, problems.AWAY)
    else:
        response = render(None, "503.html", status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


def is_outage(error: BaseException | None) -> bool:
    """Return True for errors of a database or Redis that does not answer."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    # Only where it has been loaded can its errors be raised.
    redis = sys.modules.get("redis.exceptions")
    return redis is not None and isinstance(error, redis.ConnectionError | redis.TimeoutError)
