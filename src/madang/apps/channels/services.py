"""Creating, finding and changing channels, and authorising encoders."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final, Literal, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.models import User
from madang.apps.channels import keys, refusals
from madang.apps.channels.errors import (
    InvalidChannel,
    KeyRefused,
    NoSuchChannel,
    SlugTaken,
    TooManyWrongKeys,
)
from madang.apps.channels.models import (
    SLUG_PATTERN,
    Channel,
    Record,
    StreamKey,
    station_language,
)
from madang.apps.channels.refusals import RefusalReason
from madang.apps.channels.throttle import WrongKeys
from madang.apps.validation import in_one_sentence, save

RecordPolicy = Literal["always", "never", "ask"]
"""Which shows are kept: every one, none, or those that the owner keeps when asked."""

STATION_DEFAULT: Final = "default"
"""Choice of a channel that follows the station's setting."""

_wrong_keys = WrongKeys()


@dataclass(frozen=True, slots=True)
class ChannelCard:
    """Public fields of a channel."""

    id: int
    slug: str
    title: str
    description: str
    language: str
    owner: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PublishGrant:
    """Authorisation to publish to a channel."""

    channel_id: int
    slug: str
    title: str
    record: RecordPolicy = "always"


@dataclass(frozen=True, slots=True)
class KeyCard:
    """Public fields of a stream key. Times are UTC."""

    key_id: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@transaction.atomic
def create_channel(
    slug: str, *, owner: User, title: str = "", description: str = "", language: str | None = None
) -> tuple[Channel, keys.Key]:
    """Make a channel with its first stream key, which is shown only now.

    Raises SlugTaken, UnfitChannel.
    """
    channel = Channel(
        slug=slug,
        title=title.strip() or slug,
        description=description.strip(),
        language=language or station_language(),
        owner=owner,
    )
    taken = SlugTaken(format_lazy(_("There is a channel {slug} already."), slug=slug))
    if Channel.objects.filter(slug=slug).exists():
        raise taken
    try:
        _save(channel)
    except IntegrityError:  # concurrent creation, on PostgreSQL
        raise taken from None
    return channel, _add_key(channel)


@transaction.atomic
def rename(
    slug: str,
    *,
    title: str | None = None,
    description: str | None = None,
    language: str | None = None,
) -> Channel:
    """Change title, description or language; None keeps the old value.

    Raises NoSuchChannel, UnfitChannel.
    """
    channel = get_channel(slug)
    if title is not None:
        channel.title = title.strip()
    if description is not None:
        channel.description = description.strip()
    if language is not None:
        channel.language = language
    _save(channel, ("title", "description", "language"))
    return channel


@transaction.atomic
def set_recording(
    slug: str,
    *,
    record: str | None = None,
    retention_days: int | str | None = None,
    retention_gb: int | None = None,
    chat_replay: bool | None = None,
    clips: str | None = None,
) -> Channel:
    """Choose which shows are kept, for how many days (0: for ever), how many gigabytes all videos
    take at most (0: without limit), whether chats are shown beside videos, and who may make clips
    (`Clips`); None keeps the old choice, STATION_DEFAULT follows the station.

    Raises NoSuchChannel, InvalidChannel.
    """
    channel = get_channel(slug)
    if record is not None:
        channel.record = Record.DEFAULT if record == STATION_DEFAULT else record
    if retention_days is not None:
        channel.retention_days = None if retention_days == STATION_DEFAULT else int(retention_days)
    if retention_gb is not None:
        channel.retention_gb = retention_gb
    if chat_replay is not None:
        channel.chat_replay = chat_replay
    if clips is not None:
        channel.clips = clips
    _save(channel, ("record", "retention_days", "retention_gb", "chat_replay", "clips"))
    return channel


def record_policy(channel: Channel) -> RecordPolicy:
    """Return which shows of `channel` are kept, by its choice or the station's setting."""
    return cast(RecordPolicy, channel.record or settings.MADANG_RECORD)


def retention_days(channel: Channel) -> int:
    """Return for how many days recordings of `channel` are kept, 0 for ever."""
    if channel.retention_days is not None:
        return channel.retention_days
    days: int = settings.MADANG_RETENTION_DAYS
    return days


@transaction.atomic
def rotate_key(slug: str) -> tuple[Channel, keys.Key]:
    """Revoke every key of a channel and make a new one, which is shown only now.

    A publisher with an old key goes on until disconnected. Raises NoSuchChannel.
    """
    channel = get_channel(slug)
    # Serialised: two concurrent rotations would leave two active keys.
    Channel.objects.select_for_update().get(pk=channel.pk)
    channel.keys.filter(revoked_at=None).update(revoked_at=timezone.now())
    return channel, _add_key(channel)


def list_keys(slug: str) -> list[KeyCard]:
    """Return all keys of a channel, the newest first. Raises NoSuchChannel."""
    return [
        KeyCard(key.key_id, key.created_at, key.last_used_at, key.revoked_at)
        for key in get_channel(slug).keys.all()
    ]


