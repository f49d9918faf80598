"""The studio's pages of a chat: rules, moderators, emotes, bans, and the moderation log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from madang.apps.accounts.models import User
from madang.apps.channels import services as channels
from madang.apps.channels.models import Channel
from madang.apps.chat import emotes as pictures
from madang.apps.chat import ports, services, store
from madang.apps.chat.forms import LINKS, EmoteForm, ModeratorForm, RulesForm, in_words
from madang.apps.chat.models import ChatAct
from madang.apps.chat.studio_parts import attempt, room_of
from madang.base.errors import MadangError
from madang.chat.people import is_address

Change = Callable[[HttpRequest, Channel, User], Form | None]
View = Callable[[HttpRequest, str], HttpResponse]

RECORDED: Final = 200
"""Actions of moderators on one page."""
FOUND: Final = 100
"""Messages that a search shows."""

ACTS: Final = {
    "delete": gettext_lazy("Deleted a message"),
    "timeout": gettext_lazy("Timed out"),
    "untimeout": gettext_lazy("Ended the time-out"),
    "ban": gettext_lazy("Banned"),
    "unban": gettext_lazy("Lifted the ban"),
    "clear": gettext_lazy("Cleared the chat"),
    "pin": gettext_lazy("Pinned a message"),
    "unpin": gettext_lazy("Unpinned the message"),
    "slow": gettext_lazy("Changed slow mode"),
    "members_only": gettext_lazy("Changed who may write"),
    "emote_only": gettext_lazy("Changed what may be sent"),
    "guests": gettext_lazy("Changed who may write"),
    "links": gettext_lazy("Changed who may send links"),
    "mod": gettext_lazy("Made a moderator"),
    "unmod": gettext_lazy("Removed a moderator"),
    "undo": gettext_lazy("Took an act back"),
}


@login_required
@never_cache
@require_safe
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the settings of a chat to its moderators."""
    return _page(request, *room_of(request, slug))


def changing(part: str, name: str, *, owner: bool = False) -> Callable[[Change], View]:
    """Return a decorator that makes a view of a change, for moderators or only for managers.

    The view redirects to `part` of the page. A form that the change returns is shown again as
    `name`; an error without a form is shown above the page.
    """

    def wrap(change: Change) -> View:
        @login_required
        @never_cache
        @require_POST
        @wraps(change)
        def view(request: HttpRequest, slug: str) -> HttpResponse:
            channel, user = room_of(request, slug, owner=owner)
            try:
                form = change(request, channel, user)
            except MadangError as error:
                messages.error(request, str(error))
                form = None
            if form is not None:
                return _page(request, channel, user, status=400, **{name: form})
            return redirect(_to(slug, part))

        return view

    return wrap


@changing("", "rules")
def change_rules(request: HttpRequest, channel: Channel, user: User) -> Form | None:
    """Change the rules of the chat."""
    form = _rules_form(channel, user, request.POST)
    if attempt(form, lambda given: services.change_settings(channel, **given)):
        messages.success(request, _("The rules of the chat are changed."))
        return None
    return form


@changing("moderators", "moderator_form", owner=True)
def moderators(request: HttpRequest, channel: Channel, user: User) -> Form | None:
    """Appoint or remove a moderator."""
    if leaves := request.POST.get("remove"):
        services.dismiss(channel, leaves)
        return None
    form = ModeratorForm(request.POST)

    def appoint(given: Mapping[str, Any]) -> None:
        services.appoint(channel, given["account"], by=user)

    return None if attempt(form, appoint, "account") else form


@changing("emotes", "emote_form", owner=True)
def emotes(request: HttpRequest, channel: Channel, user: User) -> Form | None:
    """Add or remove an emote of the channel."""
    if goes := request.POST.get("remove"):
        pictures.remove(channel, goes)
        return None
    form = EmoteForm(request.POST, request.FILES)

    def add(given: Mapping[str, Any]) -> None:
        pictures.add(channel, given["name"], given["picture"].read())

    return None if attempt(form, add, "picture") else form


