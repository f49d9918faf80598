"""Posters that somebody chose, in the API and the studio."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from tests.apps.videos.test_api import token_of
from tests.support.apps import make_channel, make_user
from tests.support.videos import FIRST, recorded

pytestmark = pytest.mark.usefixtures("db")

ONE = f"/api/v1/videos/{FIRST}"
PATH = f"{ONE}/poster"
AUTOMATIC = f"http://127.0.0.1:8000/vod/{FIRST}/poster.jpg"


@pytest.fixture
def owner(db: None) -> dict[str, str]:
    channel = make_channel()
    recorded(channel)
    return token_of(channel.owner, "manage")


def picture(size: tuple[int, int] = (1600, 900), kind: str = "PNG", **options: Any) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(output, kind, **options)
    return output.getvalue()


def post(client: Any, data: bytes, owner: dict[str, str]) -> Any:
    return client.post(PATH, {"picture": SimpleUploadedFile("x.png", data)}, **owner)


def chosen() -> Image.Image:
    from madang.apps.videos.posters import picture_of
    from madang.apps.videos.services import access

    found = access(FIRST)
    data = picture_of(FIRST)
    assert found is not None
    assert found.poster
    assert data is not None
    return Image.open(io.BytesIO(data))


def test_a_picture_is_made_anew_and_restored(client: Any, owner: dict[str, str]) -> None:
    from madang.apps.videos.posters import picture_of

    made = post(client, picture(), owner)
    assert made.status_code == 200, made.content.decode()
    assert made.json()["poster_url"].startswith(f"{AUTOMATIC}?v=")
    assert (chosen().format, chosen().size) == ("JPEG", (1280, 720))
    assert client.delete(PATH, **owner).json()["poster_url"] == AUTOMATIC
    assert picture_of(FIRST) is None


def test_pictures_are_upright_not_enlarged_and_without_what_cameras_write(
    client: Any, owner: dict[str, str]
) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    turned[0x010F] = "a camera"
    post(client, picture((64, 36), "JPEG", exif=turned), owner)
    assert chosen().size == (36, 64)
    assert not chosen().getexif()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (picture()[:100], "not a picture"),
        (picture((4097, 4000)), "4096"),
        (b"\0" * 1_000_001, "1 MB"),
    ],
)
def test_what_cannot_be_one_is_refused_in_words(
    client: Any, owner: dict[str, str], data: bytes, words: str
) -> None:
    answer = post(client, data, owner)
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.content
    assert client.get(ONE).json()["poster_url"] == AUTOMATIC


def test_owners_alone_choose(client: Any, owner: dict[str, str]) -> None:
    assert post(client, picture(), token_of(make_user("stranger"), "manage")).status_code == 403
    assert post(client, picture(), {}).status_code == 401


def test_the_studio_chooses_and_restores(client: Any, owner: dict[str, str]) -> None:
    from madang.apps.videos.models import Video

    path = f"/studio/@yard/videos/{FIRST}/poster"
    client.force_login(Video.objects.get().channel.owner)
    file = SimpleUploadedFile("x.png", picture())
    page = client.post(path, {"picture": file}, follow=True).content.decode()
    assert f'src="/vod/{FIRST}/poster.jpg?v=' in page
    broken = client.post(path, {"picture": SimpleUploadedFile("x.png", b"text")})
    assert (broken.status_code, "not a picture" in broken.content.decode()) == (400, True)
    page = client.post(path, {"restore": "1"}, follow=True).content.decode()
    assert f'src="/vod/{FIRST}/poster.jpg"' in page


def test_it_goes_with_the_files_of_the_video(client: Any, owner: dict[str, str]) -> None:
    from madang.apps.videos import posters
    from madang.apps.videos.models import Poster, Video

    post(client, picture(), owner)
    posters.delete_unneeded()
    assert Poster.objects.exists()
    Video.objects.update(state="deleted")
    posters.delete_unneeded()
    assert not Poster.objects.exists()
