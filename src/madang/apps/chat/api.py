"""The API of chats: settings, moderators, emotes, messages and the moderation log."""

from __future__ import annotations

from typing import Annotated, Any, Final

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import File, Form, Query, Router
from ninja.decorators import decorate_view
from ninja.files import UploadedFile
from ninja.responses import Status
from pydantic import AwareDatetime

from madang.apps.accounts.tokens import caller, session_or_token
from madang.apps.api import PAGE_SIZE, Cursor, Limit, cacheable, page
from madang.apps.channels.models import Channel
from madang.apps.channels.services import get_channel
from madang.apps.chat import emotes as pictures
from madang.apps.chat import ports, services, store
from madang.apps.chat.models import ChatAct, ChatMessage, Sanction
from madang.apps.chat.schemas import (
    ActRequest,
    ActView,
    BanView,
    ChatView,
    EmoteView,
    MessagePage,
    MessageView,
    ModeratorView,
    ModeView,
    Name,
    NewMessage,
    SettingsChange,
    SettingsView,
    message_view,
)
from madang.chat.errors import NotAllowed
from madang.chat.history import SHOWN
from madang.chat.model import Emote

router = Router(tags=["chat"])

_MEMBERS: Final = session_or_token("chat")
_READERS: Final = session_or_token("read", "chat")
RECENT_SECONDS: Final = 2
"""For which caches answer who polls a chat: all of a network that lets nobody connect."""

_SENT_FIELDS: Final = ("slow", "members_only", "emote_only", "links", "guests")


Words = Annotated[str, Query(max_length=100, description="words in text or name")]
Person = Annotated[str, Query(max_length=24)]
Before = Annotated[str, Query(max_length=18, description="id of the last act of the page before")]


@router.get("/channels/{slug}/chat", response=ChatView, summary="A chat")
def chat(request: HttpRequest, slug: str) -> ChatView:
    """Return how a chat is set and how many are in it."""
    channel = get_channel(slug)
    found = services.settings_of(channel)
    return ChatView(
        mode=ModeView.from_orm(services.mode_of(found)),
        emotes=_emotes(pictures.of(channel)),
        pinned=found.pinned,
        connected=ports.chats().connections().get(slug, 0),
    )


@router.get("/channels/{slug}/chat/settings", response=SettingsView, auth=_READERS)
def settings(request: HttpRequest, slug: str) -> SettingsView:
    """Return everything that may be set, to those who keep order."""
    channel = _moderated(request, slug)
    return SettingsView(**services.shown_settings(channel))


@router.patch("/channels/{slug}/chat", response=SettingsView, auth=_MEMBERS)
def change(request: HttpRequest, slug: str, body: SettingsChange) -> SettingsView:
    """Change settings. Words and retention are the owner's."""
    channel = _moderated(request, slug)
    changes = body.model_dump(exclude_none=True)
    if not changes.keys() <= set(_SENT_FIELDS):
        services.need_manager(channel, caller(request))
    services.change_settings(channel, **changes)
    return SettingsView(**services.shown_settings(channel))


@router.get("/channels/{slug}/chat/moderators", response=list[ModeratorView], auth=_READERS)
def moderators(request: HttpRequest, slug: str) -> list[ModeratorView]:
    """Return who keeps order."""
    channel = _moderated(request, slug)
    return [ModeratorView.from_orm(card) for card in services.moderators(channel)]


@router.post("/channels/{slug}/chat/moderators", response={201: ModeratorView}, auth=_MEMBERS)
def appoint(request: HttpRequest, slug: str, body: Name) -> Status[ModeratorView]:
    """Make an account a moderator."""
    channel = get_channel(slug)
    by = services.need_manager(channel, caller(request))
    return Status(201, ModeratorView.from_orm(services.appoint(channel, body.name, by=by)))


@router.delete("/channels/{slug}/chat/moderators/{name}", response={204: None}, auth=_MEMBERS)
def dismiss(request: HttpRequest, slug: str, name: str) -> Status[None]:
    """Make an account no moderator any more."""
    channel = get_channel(slug)
    services.need_manager(channel, caller(request))
    services.dismiss(channel, name)
    return Status(204, None)


@router.get("/channels/{slug}/chat/emotes", response=list[EmoteView])
def emotes(request: HttpRequest, slug: str) -> list[EmoteView]:
    """Return the channel's own emotes."""
    return _emotes(pictures.own(get_channel(slug)))


@router.post("/channels/{slug}/chat/emotes", response={201: EmoteView}, auth=_MEMBERS)
def add_emote(
    request: HttpRequest, slug: str, name: Form[str], picture: File[UploadedFile]
) -> Status[EmoteView]:
    """Add an emote of the channel."""
    channel = get_channel(slug)
    services.need_manager(channel, caller(request))
    return Status(201, _emote(pictures.add(channel, name, _read(picture))))


@router.delete("/channels/{slug}/chat/emotes/{name}", response={204: None}, auth=_MEMBERS)
def remove_emote(request: HttpRequest, slug: str, name: str) -> Status[None]:
    """Remove an emote of the channel."""
    channel = get_channel(slug)
    services.need_manager(channel, caller(request))
    pictures.remove(channel, name)
    return Status(204, None)


