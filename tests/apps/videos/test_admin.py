"""Videos in Django's admin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.videos import FIRST, recorded

pytestmark = pytest.mark.usefixtures("db")


def test_a_channel_is_not_deleted_while_files_of_its_videos_are_there(client: Any) -> None:
    from madang.apps.channels.models import Channel
    from madang.apps.videos.models import Video

    channel = make_channel()
    recorded(channel)
    client.force_login(make_user("boss", admin=True))
    assert FIRST in client.get("/admin/videos/video/").content.decode()
    assert client.get(f"/admin/videos/video/{FIRST}/change/").status_code == 200
    delete = f"/admin/channels/channel/{channel.pk}/delete/"
    assert client.post(delete, {"post": "yes"}).status_code == 403
    Video.objects.update(state="deleted")
    assert client.post(delete, {"post": "yes"}).status_code == 302
    assert not Channel.objects.exists()
