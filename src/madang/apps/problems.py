"""The table of everything that the API refuses: domain errors become RFC 9457 problem details here.

Each type has an address, `/api/problems/NAME`, that says in words what it means.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.errors import AccountError, NoSuchToken, NoSuchUser
from madang.apps.api import UnknownCursor
from madang.apps.channels.errors import ChannelError, NoSuchChannel, SlugTaken, UnfitChannel
from madang.apps.chat.errors import UnfitChat
from madang.apps.webhooks.errors import NoSuchWebhook, UnfitWebhook
from madang.base.errors import LazyText, MadangError
from madang.chat.errors import ChatAway, ChatRefused, NotAllowed
from madang.plan.errors import DemandError

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of refusal. `name` is the last part of its address."""

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
UNKNOWN_CHANNEL: Final = ProblemType(
    "unknown-channel",
    404,
    _("There is no such channel"),
    _("No channel of this station has this slug."),
)
SLUG_TAKEN: Final = ProblemType(
    "slug-taken", 409, _("The address is taken"), _("Another channel has this slug already.")
)
UNFIT_CHANNEL: Final = ProblemType(
    "unfit-channel",
    422,
    _("The channel's details do not fit"),
    _("The slug, title, description or language does not follow the rules that `detail` names."),
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
UNKNOWN_USER: Final = ProblemType(
    "unknown-user",
    404,
    _("There is no such account"),
    _("No account of this station has this name."),
)
CHAT_REFUSED: Final = ProblemType(
    "chat-refused",
    409,
    _("The chat does not do this"),
    _(
        "A rule of the chat, or its state, forbids what was asked; `detail` says which, and"
        " `code` is the name that the chat's own connections use for it."
    ),
)
FAILED: Final = ProblemType(
    "failed", 500, _("It did not work"), _("The station failed for the reason in `detail`.")
)

PROBLEMS: Final = {
    problem.name: problem
    for problem in (
        INVALID_REQUEST,
        NOT_FOUND,
        FORBIDDEN,
        SIGN_IN,
        UNKNOWN_CHANNEL,
        SLUG_TAKEN,
        UNFIT_CHANNEL,
        UNKNOWN_CURSOR,
        AWAY,
        UNKNOWN_USER,
        CHAT_REFUSED,
        FAILED,
    )
}

_OF_ERROR: Final[dict[type[MadangError], ProblemType]] = {
    NoSuchChannel: UNKNOWN_CHANNEL,
    SlugTaken: SLUG_TAKEN,
    UnfitChannel: UNFIT_CHANNEL,
    ChannelError: INVALID_REQUEST,
    UnknownCursor: UNKNOWN_CURSOR,
    DemandError: INVALID_REQUEST,
    NoSuchUser: UNKNOWN_USER,
    NoSuchToken: NOT_FOUND,
    AccountError: INVALID_REQUEST,
    ChatAway: AWAY,
    NotAllowed: FORBIDDEN,
    ChatRefused: CHAT_REFUSED,
    NoSuchWebhook: NOT_FOUND,
    UnfitChat: INVALID_REQUEST,
    UnfitWebhook: INVALID_REQUEST,
    MadangError: FAILED,
}


def problem_of(error: MadangError) -> ProblemType:
    """The nearest entry of the table for a domain error."""
    return next(_OF_ERROR[kind] for kind in type(error).__mro__ if kind in _OF_ERROR)


def respond(
    request: HttpRequest,
    problem: ProblemType,
    detail: str = "",
    *,
    errors: list[dict[str, str]] | None = None,
    more: Mapping[str, object] | None = None,
) -> HttpResponse:
    """An answer that says what went wrong (RFC 9457 section 3); never kept by a cache.

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
    """What a problem type means, in words: its address in every problem leads here."""
    if (problem := PROBLEMS.get(name)) is None:
        raise Http404
    text = f"{problem.title} (HTTP {problem.status})\n\n{problem.meaning}\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
