"""Emotes: checks, scaling and storage of uploaded pictures."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageSequence, UnidentifiedImageError

from madang.apps.channels.models import Channel
from madang.apps.chat import ports
from madang.apps.chat.errors import InvalidChat
from madang.apps.chat.models import Emote
from madang.chat.model import Emote as EmoteValue

LARGEST_FILE: Final = 1_000_000
"""Bytes of an upload; Django accepts no larger body."""

LARGEST_SIDE: Final = 4096
"""Pixels of an upload: a small file can unpack to gigabytes."""

HEIGHT: Final = 112
"""Pixels: four times the height in a line of text, for dense screens."""

WIDEST: Final = 3
"""Times its height."""

MOST_FRAMES: Final = 60
MOST_OF_A_CHANNEL: Final = 100

_FORMATS: Final = ("PNG", "GIF", "WEBP", "JPEG")
_NAME: Final = re.compile(r"[a-z0-9_]{2,32}")


def of(channel: Channel) -> list[EmoteValue]:
    """Return the emotes of a chat by name; a channel's own replace the station's."""
    rows = Emote.objects.filter(Q(channel=None) | Q(channel=channel)).defer("picture")
    found = {row.name: _value(row) for row in sorted(rows, key=lambda row: row.channel_id or 0)}
    return [found[name] for name in sorted(found)]


def own(channel: Channel | None) -> list[EmoteValue]:
    """Return a channel's own emotes, or for None the station's, by name."""
    return [_value(row) for row in Emote.objects.filter(channel=channel).defer("picture")]


def picture(digest: str) -> bytes | None:
    """Return the WebP picture with a digest."""
    row = Emote.objects.filter(digest=digest).only("picture").first()
    return bytes(row.picture) if row is not None else None


@transaction.atomic
def add(channel: Channel | None, name: str, data: bytes) -> EmoteValue:
    """Add an emote, for the station if `channel` is None, or change its picture.

    `data` is a PNG, GIF, WebP or JPEG file. Raises UnfitChat.
    """
    if not _NAME.fullmatch(name):
        raise InvalidChat(_("The name of an emote has 2 to 32 of a-z, 0-9 and _."))
    known = Emote.objects.filter(channel=channel)
    if known.count() >= MOST_OF_A_CHANNEL and not known.filter(name=name).exists():
        raise InvalidChat(
            format_lazy(_("There are {most} emotes already."), most=MOST_OF_A_CHANNEL),
            mend=_("Remove one first."),
        )
    small, width, height = resized(data)
    row, _made = Emote.objects.update_or_create(
        channel=channel,
        name=name,
        defaults={
            "digest": hashlib.blake2b(small, digest_size=16).hexdigest(),
            "width": width,
            "height": height,
            "picture": small,
        },
    )
    _notify(channel)
    return _value(row)


@transaction.atomic
def remove(channel: Channel | None, name: str) -> None:
    """Remove an emote. Raises UnfitChat."""
    if not Emote.objects.filter(channel=channel, name=name).delete()[0]:
        raise InvalidChat(format_lazy(_("There is no emote {name}."), name=name))
    _notify(channel)


def resized(data: bytes) -> tuple[bytes, int, int]:
    """Return a picture as WebP with `HEIGHT`, and its width and height in pixels.

    The format comes from the content, not from the name. Raises UnfitChat.
    """
    if len(data) > LARGEST_FILE:
        raise InvalidChat(_("The picture is larger than 1 MB."), mend=_("Use a smaller one."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
                return _scaled(opened)
    except InvalidChat:
        raise
    # Pillow's decoders raise many kinds of errors for broken files.
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        TypeError,
        OverflowError,
    ):
        raise InvalidChat(
            _("The file is not a picture that can be used."), mend=_("Use PNG, GIF, WebP or JPEG.")
        ) from None


def _scaled(opened: Image.Image) -> tuple[bytes, int, int]:
    width, height = opened.size
    if max(width, height) > LARGEST_SIDE or min(width, height) < 1:
        raise InvalidChat(
            format_lazy(_("The picture is larger than {most} pixels."), most=LARGEST_SIDE)
        )
    if width > WIDEST * height or height > WIDEST * width:
        raise InvalidChat(
            format_lazy(
                _("The picture is more than {most} times as wide as high, or the reverse."),
                most=WIDEST,
            )
        )
    size = (max(1, round(width * HEIGHT / height)), HEIGHT)
    frames: list[Image.Image] = []
    times: list[int] = []
    for frame in ImageSequence.Iterator(opened):
        if len(frames) == MOST_FRAMES:
            raise InvalidChat(
                format_lazy(_("The picture moves for more than {most} frames."), most=MOST_FRAMES)
            )
        times.append(int(frame.info.get("duration", 100) or 100))
        frames.append(frame.convert("RGBA").resize(size, Image.Resampling.LANCZOS))
    output = io.BytesIO()
    moving = {"save_all": True, "append_images": frames[1:], "duration": times, "loop": 0}
    frames[0].save(output, "WEBP", quality=85, method=4, **(moving if len(frames) > 1 else {}))
    return output.getvalue(), *size


def _notify(channel: Channel | None) -> None:
    slug = channel.slug if channel is not None else ""
    transaction.on_commit(lambda: ports.chats().changed(slug))


def _value(row: Emote) -> EmoteValue:
    return EmoteValue(
        row.name, f"/emotes/{row.digest}.webp", row.width, row.height, row.channel_id is None
    )
