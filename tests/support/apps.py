"""Accounts and channels made through the services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from madang.apps.accounts.models import User
    from madang.apps.broadcasts.ports import AdviceStatus, LiveStatus
    from madang.apps.channels.models import Channel

PASSWORD = "courtyard-at-dusk"


def make_user(name: str = "minji", *, admin: bool = False, email: str = "") -> User:
    """Make an account with the password PASSWORD."""
    from madang.apps.accounts.services import create_user

    return create_user(name, password=PASSWORD, email=email, admin=admin)


def make_channel(slug: str = "yard", owner: User | None = None, title: str = "") -> Channel:
    """Make a channel, with an owner if none is given."""
    from madang.apps.channels.services import create_channel

    channel, _ = create_channel(slug, owner=owner or make_user(), title=title)
    return channel


def live_status(
    slug: str = "yard", *, viewers: int = 3, advice: tuple[AdviceStatus, ...] = ()
) -> LiveStatus:
    """Return the status of a channel that is live since a fixed time."""
    from madang.apps.broadcasts.ports import LiveStatus, RenditionStatus

    return LiveStatus(
        slug=slug,
        title="Evening drums",
        state="live",
        since=datetime(2026, 5, 1, 10, 0, tzinfo=UTC),
        viewers=viewers,
        peak_viewers=9,
        bitrate=2_500_000.0,
        codecs="avc1.64001f,mp4a.40.2",
        renditions=(RenditionStatus("source", 1280, 720, 30.0, "avc1.64001f", 2_400_000.0),),
        publisher="192.0.2.7",
        encoder="OBS",
        frame_rate=30.0,
        keyframe_interval=2.0,
        dropped_frames=0,
        arrival_lag=0.1,
        part_lag=0.05,
        disconnects=0,
        bytes_in=1000,
        bytes_out=3000,
        advice=advice,
        poster=f"/live/{slug}/poster.jpg",
    )


class Directory:
    """Live directory in memory, which records calls."""

    def __init__(self, *on_air: LiveStatus) -> None:
        self.on_air = {status.slug: status for status in on_air}
        self.changed: list[str] = []
        self.disconnected: list[tuple[str, str]] = []

    def snapshot(self) -> dict[str, LiveStatus]:
        return dict(self.on_air)

    def channel_changed(self, slug: str) -> None:
        self.changed.append(slug)

    def disconnect(self, slug: str, reason: str) -> None:
        self.disconnected.append((slug, reason))
