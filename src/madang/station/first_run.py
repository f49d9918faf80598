"""First run: an administrator and the demo channel, where there are none."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from madang.apps.accounts.models import User
from madang.apps.accounts.services import create_user
from madang.apps.channels.errors import NoSuchChannel
from madang.apps.channels.models import Channel, Record
from madang.apps.channels.services import (
    create_channel,
    get_channel,
    rotate_key,
    set_recording,
)

ADMINISTRATOR: Final = "admin"
DEMO_SLUG: Final = "demo"
DEMO_WORDS: Final = {
    "en": (
        "Madang demo: a clock on the air",
        "A test picture made by this station itself, sent through the same door as any encoder. "
        "The clock shows the moment at which the picture was made.",
    ),
    "ko": (
        "마당 데모: 시계 방송",
        "이 방송국이 스스로 만든 시험 화면이에요. 다른 인코더와 똑같은 길로 들어옵니다. "
        "시계는 화면이 만들어진 순간을 보여줘요.",
    ),
}
"""Title and description of the demo channel, by the station's language."""

PASSWORD_BYTES: Final = 12
"""96 bits in 16 characters."""


@dataclass(frozen=True, slots=True)
class FirstSignIn:
    """Name and password of the first administrator."""

    name: str
    password: str


def has_administrator() -> bool:
    """Return true if an account may run the station."""
    return User.objects.filter(admin=True).exists()


def ensure_administrator() -> FirstSignIn | None:
    """Make an administrator where there is none, and return how to sign in, this once."""
    if has_administrator():
        return None
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    create_user(ADMINISTRATOR, password=password, admin=True)
    return FirstSignIn(ADMINISTRATOR, password)


def wants_demo() -> bool:
    """Return whether nobody has opened a channel of their own yet."""
    return not Channel.objects.exclude(slug=DEMO_SLUG).exists()


def demo_stream_key(language: str) -> str:
    """Return a stream key of the demo channel, which is made, in `language`, where it is missing.

    The key is a new one each time: keys are stored hashed, so an earlier one cannot be read. Shows
    of the demo, which never stops by itself, are not kept unless somebody has chosen so.
    """
    try:
        channel = get_channel(DEMO_SLUG)
        _, key = rotate_key(DEMO_SLUG)
    except NoSuchChannel:
        title, description = DEMO_WORDS[language]
        channel, key = create_channel(
            DEMO_SLUG, owner=_owner(), title=title, description=description
        )
    if channel.record == Record.DEFAULT:
        set_recording(DEMO_SLUG, record=Record.NEVER)
    return str(key)


def _owner() -> User:
    administrator = User.objects.filter(admin=True).order_by("pk").first()
    return administrator or create_user(
        "demo", password=secrets.token_urlsafe(PASSWORD_BYTES), admin=False
    )
