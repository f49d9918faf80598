"""The OpenAPI schema, with the problems (RFC 9457) that each operation may answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.apps import apps
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from madang.apps import problems
from madang.apps.channels.apps import UNKNOWN_CHANNEL
from madang.apps.problems import ProblemType

_TEXT: Final = {"type": "string"}
PROBLEM: Final = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "instance": _TEXT,
        "detail": _TEXT,
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"field": _TEXT, "detail": _TEXT}},
        },
        "code": _TEXT,
        "retry_after": {"type": "number"},
    },
}
_READING: Final = frozenset({"GET", "HEAD"})


class StationSchema(OpenAPISchema):
    """The schema of ninja, which knows only the answers of success."""

    def get_components(self) -> dict[str, Any]:
        """Return the schemas, that of problems among them."""
        self.schemas["Problem"] = PROBLEM
        components: dict[str, Any] = super().get_components()
        return components

    def responses(self, operation: Operation) -> dict[int, dict[str, Any]]:
        """Return the answers of an operation by status."""
        found: dict[int, dict[str, Any]] = super().responses(operation)
        kinds: dict[int, list[str]] = {}
        for kind in problems_of(operation):
            kinds.setdefault(kind.status, []).append(kind.name)
        for status, names in sorted(kinds.items()):
            found[status] = {
                "description": f"{HTTPStatus(status).phrase}: {', '.join(sorted(set(names)))}",
                "content": {
                    problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            }
        return found


def problems_of(operation: Operation) -> list[ProblemType]:
    """Return the problems that an operation may answer, by its parts and its app."""
    found = [problems.AWAY]
    places = [model.__ninja_param_source__ for model in operation.models]
    if places:
        found.append(problems.INVALID_REQUEST)
    if "path" in places:
        found.append(problems.NOT_FOUND)
    if any("slug" in model.model_fields for model in operation.models):
        found.append(UNKNOWN_CHANNEL)
    if operation.auth_callbacks:
        found += [problems.SIGN_IN, problems.FORBIDDEN]
    if any("cursor" in model.model_fields for model in operation.models):
        found.append(problems.UNKNOWN_CURSOR)
    if _READING.isdisjoint(operation.methods):
        app = apps.get_containing_app_config(operation.view_func.__module__)
        found += getattr(app, "problems", {}).values()
    return found