@router.get("/chat/emotes", response=list[EmoteView])
def station_emotes(request: HttpRequest) -> list[EmoteView]:
    """Return the station's emotes, which every chat has."""
    return _emotes(pictures.own(None))


@router.post("/chat/emotes", response={201: EmoteView}, auth=_MEMBERS)
def add_station_emote(
    request: HttpRequest, name: Form[str], picture: File[UploadedFile]
) -> Status[EmoteView]:
    """Add an emote of the station."""
    _administrator(request)
    return Status(201, _emote(pictures.add(None, name, _read(picture))))


@router.delete("/chat/emotes/{name}", response={204: None}, auth=_MEMBERS)
def remove_station_emote(request: HttpRequest, name: str) -> Status[None]:
    """Remove an emote of the station."""
    _administrator(request)
    pictures.remove(None, name)
    return Status(204, None)


@router.get("/channels/{slug}/chat/messages", response=MessagePage, auth=_READERS)
def messages(
    request: HttpRequest,
    slug: str,
    *,
    q: Words = "",
    person: Person = "",
    deleted: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> MessagePage:
    """Search what was said, for those who keep order."""
    found = store.search(_moderated(request, slug), words=q, person=person, deleted=deleted)
    return _page(found, cursor, limit)


@router.post("/channels/{slug}/chat/messages", response=dict[str, Any], auth=_MEMBERS)
def say(request: HttpRequest, slug: str, body: NewMessage) -> dict[str, Any]:
    """Do what the event `message` does, with the same body."""
    # A session is a person at a page; a token is a program's.
    account = services.account_of(caller(request), bot="Authorization" in request.headers)
    return ports.chats().say(slug, account, body.model_dump(exclude_none=True))


@router.get("/channels/{slug}/chat/recent", response=list[MessageView])
@decorate_view(cacheable(RECENT_SECONDS))
def recent(request: HttpRequest, slug: str) -> list[MessageView]:
    """Return the last messages, the oldest first, for readers whom a network does not let connect.

    Ask every few seconds: caches answer for two.
    """
    return [message_view(message) for message in store.last_messages(get_channel(slug).pk, SHOWN)]


@router.get("/channels/{slug}/chat/replay", response=MessagePage)
def replay(
    request: HttpRequest,
    slug: str,
    *,
    start: AwareDatetime,
    end: AwareDatetime,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> MessagePage:
    """Return the messages between two instants, for a recording of that time: none where the
    channel shows no chat beside its videos."""
    channel = get_channel(slug)
    found = store.replay(channel, start, end)
    return _page(found if channel.chat_replay else found.none(), cursor, limit)


@router.get("/channels/{slug}/chat/log", response=list[ActView], auth=_READERS)
def log(
    request: HttpRequest,
    slug: str,
    before: Before = "",
    limit: Limit = PAGE_SIZE,
) -> list[ActView]:
    """Return what moderators did, the newest first."""
    found = ChatAct.objects.filter(channel=_moderated(request, slug))
    if before:
        found = found.filter(key__lt=before)
    return [_act(row) for row in found[:limit]]


@router.get("/channels/{slug}/chat/bans", response=list[BanView], auth=_READERS)
def bans(request: HttpRequest, slug: str) -> list[BanView]:
    """Return bans and time-outs in force."""
    return [_ban(row) for row in services.bans(_moderated(request, slug))]


@router.post("/channels/{slug}/chat/acts", response=dict[str, Any], auth=_MEMBERS)
def act(request: HttpRequest, slug: str, body: ActRequest) -> dict[str, Any]:
    """Do what the event `moderate` does, with the same body; delete old messages, too."""
    channel = get_channel(slug)
    account = services.account_of(services.need_moderator(channel, caller(request)))
    return services.act(channel, account, body.model_dump(exclude_none=True))


def _moderated(request: HttpRequest, slug: str) -> Channel:
    channel = get_channel(slug)
    services.need_moderator(channel, caller(request))
    return channel


def _administrator(request: HttpRequest) -> None:
    if not caller(request).admin:
        raise NotAllowed(_("Only an administrator may do this."))


def _read(upload: UploadedFile) -> bytes:
    data: bytes = upload.read(pictures.LARGEST_FILE + 1)
    return data


def _emote(emote: Emote) -> EmoteView:
    return EmoteView.from_orm(emote)


def _emotes(found: list[Emote]) -> list[EmoteView]:
    return [_emote(emote) for emote in found]


def _page(found: Any, cursor: str | None, limit: int) -> MessagePage:
    rows, following = page(found, "key", cursor, limit)
    return MessagePage(items=[_message(row) for row in rows], next_cursor=following)


def _message(row: ChatMessage) -> MessageView:
    return message_view(store.message_of(row), deleted=bool(row.deleted_by))


def _act(row: ChatAct) -> ActView:
    return ActView(
        id=row.key,
        at=row.at,
        by=row.by_name,
        act=row.kind,
        person=row.person,
        name=row.name,
        seconds=row.seconds,
        reason=row.reason,
        undone_by=row.undone_by or None,
        undone_at=row.undone_at,
        detail=row.detail,
    )


def _ban(row: Sanction) -> BanView:
    return BanView(
        person=row.person,
        name=row.name,
        address=row.is_address,
        kind="ban" if row.until is None else "timeout",
        by=row.by_name,
        at=row.at,
        until=row.until,
        reason=row.reason,
    )
