"""Shared parts of the JSON API: pagination and caching."""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, ParamSpec, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers, set_response_etag
from django.utils.translation import gettext_lazy as _
from ninja import Query
from pydantic import BaseModel

from madang.base.errors import MadangError

PAGE_SIZE: Final = 50
"""Default entries of a page."""
LARGEST_PAGE: Final = 200
"""Upper bound of the cost of a request."""

Cursor = Annotated[
    str | None, Query(description="`next_cursor` of the page before", max_length=100)
]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="entries on a page")]

P = ParamSpec("P")
M = TypeVar("M", bound=Model)
V = TypeVar("V")


class Body(BaseModel):
    """Fields of a request's body, which is a JSON object: ninja's Schema reads any value, a list as
    an object without fields."""


class UnknownCursor(MadangError):
    """Cursor that this list has not issued."""


def page(
    entries: QuerySet[M], key: str, cursor: str | None, limit: int
) -> tuple[list[M], str | None]:
    """Return the entries after `cursor`, ordered by their unique text field `key`.

    Also returns the cursor of the next page, None on the last. Raises UnknownCursor.
    """
    ordered = entries.order_by(key)
    if cursor is not None:
        ordered = ordered.filter(**{f"{key}__gt": decode_cursor(cursor)})
    found = list(ordered[: limit + 1])
    if len(found) <= limit:
        return found, None
    return found[:limit], encode_cursor(getattr(found[limit - 1], key))


def page_newest(
    entries: QuerySet[M], at: str, cursor: str | None, limit: int
) -> tuple[list[M], str | None]:
    """Return the entries after `cursor`, ordered by their time field `at`, the newest first.

    Their keys are texts. Also returns the cursor of the next page, None on the last. Raises
    UnknownCursor.
    """
    ordered = entries.order_by(f"-{at}", "-pk")
    if cursor is not None:
        instant, _space, key = decode_cursor(cursor).partition(" ")
        before = _instant(instant)
        ordered = ordered.filter(Q(**{f"{at}__lt": before}) | Q(**{at: before}, pk__lt=key))
    found = list(ordered[: limit + 1])
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], _in_time(getattr(last, at), last.pk)


def page_oldest(
    entries: QuerySet[M], at: str, key: str, cursor: str | None, limit: int
) -> tuple[list[M], str | None]:
    """Return the entries after `cursor`, ordered by their time field `at`, the oldest first, those
    of one time by their unique text field `key`.

    Also returns the cursor of the next page, None on the last. Raises UnknownCursor.
    """
    ordered = entries.order_by(at, key)
    if cursor is not None:
        instant, _space, last_key = decode_cursor(cursor).partition(" ")
        since = _instant(instant)
        later = Q(**{f"{at}__gt": since}) | Q(**{f"{key}__gt": last_key})
        ordered = ordered.filter(later, **{f"{at}__gte": since})
    found = list(ordered[: limit + 1])
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], _in_time(getattr(last, at), getattr(last, key))


def page_of(entries: Mapping[str, V], cursor: str | None, limit: int) -> tuple[list[V], str | None]:
    """Return a page of entries in memory, ordered by key. Raises UnknownCursor."""
    after = decode_cursor(cursor) if cursor is not None else ""
    keys = sorted(key for key in entries if key > after)
    found = [entries[key] for key in keys[:limit]]
    return found, encode_cursor(keys[limit - 1]) if len(keys) > limit else None


def _in_time(at: datetime, key: str) -> str:
    return encode_cursor(f"{at.astimezone(UTC).isoformat()} {key}")


def _instant(text: str) -> datetime:
    with contextlib.suppress(ValueError):
        instant = datetime.fromisoformat(text)
        if instant.tzinfo == UTC:
            return instant
    raise UnknownCursor(_("The cursor is not one of this list."))


def encode_cursor(key: str) -> str:
    """Return the cursor of an entry by its key."""
    return base64.urlsafe_b64encode(key.encode()).decode("ascii").rstrip("=")


def decode_cursor(cursor: str) -> str:
    """Return the key of a cursor. Raises UnknownCursor."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        read = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        read = "\0"
    if "\0" in read:  # no key has a zero byte, which PostgreSQL refuses in texts
        raise UnknownCursor(_("The cursor is not one of this list."))
    return read


def cacheable(
    max_age: int,
) -> Callable[[Callable[P, HttpResponse]], Callable[P, HttpResponse]]:
    """Let caches keep an anonymous response for `max_age` seconds and revalidate it by ETag.

    Responses to signed-in users stay out of shared caches (RFC 9111 section 5.2.2.7).
    """

    def decorate(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
        @functools.wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            response = view(*args, **kwargs)
            request = args[0]
            if not isinstance(request, HttpRequest) or response.status_code != 200:
                return response
            # A token is no reason for a cache to leave out what it has (RFC 9111, section 3.5).
            patch_vary_headers(response, ["Cookie", "Authorization"])
            scope = "private, no-cache" if request.user.is_authenticated else "public"
            response["Cache-Control"] = (
                f"{scope}, max-age={max_age}" if scope == "public" else scope
            )
            set_response_etag(response)
            fresh: HttpResponse | None = get_conditional_response(
                request, etag=response["ETag"], response=response
            )
            return fresh or response

        return wrapper

    return decorate
