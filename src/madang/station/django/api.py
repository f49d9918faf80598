"""The JSON API: the routers of all apps, and their errors as problem details."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.openapi.views import openapi_json
from ninja.operation import Operation

import madang
from madang.apps import problems
from madang.base.errors import MadangError
from madang.chat.errors import ChatRefused
from madang.plan.errors import DemandError
from madang.station.django import apps
from madang.station.django.openapi import StationSchema

_PUBLISHED: Final = {
    "madang_apps_webhooks_api_": "madang_rooms_chat_webhooks_api_",
    "madang_apps_": "madang_rooms_",
}
"""Beginnings of the names of operations by module, and those that were published first."""


class StationAPI(NinjaAPI):
    """The API, whose names of operations are public: they do not follow modules that move."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the name of an operation, as generated clients call it."""
        name = super().get_openapi_operation_id(operation)
        for now, published in _PUBLISHED.items():
            if name.startswith(now):
                return published + name.removeprefix(now)
        return name

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """Return the schema, with the problems of each operation."""
        if path_prefix is None:
            path_prefix = self.get_root_path(path_params or {})
        return StationSchema(self, path_prefix)


api = StationAPI(
    title="Madang",
    version=madang.__version__,
    description="Instants are RFC 3339 in UTC; errors are RFC 9457 problem details.",
    docs_url=None,  # `/api/docs` is beside the version, not below it: see urls
    urls_namespace="api",
)
for app in apps.APPS:
    for router in import_module(f"{app}.urls").api_routers:
        api.add_router("", router)


@api.exception_handler(MadangError)
def refused(request: HttpRequest, error: MadangError) -> HttpResponse:
    """Respond to an error of an app. Those of a chat have a code, as on its own connections."""
    more = error.as_json() if isinstance(error, ChatRefused) else None
    return problems.respond(request, problems.problem_of(error), str(error), more=more)


@api.exception_handler(DemandError)
def unplannable(request: HttpRequest, error: DemandError) -> HttpResponse:
    """Respond to an error of the planner, which has its own translations."""
    detail = error.message_in(get_language() or "")
    return problems.respond(request, problems.problem_of(error), detail)


@api.exception_handler(ValidationError)
def unfit(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Respond to a parameter or body of a wrong shape."""
    return problems.respond(
        request, problems.INVALID_REQUEST, errors=[_named(item) for item in error.errors]
    )


@api.exception_handler(AuthenticationError)
def unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Respond to a request without a session or a valid token."""
    return problems.respond(request, problems.SIGN_IN)


@api.exception_handler(HttpError)
def forbidden(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Respond to errors of the framework: a missing CSRF token, or a body that is no JSON."""
    kind = problems.FORBIDDEN if error.status_code == 403 else problems.INVALID_REQUEST
    return problems.respond(request, kind, str(error))


@api.exception_handler(Http404)
def missing(request: HttpRequest, error: Http404) -> HttpResponse:
    """Respond to an address of the API that does not exist."""
    return problems.respond(request, problems.NOT_FOUND)


def nothing_here(request: HttpRequest, rest: str) -> HttpResponse:
    """Respond to every other address below `/api/`."""
    return problems.respond(request, problems.NOT_FOUND)


def docs(request: HttpRequest) -> HttpResponse:
    """Return the interactive documentation, from this station's own files."""
    return api.docs.render_page(request, api)


def schema(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI schema."""
    return openapi_json(request, api)


def _named(item: dict[str, Any]) -> dict[str, str]:
    # The first part of the location is how ninja groups parameters: query, path or body.
    return {"field": ".".join(str(part) for part in item["loc"][1:]), "detail": str(item["msg"])}
