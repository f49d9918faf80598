"""Methods of pages: forms need no others than GET, HEAD and POST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

API: Final = "/api/v1/"
PAGE_METHODS: Final = ("GET", "HEAD", "POST")

Answer = Callable[[HttpRequest], HttpResponse]


def page_methods(answer: Answer) -> Answer:
    """Return middleware that refuses other methods outside the API, whatever a view takes."""

    def wrapper(request: HttpRequest) -> HttpResponse:
        if request.method not in PAGE_METHODS and not request.path.startswith(API):
            return HttpResponseNotAllowed(PAGE_METHODS)
        return answer(request)

    return wrapper
