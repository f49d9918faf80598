"""Receivers of the signals of `madang.apps.broadcasts`.

They run in the transaction that changes the record of the show: record and deliveries are both
kept, or neither.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from madang.apps.broadcasts.models import Broadcast
from madang.apps.webhooks import services


def show_began(show: Broadcast, at: datetime, **_: Any) -> None:
    """Queue the event `live.begins`."""
    _queue("live.begins", show, at)


def show_ended(show: Broadcast, at: datetime, **_: Any) -> None:
    """Queue the event `live.ends`."""
    _queue("live.ends", show, at)


def _queue(event: str, show: Broadcast, at: datetime) -> None:
    content = {"slug": show.channel.slug, "title": show.title}
    services.queue(show.channel_id, event, content, at)
