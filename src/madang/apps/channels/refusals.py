"""Encoders that were refused although they know the channel: record, and texts for the studio."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import F
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from madang.apps.channels.models import EncoderRefusal

SHOWN: Final = timedelta(minutes=10)
"""Time for which a refusal is shown: an encoder that does not try again says nothing more."""
KEPT: Final = 20
"""Refusals kept of one channel."""


class RefusalReason(enum.StrEnum):
    """Why an encoder with a key of the channel was not let in; the value is stored."""

    REVOKED = "revoked"
    WRONG = "wrong"
    CLOSED = "closed"
    DISPLACED = "displaced"
    STATION_FULL = "station_full"


@dataclass(frozen=True, slots=True)
class RefusalNote:
    """A refused encoder as shown in the studio, in the shape of advice."""

    code: str
    severity: str
    title: str
    text: str


_TITLES: Final[Mapping[str, str | Promise]] = {
    RefusalReason.REVOKED: gettext_lazy("An encoder was refused: its stream key is an old one"),
    RefusalReason.WRONG: gettext_lazy("An encoder was refused: its stream key is mistyped"),
    RefusalReason.CLOSED: gettext_lazy(
        "An encoder was refused: the account of the channel's owner is closed"
    ),
    RefusalReason.DISPLACED: gettext_lazy("Two encoders want to be on the air"),
    RefusalReason.STATION_FULL: gettext_lazy(
        "An encoder was refused: too many channels are on the air"
    ),
}

_REMEDIES: Final[Mapping[str, str | Promise]] = {
    RefusalReason.REVOKED: gettext_lazy(
        "Give it the newest key, or switch it off if it is not yours."
    ),
    RefusalReason.WRONG: gettext_lazy("Copy the whole key again, or make a new one."),
    RefusalReason.CLOSED: gettext_lazy("An administrator of the station can open it again."),
    RefusalReason.DISPLACED: gettext_lazy(
        "The one that came later stays. Stop the other one; if it is not yours, make a new key."
    ),
    RefusalReason.STATION_FULL: gettext_lazy("Try again when another show has ended."),
}


def note(channel_id: int, reason: RefusalReason, address: str, encoder: str) -> None:
    """Count a refused attempt of the encoder at `address`; `encoder` is its name for itself."""
    now = timezone.now()
    rows = EncoderRefusal.objects.filter(channel_id=channel_id)
    same = rows.filter(reason=reason, address=address)
    if same.update(count=F("count") + 1, encoder=encoder[:80], last_at=now):
        return
    first = EncoderRefusal(
        channel_id=channel_id,
        reason=reason,
        address=address,
        count=1,
        encoder=encoder[:80],
        last_at=now,
    )
    EncoderRefusal.objects.bulk_create([first], ignore_conflicts=True)
    rows.exclude(pk__in=list(rows.values_list("pk", flat=True)[:KEPT])).delete()


def forget(channel_id: int, address: str) -> None:
    """Forget the refusals of the encoder at `address`, which has been let in."""
    EncoderRefusal.objects.filter(channel_id=channel_id, address=address).delete()


def notes_of(channel_id: int) -> list[RefusalNote]:
    """Return the latest refusals of a channel in the active language, the newest first."""
    since = timezone.now() - SHOWN
    return [
        _note(refusal)
        for refusal in EncoderRefusal.objects.filter(channel_id=channel_id, last_at__gte=since)
    ]


def _note(refusal: EncoderRefusal) -> RefusalNote:
    minutes = int((timezone.now() - refusal.last_at).total_seconds() // 60)
    tries = _("%(encoder)s at %(address)s, %(count)s times, last %(minutes)s min ago.") % {
        "encoder": refusal.encoder or _("An encoder"),
        "address": refusal.address,
        "count": refusal.count,
        "minutes": minutes,
    }
    return RefusalNote(
        f"encoder_refused_{refusal.reason}",
        "warning",
        str(_TITLES[refusal.reason]),
        f"{tries} {_REMEDIES[refusal.reason]}",
    )
