"""Opening of chats, and their settings. Messages and actions are in `store`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.models import User
from madang.apps.accounts.services import find_user, user_of_session
from madang.apps.channels.models import Channel
from madang.apps.channels.services import get_channel
from madang.apps.chat import emotes, ports, store
from madang.apps.chat.errors import InvalidChat
from madang.apps.chat.models import ChatMessage, ChatSettings, Moderator, Sanction
from madang.chat.errors import ChatRefused, NotAllowed
from madang.chat.history import KEPT, History
from madang.chat.ids import NODES, Ids
from madang.chat.model import Account, Mode, ModerationAction, Role
from madang.chat.model import Sanction as SanctionValue
from madang.chat.moderation import LONGEST_SLOW
from madang.chat.state import ChatState
from madang.chat.word_filter import MOST_WORDS, WORD_LENGTH, WordFilter

LONGEST_RETENTION: Final = 3650
MODE: Final = ("slow", "members_only", "emote_only", "links", "guests")


@dataclass(frozen=True, slots=True)
class ModeratorCard:
    """A moderator; `by` is who appointed them."""

    name: str
    since: datetime
    by: str


def open_chat(slug: str) -> ChatState:
    """Return the state of a channel's chat. Raises NoSuchChannel."""
    channel = get_channel(slug)
    found = settings_of(channel)
    return ChatState(
        channel=channel.pk,
        slug=channel.slug,
        owner=channel.owner_id,
        owner_name=channel.owner.name,
        mode=mode_of(found),
        moderators=dict(channel.moderators.values_list("user_id", "user__name")),
        sanctions={row.person: _value(row) for row in _in_force(channel).reverse()},
        words=WordFilter(found.words),
        emotes=tuple(emotes.of(channel)),
        pinned=found.pinned,
        history=History(store.last_messages(channel.pk, KEPT)),
    )


def settings_of(channel: Channel) -> ChatSettings:
    """Return the settings of a channel's chat; unsaved where they are the defaults."""
    return ChatSettings.objects.filter(channel=channel).first() or ChatSettings(channel=channel)


def mode_of(found: ChatSettings) -> Mode:
    """Return the part of the settings that readers get."""
    return Mode(**{name: getattr(found, name) for name in MODE})


@transaction.atomic
def change_settings(channel: Channel, **changes: Any) -> ChatSettings:
    """Change fields of the settings: those of the mode, `words`, `retention_days`.

    Running chats follow at once. Raises InvalidChat.
    """
    found = settings_of(channel)
    for name, value in changes.items():
        setattr(found, name, _fit(name, value))
    found.save()
    transaction.on_commit(lambda: ports.chats().changed(channel.slug))
    return found


def _fit(name: str, value: Any) -> Any:
    match name, value:
        case "slow", int() if 0 <= value <= LONGEST_SLOW:
            return value
        case (("members_only" | "emote_only" | "guests"), bool()):
            return value
        case "links", "off" | "moderators" | "all":
            return value
        case "retention_days", int() if 1 <= value <= LONGEST_RETENTION:
            return value
        case "words", list() if len(value) <= MOST_WORDS:
            words = [word.strip() for word in value if isinstance(word, str) and word.strip()]
            if all(len(word) <= WORD_LENGTH for word in words):
                return list(dict.fromkeys(words))
    raise InvalidChat(
        format_lazy(_("The setting {name} does not fit."), name=name),
        mend=format_lazy(
            _(
                "slow is 0 to {slow} seconds, links off, moderators or all, retention_days 1 to"
                " {days}, words up to {words} of {length} characters."
            ),
            slow=LONGEST_SLOW,
            days=LONGEST_RETENTION,
            words=MOST_WORDS,
            length=WORD_LENGTH,
        ),
    )


def account_of(user: User, *, bot: bool = False) -> Account:
    """Return an account as the chat knows it."""
    return Account(user.pk, user.name, user.admin, bot)


