"""Subtitles in the API and the studio."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.apps.videos.test_api import token_of
from tests.support.apps import make_channel, make_user
from tests.support.videos import FIRST, recorded
from tests.wire.subtitles.cases import SMI, SRT

pytestmark = pytest.mark.usefixtures("db")

PATH = f"/api/v1/videos/{FIRST}/subtitles"
PAGE = f"/studio/@yard/videos/{FIRST}"


@pytest.fixture
def owner(db: None) -> dict[str, str]:
    channel = make_channel()
    recorded(channel)
    return token_of(channel.owner, "manage")


def post(client: Any, data: bytes, owner: dict[str, str], **fields: str) -> Any:
    return client.post(PATH, {"file": SimpleUploadedFile("x.srt", data), **fields}, **owner)


def test_a_file_is_added_listed_served_and_removed(client: Any, owner: dict[str, str]) -> None:
    from madang.apps.videos.subtitles import text_of

    answer = post(client, SRT.encode("cp949"), owner, language="kor", label=" 한국어 ")
    assert answer.status_code == 201, answer.content.decode()
    (made,) = answer.json()
    assert (made["language"], made["label"], made["cues"]) == ("ko", "한국어", 2)
    assert not made["extracted"]
    assert made["url"] == f"http://127.0.0.1:8000/vod/{FIRST}/subtitles/{made['id']}.vtt"
    assert client.get(PATH).json() == [made]
    text = text_of(FIRST, made["id"])
    assert text is not None
    assert text.startswith(b"WEBVTT\n\n00:00:01.000 --> ")
    assert text_of("Drum5atDusk2", made["id"]) is None
    page = client.get(f"/v/{FIRST}").content.decode()
    assert f'src="/vod/{FIRST}/subtitles/{made["id"]}.vtt" srclang="ko" label="한국어"' in page
    assert client.delete(f"{PATH}/{made['id']}", **owner).status_code == 204
    assert client.delete(f"{PATH}/{made['id']}", **owner).status_code == 404
    assert client.get(PATH).json() == []


def test_an_smi_file_is_as_many_as_it_has_languages(client: Any, owner: dict[str, str]) -> None:
    made = post(client, SMI.encode("cp949"), owner, language="ja").json()
    assert [(each["language"], each["label"]) for each in made] == [
        ("ko", "한국어"),
        ("en", "English"),
    ]


@pytest.mark.parametrize(
    ("data", "fields", "words"),
    [
        (SRT.encode(), {}, "Choose one"),
        (SRT.encode(), {"language": "not a tag"}, "zh-Hant"),
        (b"1\nnever\n", {"language": "ko"}, "Line 1"),
        (b"1\n0:0:1 --> x\n", {"language": "ko"}, "Line 2"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), {"language": "ko"}, "neither"),
        (b"x" * 1_000_001, {"language": "ko"}, "1 MB"),
    ],
)
def test_what_is_no_subtitles_is_refused_in_words(
    client: Any, owner: dict[str, str], data: bytes, fields: dict[str, str], words: str
) -> None:
    answer = post(client, data, owner, **fields)
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.content


def test_reasons_are_in_the_language_of_the_reader(client: Any, owner: dict[str, str]) -> None:
    korean = {**owner, "HTTP_ACCEPT_LANGUAGE": "ko"}
    detail = post(client, b"1\n0:0:1 --> x\n", korean, language="ko").json()["detail"]
    assert detail.startswith("2번째 줄")


def test_owners_alone_change_them_and_who_may_open_the_video_lists_them(
    client: Any, owner: dict[str, str]
) -> None:
    from madang.apps.videos.models import Video

    stranger = token_of(make_user("stranger"), "manage")
    assert post(client, SRT.encode(), stranger, language="ko").status_code == 403
    assert post(client, SRT.encode(), {}, language="ko").status_code == 401
    Video.objects.update(visibility="private")
    assert client.get(PATH).status_code == 404
    assert client.get(PATH, **owner).status_code == 200


def test_there_is_a_most(client: Any, owner: dict[str, str]) -> None:
    for _ in range(20):
        assert post(client, SRT.encode(), owner, language="ko").status_code == 201
    assert "20" in post(client, SRT.encode(), owner, language="ko").json()["detail"]


def test_the_studio_adds_and_removes_them(client: Any, owner: dict[str, str]) -> None:
    from madang.apps.videos.models import Subtitles, Video

    client.force_login(Video.objects.get().channel.owner)
    file = SimpleUploadedFile("x.srt", SRT.encode())
    answer = client.post(f"{PAGE}/subtitles", {"file": file, "language": "en"}, follow=True)
    assert "The subtitles are added." in answer.content.decode()
    row = Subtitles.objects.get()
    assert (row.language, row.label) == ("en", "English")
    broken = SimpleUploadedFile("x.srt", b"1\n\n00:00:03,000 --> 00:00:01,000\nx")
    answer = client.post(f"{PAGE}/subtitles", {"file": broken, "language": "en"})
    assert answer.status_code == 400
    assert "Line 3: The text ends before it begins." in answer.content.decode()
    client.post(f"{PAGE}/subtitles", {"remove": row.pk})
    assert not Subtitles.objects.exists()
    client.force_login(make_user("stranger"))
    assert client.post(f"{PAGE}/subtitles", {"remove": row.pk}).status_code in {403, 404}


def test_they_go_with_the_files_of_the_video(client: Any, owner: dict[str, str]) -> None:
    from madang.apps.videos import subtitles
    from madang.apps.videos.models import Subtitles, Video

    post(client, SRT.encode(), owner, language="ko")
    subtitles.delete_unneeded()
    assert Subtitles.objects.exists()
    Video.objects.update(state="deleted")
    subtitles.delete_unneeded()
    assert not Subtitles.objects.exists()


def test_of_a_trimmed_video_they_are_those_of_what_is_left(
    client: Any, owner: dict[str, str]
) -> None:
    from madang.apps.videos.models import Video
    from madang.apps.videos.subtitles import text_of

    lines = "".join(
        f"{n}\n00:00:{n:02},000 --> 00:00:{n + 2:02},000\n{n}\n\n" for n in range(1, 40, 5)
    )
    answer = post(client, lines.encode(), owner, language="ko", label="x")
    assert answer.status_code == 201, answer.content.decode()
    (made,) = answer.json()
    Video.objects.update(trim_start=10.0, trim_end=20.0, duration=3600.0)
    text = text_of(FIRST, made["id"])
    assert text == (
        b"WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n11\n\n00:00:06.000 --> 00:00:08.000\n16\n"
    )
    # Once it is known where it really begins.
    Video.objects.update(trim_view={"start": 11.5, "end": 15.0})
    text = text_of(FIRST, made["id"])
    assert text == b"WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n11\n"
