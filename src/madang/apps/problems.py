"""Problem details (RFC 9457): domain errors as answers of the JSON API.

Apps give their errors problem types in the attribute `problems` of their AppConfig. Each type has
an address, `/api/problems/NAME`, that explains it.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.apps import apps
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from madang.apps.api import UnknownCursor
from madang.base.errors import LazyText, MadangError

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of error response. `name` is the last part of its address."""

    name: str
    status: int
    title: LazyText
    meaning: LazyText


INVALID_REQUEST: Final = ProblemType(
    "invalid-request",
    422,
    _("The request does not fit"),
    _("A parameter or a field of the body is missing or has a wrong value; `errors` lists each."),
)
NOT_FOUND: Final = ProblemType(
    "not-found", 404, _("There is nothing here"), _("No resource has this address.")
)
FORBIDDEN: Final = ProblemType(
    "forbidden", 403, _("Not allowed"), _("The account behind the session may not do this.")
)
SIGN_IN: Final = ProblemType(
    "sign-in-required", 401, _("Sign in first"), _("Only somebody who has signed in may do this.")
)
UNKNOWN_CURSOR: Final = ProblemType(
    "unknown-cursor",
    400,
    _("The cursor is not one of this list"),
    _("A cursor is valid only for the list that handed it out as `next_cursor`."),
)
AWAY: Final = ProblemType(
    "away",
    503,
    _("The station cannot look this up now"),
    _("A store that the station needs does not answer; `Retry-After` says when to try again."),
)
TOO_MANY: Final = ProblemType(
    "too-many-requests",
    429,
    _("Too many requests at once"),
    _("More came from this address than all people behind one send; see `Retry-After`."),
)
FAILED: Final = ProblemType(
    "failed", 500, _("It did not work"), _("The station failed for the reason in `detail`.")
)

_COMMON: Final[dict[type[MadangError], ProblemType]] = {
    UnknownCursor: UNKNOWN_CURSOR,
    MadangError: FAILED,
}


@functools.cache
def _by_error() -> Mapping[type[MadangError], ProblemType]:
    """Collect what the apps declare as `problems` in their AppConfig."""
    found = dict(_COMMON)
    for app in apps.get_app_configs():
        found |= getattr(app, "problems", {})
    return found


def problem_types() -> Mapping[str, ProblemType]:
    """Return every type that the API may answer with, by name."""
    types = (INVALID_REQUEST, NOT_FOUND, FORBIDDEN, SIGN_IN, AWAY, TOO_MANY, *_by_error().values())
    return {each.name: each for each in types}


def problem_of(error: MadangError) -> ProblemType:
    """Return the type of a domain error, or that of its nearest base class."""
    table = _by_error()
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def respond(
    request: HttpRequest,
    problem: ProblemType,
    detail: str = "",
    *,
    errors: list[dict[str, str]] | None = None,
    more: Mapping[str, object] | None = None,
) -> HttpResponse:
    """Return an error response (RFC 9457 section 3), which no cache keeps.

    `more` are further members (section 3.2); `retry_after` among them is a header as well.
    """
    address = reverse("problem", kwargs={"name": problem.name})
    body: dict[str, object] = {
        "type": request.build_absolute_uri(address),
        "title": str(problem.title),
        "status": problem.status,
        "instance": request.path,
    }
    if detail:
        body["detail"] = detail
    if errors is not None:
        body["errors"] = errors
    body |= more or {}
    response = HttpResponse(
        json.dumps(body, ensure_ascii=False), content_type=MEDIA_TYPE, status=problem.status
    )
    response["Cache-Control"] = "no-store"
    if isinstance(seconds := body.get("retry_after"), int | float):
        response["Retry-After"] = str(math.ceil(seconds))
    return response


def explain(request: HttpRequest, name: str) -> HttpResponse:
    """Explain a problem type, at the address in the member `type` of every problem."""
    if (problem := problem_types().get(name)) is None:
        raise Http404
    text = f"{problem.title} (HTTP {problem.status})\n\n{problem.meaning}\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