@changing("bans", "")
def bans(request: HttpRequest, channel: Channel, user: User) -> Form | None:
    """Lift a ban or a time-out."""
    act = "unban" if request.POST.get("kind") == "ban" else "untimeout"
    asked = {"act": act, "person": request.POST.get("person", "")}
    ports.chats().moderate(channel.slug, services.account_of(user), asked)
    return None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An action of a moderator, as the log shows it."""

    at: datetime
    by: str
    words: str
    name: str
    detail: str
    undone: bool


@login_required
@never_cache
@require_POST
def delete_message(request: HttpRequest, slug: str) -> HttpResponse:
    """Delete a message that a search found, however old, and search again."""
    channel, user = room_of(request, slug)
    asked = {"act": "delete", "id": request.POST.get("message", "")}
    try:
        services.act(channel, services.account_of(user), asked)
    except MadangError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The message is deleted."))
    query = urlencode({"q": request.POST.get("q", "")})
    return redirect(f"{reverse('studio-chat-log', kwargs={'slug': slug})}?{query}")


@login_required
@never_cache
@require_safe
def record(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the moderation log, and search the messages."""
    channel, user = room_of(request, slug)
    query = request.GET.get("q", "").strip()
    context = {
        "channel": channels.card(channel),
        "may_run": channels.may_run(user, channel),
        "log": [_recorded(action) for action in ChatAct.objects.filter(channel=channel)[:RECORDED]],
        "q": query,
        "found": store.search(channel, words=query).order_by("-key")[:FOUND] if query else [],
    }
    return render(request, "studio/chat_log.html", context)


def _to(slug: str, part: str) -> str:
    page = reverse("studio-chat", kwargs={"slug": slug})
    return f"{page}#{part}" if part else page


def _page(
    request: HttpRequest, channel: Channel, user: User, *, status: int = 200, **forms: Any
) -> HttpResponse:
    context = {
        "channel": channels.card(channel),
        "may_run": channels.may_run(user, channel),
        "rules": _rules_form(channel, user),
        "moderator_form": ModeratorForm(),
        "emote_form": EmoteForm(),
        "moderators": services.moderators(channel),
        "emotes": pictures.of(channel),
        "bans": services.bans(channel),
        "overlay_url": settings.MADANG_PUBLIC_URL
        + reverse("overlay", kwargs={"slug": channel.slug}),
        **forms,
    }
    return render(request, "studio/chat.html", context, status=status)


def _rules_form(channel: Channel, user: User, given: Any = None) -> RulesForm:
    now = services.settings_of(channel)
    form = RulesForm(
        given,
        current=now.slow,
        initial={
            "slow": now.slow,
            "links": now.links,
            "guests": now.guests,
            "members_only": now.members_only,
            "emote_only": now.emote_only,
            "retention_days": now.retention_days,
            "words": "\n".join(now.words),
        },
    )
    if not channels.may_run(user, channel):
        # Unwanted words and the retention are the owner's to choose.
        del form.fields["words"]
        del form.fields["retention_days"]
    return form


def _recorded(action: ChatAct) -> Recorded:
    return Recorded(
        at=action.at,
        by=action.by_name,
        words=str(ACTS.get(action.kind, action.kind)),
        name=action.name,
        detail=_detail(action),
        undone=action.undone_at is not None,
    )


def _detail(action: ChatAct) -> str:
    """Return duration, reason, and the new value of a rule."""
    parts = [action.reason] if action.reason else []
    if action.seconds:
        parts.insert(0, in_words(action.seconds))
    if is_address(action.person):
        parts.append(_("everybody without an account at this address"))
    after = action.detail.get("after", {})
    match action.kind, after.get(action.kind):
        case "slow", int() as seconds:
            parts.append(in_words(seconds) if seconds else _("Off"))
        case "links", str() as who:
            parts.append(str(dict(LINKS).get(who, who)))
        case (("members_only" | "emote_only" | "guests"), bool() as on):
            parts.append(_("On") if on else _("Off"))
    return " · ".join(parts)
