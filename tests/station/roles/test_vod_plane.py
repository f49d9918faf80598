"""Who may see a recording, by the accounts, sessions and tokens of the station."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from madang.live.rendition import SOURCE
from madang.station.config.settings import Settings
from tests.servers.vod.test_playlists import recording
from tests.support.data_plane import Port, listening
from tests.support.vod import ID, folder_of

pytestmark = pytest.mark.usefixtures("committed_db")

PATH = f"/vod/{ID}/source/1.mp4"


@pytest.fixture
def port(station: Settings, tmp_path: Path) -> Iterator[Port]:
    from madang.infra.database import DatabaseThreads
    from madang.servers.http.router import Router, elsewhere
    from madang.station.roles.vod_plane import VodPlane

    storage = station.storage.model_copy(update={"url": tmp_path.as_uri()})
    database = DatabaseThreads()
    sent: Counter[str] = Counter()
    plane = VodPlane(station.model_copy(update={"storage": storage}), database, sent)
    folder_of(tmp_path, {SOURCE: recording()})
    with listening(Router([plane.route], elsewhere)) as made:
        yield made
    assert sent["recording"] > 0
    plane.close()
    database.close()


def session_of(name: str) -> str:
    """Sign somebody in and return the cookie."""
    from django.test import Client

    from madang.apps.accounts.models import User

    client = Client()
    client.force_login(User.objects.get(name=name))
    return f"sessionid={client.cookies['sessionid'].value}"


def test_private_recordings_are_for_owner_and_administrators(port: Port) -> None:
    from madang.apps.accounts import tokens
    from madang.apps.accounts.models import User
    from madang.apps.accounts.services import create_user
    from madang.apps.channels.services import create_channel
    from madang.apps.videos.models import Video, Visibility
    from madang.apps.videos.services import RecordingStart, begin_recording

    owner, other, admin = (
        create_user(name, password="correct horse battery", admin=name == "admin")
        for name in ("owner", "other", "admin")
    )
    assert isinstance(owner, User)
    channel = create_channel("yard", owner=owner, title="Yard")[0]
    begun = datetime(2026, 11, 30, tzinfo=UTC)
    begin_recording(RecordingStart(ID, channel.pk, "Evening", begun))
    Video.objects.filter(pk=ID).update(visibility=Visibility.PRIVATE)
    read, manage, chat = (
        tokens.create(owner, "t", [scope])[1] for scope in ("read", "manage", "chat")
    )
    port_status = {
        "nobody": port.ask(PATH, Cookie="sessionid=nothing").status,
        "owner": port.ask(PATH, Cookie=session_of("owner")).status,
        "other": port.ask(PATH, Cookie=session_of("other")).status,
        "admin": port.ask(PATH, Cookie=session_of("admin")).status,
        "read": port.ask(PATH, Authorization=f"Bearer {read}").status,
        "manage": port.ask(PATH, Authorization=f"Bearer {manage}").status,
        "chat": port.ask(PATH, Authorization=f"Bearer {chat}").status,
    }
    assert port_status == {
        "nobody": 404,
        "owner": 200,
        "other": 404,
        "admin": 200,
        "read": 200,
        "manage": 200,
        "chat": 404,
    }
    assert other.pk != admin.pk
