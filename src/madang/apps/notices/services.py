"""The outbox: notices wait in the database until the mail server has taken them.

A notice of the same kind about the same thing is not sent to a person again while it lasts, or
only after `repeat`. Attempts follow after `RETRIES`; then a notice is given up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import translation

from madang.apps.accounts.models import User
from madang.apps.notices.models import Notice
from madang.base.errors import LazyText

RETRIES: Final = (60, 300, 1800, 7200, 21_600, 43_200, 86_400)
"""Seconds after each failure: a mail server may be away for a weekend."""

LEASE: Final = timedelta(minutes=5)
"""Time after which a notice that a process took and never finished is tried again."""

REPEAT: Final = timedelta(days=7)
"""Time after which a notice about something that lasts is sent again."""

RETENTION: Final = timedelta(days=90)
"""Time for which notices that are done stay in the list."""

ERROR_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Message:
    """A notice that is not addressed yet. Texts are translated when it is queued."""

    kind: str
    about: str
    subject: LazyText
    text: LazyText


def notify_administrators(message: Message, now: datetime, *, repeat: timedelta = REPEAT) -> int:
    """Queue a message for every administrator with a mail address; return for how many.

    It is in the station's language.
    """
    people = User.objects.filter(admin=True, is_active=True).exclude(email="")
    return queue(people.values_list("email", flat=True), message, now, repeat=repeat)


@transaction.atomic
def queue(
    recipients: Iterable[str], message: Message, now: datetime, *, repeat: timedelta = REPEAT
) -> int:
    """Queue a message for those who were not told of the same lately; return for how many."""
    with translation.override(settings.LANGUAGE_CODE):
        subject = " ".join(str(message.subject).split())
        text = str(message.text)
    known = Notice.objects.filter(
        kind=message.kind,
        subject_key=message.about,
        resolved_at=None,
        created_at__gt=now - repeat,
    )
    told = set(known.values_list("recipient", flat=True))
    made = [
        Notice(
            recipient=recipient,
            kind=message.kind,
            subject_key=message.about,
            subject=subject[:200],
            text=text,
            created_at=now,
            due_at=now,
        )
        for recipient in dict.fromkeys(recipients)
        if recipient not in told
    ]
    Notice.objects.bulk_create(made)
    return len(made)


def resolve(kind: str, about: str, now: datetime) -> int:
    """Note that what notices were about is over, so that the next time is told at once.

    Those that were not sent yet are not sent any more. Returns how many were open.
    """
    still = Notice.objects.filter(kind=kind, subject_key=about, resolved_at=None)
    still.filter(done_at=None).update(done_at=now)
    return still.update(resolved_at=now)


def claim_due(now: datetime, count: int) -> list[Notice]:
    """Take notices that are due, the oldest first; no other process gets them for LEASE."""
    waiting = Notice.objects.filter(done_at=None)
    return [
        row
        for row in waiting.filter(due_at__lte=now).order_by("pk")[:count]
        if waiting.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + LEASE)
    ]


def record_sent(notice: Notice, now: datetime) -> None:
    """Note that the mail server has taken a notice."""
    notice.attempts += 1
    notice.sent, notice.error, notice.done_at = True, "", now
    notice.save(update_fields=["attempts", "sent", "error", "done_at"])


def record_failed(notice: Notice, error: str, now: datetime) -> None:
    """Note a failure, and when the next attempt is due."""
    notice.attempts += 1
    notice.error = error[:ERROR_LENGTH]
    if notice.attempts > len(RETRIES):
        notice.done_at = now
    else:
        notice.due_at = now + timedelta(seconds=RETRIES[notice.attempts - 1])
    notice.save(update_fields=["attempts", "error", "done_at", "due_at"])


def delete_done(now: datetime) -> int:
    """Delete notices that were done RETENTION ago; return how many."""
    deleted, _by_model = Notice.objects.filter(done_at__lt=now - RETENTION).delete()
    return deleted
