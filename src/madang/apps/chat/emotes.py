"""Emotes: checks, scaling and storage of uploaded pictures."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.models import Channel
from madang.apps.chat import ports
from madang.apps.chat.errors import DecoderBusy, InvalidChat
from madang.apps.chat.models import Emote
from madang.chat.model import Emote as EmoteValue

LARGEST_FILE: Final = 1_000_000
"""Bytes of an upload; Django accepts no larger body."""

DECODER: Final = Path(__file__).with_name("emote_decoder.py")

DECODING_SECONDS: Final = 15.0
"""Maximum seconds of a decoder on a busy machine; its processor time has a limit of its own."""

WAITING_SECONDS: Final = 5.0
"""Maximum seconds to wait for another picture to be decoded."""

MOST_OF_A_CHANNEL: Final = 100

DECODING: Final = threading.Lock()
"""Held while a process decodes a picture: one at a time."""

UPLOADS: Final = threading.BoundedSemaphore(3)
"""Threads that decode or wait for their turn: the others serve pages meanwhile."""

_LIMITS: Final = {
    "side": _("The picture is larger than {most} pixels."),
    "shape": _("The picture is more than {most} times as wide as high, or the reverse."),
    "frames": _("The picture moves for more than {most} frames."),
    "pixels": _("The frames of the picture have more than {most} pixels together."),
}
"""Refusals by the names that the decoder gives them."""

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


def add(channel: Channel | None, name: str, data: bytes) -> EmoteValue:
    """Add an emote, for the station if `channel` is None, or change its picture.

    `data` is a PNG, GIF, WebP or JPEG file. Raises InvalidChat, DecoderBusy.
    """
    if not _NAME.fullmatch(name):
        raise InvalidChat(_("The name of an emote has 2 to 32 of a-z, 0-9 and _."))
    _check_count(channel, name)
    return _save(channel, name, *resized(data))


@transaction.atomic
def _save(channel: Channel | None, name: str, small: bytes, width: int, height: int) -> EmoteValue:
    _check_count(channel, name)
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


def _check_count(channel: Channel | None, name: str) -> None:
    known = Emote.objects.filter(channel=channel)
    if known.count() >= MOST_OF_A_CHANNEL and not known.filter(name=name).exists():
        raise InvalidChat(
            format_lazy(_("There are {most} emotes already."), most=MOST_OF_A_CHANNEL),
            mend=_("Remove one first."),
        )


@transaction.atomic
def remove(channel: Channel | None, name: str) -> None:
    """Remove an emote. Raises InvalidChat."""
    if not Emote.objects.filter(channel=channel, name=name).delete()[0]:
        raise InvalidChat(format_lazy(_("There is no emote {name}."), name=name))
    _notify(channel)


def resized(
    data: bytes, mode: str = "", *, patience: float = WAITING_SECONDS
) -> tuple[bytes, int, int]:
    """Return a picture as WebP, and its width and height in pixels; in the mode `poster` the poster
    of a video, as JPEG.

    A process with limits of its own decodes it (`emote_decoder`), one at a time: call outside
    transactions. Raises InvalidChat, and DecoderBusy after `patience` seconds of waiting.
    """
    if len(data) > LARGEST_FILE:
        raise InvalidChat(_("The picture is larger than 1 MB."), mend=_("Use a smaller one."))
    try:
        with _turn(patience):
            done = subprocess.run(
                [sys.executable, "-I", str(DECODER), *([mode] if mode else [])],
                input=data,
                capture_output=True,
                timeout=DECODING_SECONDS,
                check=True,
                env={},
                start_new_session=True,
            )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise InvalidChat(
            _("The file is not a picture that can be used."), mend=_("Use PNG, GIF, WebP or JPEG.")
        ) from None
    answer, _separator, small = done.stdout.partition(b"\n")
    found = json.loads(answer)
    if "refused" in found:
        raise InvalidChat(format_lazy(_LIMITS[found["refused"]], most=found["most"]))
    return small, found["width"], found["height"]


@contextlib.contextmanager
def _turn(patience: float) -> Iterator[None]:
    busy = DecoderBusy(
        _("Other pictures are being read just now."), mend=_("Try again in a minute.")
    )
    if not UPLOADS.acquire(blocking=False):
        raise busy
    try:
        if not DECODING.acquire(timeout=patience):
            raise busy
        try:
            yield
        finally:
            DECODING.release()
    finally:
        UPLOADS.release()


def _notify(channel: Channel | None) -> None:
    slug = channel.slug if channel is not None else ""
    transaction.on_commit(lambda: ports.chats().changed(slug))


def _value(row: Emote) -> EmoteValue:
    return EmoteValue(
        row.name, f"/emotes/{row.digest}.webp", row.width, row.height, row.channel_id is None
    )