def signed_in(session: SessionBase) -> Account | None:
    """Return the account of a session, or None."""
    user = user_of_session(session)
    return account_of(user) if user is not None else None


def role_of(channel: Channel, user: object) -> Role:
    """Return the role of a page's user in a channel's chat."""
    if not isinstance(user, User) or not user.is_active:
        return Role.GUEST
    if user.pk == channel.owner_id:
        return Role.OWNER
    if user.admin or channel.moderators.filter(user=user).exists():
        return Role.MODERATOR
    return Role.MEMBER


def may_manage(channel: Channel, user: object) -> bool:
    """Return whether a user may choose moderators, emotes and words: owner and administrators."""
    return isinstance(user, User) and user.is_active and (user.admin or user.pk == channel.owner_id)


def need_moderator(channel: Channel, user: object) -> User:
    """Return the account of a moderator of this chat. Raises NotAllowed."""
    if not isinstance(user, User) or not role_of(channel, user).moderates:
        raise NotAllowed
    return user


def need_manager(channel: Channel, user: object) -> User:
    """Return the account of a manager of this channel. Raises NotAllowed."""
    if not isinstance(user, User) or not may_manage(channel, user):
        raise NotAllowed(_("Only the channel's owner may do this."))
    return user


def moderators(channel: Channel) -> list[ModeratorCard]:
    """Return the moderators of a channel's chat, by name."""
    return [
        ModeratorCard(row.user.name, row.since, row.by)
        for row in channel.moderators.select_related("user")
    ]


@transaction.atomic
def appoint(channel: Channel, name: str, *, by: User) -> ModeratorCard:
    """Make the account `name` a moderator. Raises NoSuchUser, InvalidChat."""
    user = find_user(name)
    if user.pk == channel.owner_id:
        raise InvalidChat(_("The owner needs no appointment."))
    row, _made = Moderator.objects.get_or_create(
        channel=channel, user=user, defaults={"by": by.name}
    )
    transaction.on_commit(lambda: ports.chats().changed(channel.slug))
    return ModeratorCard(user.name, row.since, row.by)


@transaction.atomic
def dismiss(channel: Channel, name: str) -> None:
    """Remove a moderator. Raises NoSuchUser."""
    channel.moderators.filter(user=find_user(name)).delete()
    transaction.on_commit(lambda: ports.chats().changed(channel.slug))


def act(channel: Channel, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a moderator asks, in the running chat; return the acknowledgement.

    A message that the chat has forgotten is deleted in the database. Raises ChatRefused.
    """
    try:
        return ports.chats().moderate(channel.slug, account, request)
    except ChatRefused as refused:
        old = None
        if refused.code == "unknown_message" and request.get("act") == "delete":
            wanted = str(request.get("id")).replace("\0", "")  # which PostgreSQL refuses
            old = ChatMessage.objects.filter(channel=channel, key=wanted, deleted_by="").first()
        if old is None:
            raise
    now = round(timezone.now().timestamp() * 1000)
    action = ModerationAction(
        Ids(secrets.randbelow(NODES)).make(now), now, account.person, account.name, "delete"
    )
    action = replace(action, person=old.person, name=old.name, ids=(old.key,))
    store.save_action(channel.pk, action)
    return {"ok": True}


def bans(channel: Channel) -> list[Sanction]:
    """Return bans and time-outs in force, the newest first."""
    return list(_in_force(channel))


def shown_settings(channel: Channel) -> Mapping[str, Any]:
    """Return all settings for those who may change them."""
    found = settings_of(channel)
    return {
        **asdict(mode_of(found)),
        "words": found.words,
        "retention_days": found.retention_days,
    }


def _in_force(channel: Channel) -> Any:
    return channel.sanctions.filter(Q(until=None) | Q(until__gt=timezone.now()))


def _value(row: Sanction) -> SanctionValue:
    until = row.until.timestamp() if row.until is not None else None
    seconds = (row.until - row.at).total_seconds() if row.until is not None else None
    return SanctionValue(row.person, row.name, until, row.reason, seconds)