def authorise_publish(
    texts: Sequence[str], address: str, *, encoder: str = "", now: float | None = None
) -> PublishGrant:
    """Authorise an encoder at `address` if there is an active key in one of `texts`.

    `texts` are the names and addresses that the encoder was given, `encoder` its name for itself;
    `now` is in seconds of the monotonic clock. An active key is let in whatever others at the
    address have shown, and a key that was active once is no guess. Raises KeyRefused with a message
    for the person at the encoder.
    """
    found = keys.find(texts)
    if not found:
        raise KeyRefused("There is no stream key.", mend="Copy the whole key from the studio.")
    ids = [key.key_id for key in found]
    rows = StreamKey.objects.select_related("channel__owner").filter(key_id__in=ids)
    stored = {row.key_id: row for row in rows}
    right = [row for key in found if (row := _stored_key(key, stored)) is not None]
    for row in right:
        if row.revoked_at is None and row.channel.owner.is_active:
            return _grant(row)
    if right:
        old = right[0]
        reason = RefusalReason.REVOKED if old.revoked_at else RefusalReason.CLOSED
        refusals.note(old.channel.pk, reason, address, encoder)
        raise KeyRefused(
            "The stream key was revoked: a newer one was made, or the account was closed.",
            mend="Copy the new key from the studio.",
        )
    at = monotonic() if now is None else now
    counted = [_wrong_keys.note(address, keys.hash_secret(str(key)), at) for key in found]
    if not all(counted):
        raise TooManyWrongKeys(
            "Too many wrong stream keys from this address.",
            mend="Copy the key from the studio: the right one is let in at once.",
        )
    for mistyped in stored.values():
        refusals.note(mistyped.channel.pk, RefusalReason.WRONG, address, encoder)
    raise KeyRefused("The stream key is wrong.", mend="Copy the whole key from the studio.")


def get_channel(slug: str) -> Channel:
    """Return the channel at `/@slug`. Raises NoSuchChannel."""
    try:
        if not _may_exist(slug):
            raise Channel.DoesNotExist
        return Channel.objects.select_related("owner").get(slug=slug)
    except Channel.DoesNotExist:
        raise NoSuchChannel(format_lazy(_("There is no channel {slug}."), slug=slug)) from None


def find(slug: str) -> ChannelCard | None:
    """Return the channel at `/@slug`, None if there is none."""
    if not _may_exist(slug):
        return None
    channel = Channel.objects.select_related("owner").filter(slug=slug).first()
    return None if channel is None else card(channel)


def list_channels() -> list[ChannelCard]:
    """Return all channels, by slug."""
    return [card(channel) for channel in Channel.objects.select_related("owner")]


def card(channel: Channel) -> ChannelCard:
    """Return the public fields of `channel`."""
    return ChannelCard(
        id=channel.pk,
        slug=channel.slug,
        title=channel.title,
        description=channel.description,
        language=channel.language,
        owner=channel.owner.name,
        created_at=channel.created_at,
    )


def channels_of(user: User) -> QuerySet[Channel]:
    """Return the channels that `user` may manage: the own ones, or all for an administrator."""
    every = Channel.objects.select_related("owner")
    return every if user.admin else every.filter(owner=user)


def moderated_by(user: User) -> QuerySet[Channel]:
    """Return the channels that `user` moderates without managing them."""
    every = Channel.objects.select_related("owner").filter(moderators__user=user)
    return every.none() if user.admin else every.exclude(owner=user)


def may_run(user: User, channel: Channel) -> bool:
    """Return True for the owner of `channel` and administrators."""
    return user.admin or channel.owner_id == user.pk


def may_create_channel(user: User) -> bool:
    """Return True if `user` may make a channel: one for everybody, any number for
    administrators."""
    return user.admin or not user.channels.exists()


def _may_exist(slug: str) -> bool:
    """Check the pattern first: PostgreSQL refuses texts with a zero byte."""
    return re.match(SLUG_PATTERN, slug) is not None


def _stored_key(key: keys.Key, stored: Mapping[str, StreamKey]) -> StreamKey | None:
    """Return the stored key that `key` matches, active or not."""
    row = stored.get(key.key_id)
    return row if keys.matches(key.secret, row.secret_hash if row else None) else None


def _grant(stored: StreamKey) -> PublishGrant:
    stored.last_used_at = timezone.now()
    stored.save(update_fields=["last_used_at"])
    channel = stored.channel
    return PublishGrant(channel.pk, channel.slug, channel.title, record_policy(channel))


def _add_key(channel: Channel) -> keys.Key:
    key = keys.generate_key()
    channel.keys.create(key_id=key.key_id, secret_hash=keys.hash_secret(key.secret))
    return key


def _save(channel: Channel, update_fields: Collection[str] | None = None) -> None:
    try:
        channel.full_clean(validate_unique=False)
        save(channel, update_fields)
    except ValidationError as error:
        raise InvalidChannel(in_one_sentence(error, Channel)) from None
