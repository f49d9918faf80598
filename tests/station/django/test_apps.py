"""A new app is entered in one list."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.support.station import ROOT

TINY: Final = {
    "__init__.py": "",
    "apps.py": """
from django.apps import AppConfig
from madang.apps.problems import ProblemType
from madang.base.errors import MadangError

class TooTiny(MadangError):
    pass

class TinyConfig(AppConfig):
    name = label = "tiny"
    problems = {TooTiny: ProblemType("too-tiny", 418, "Too tiny", "It is too tiny.")}
""",
    "urls.py": """
from django.http import HttpRequest, HttpResponse
from django.urls import path
from ninja import Router
from tiny.apps import TooTiny

router = Router()

@router.get("/tiny")
def tiny(request: HttpRequest) -> int:
    raise TooTiny("Not this.")

urlpatterns = [path("tiny/", lambda request: HttpResponse("a tiny page"), name="tiny")]
api_routers = [router]
""",
}

ENTERED: Final = """
import json, pathlib, sys
from madang.station.django import apps
apps.APPS += ("tiny",)

from madang.station import boot
from madang.station.config import settings
boot.control_plane(settings.load(pathlib.Path(sys.argv[1])))

from django.test import Client
from django.urls import reverse
client = Client(HTTP_HOST="localhost")
assert client.get(reverse("tiny")).content == b"a tiny page"
problem = client.get("/api/v1/tiny")
assert (problem.status_code, problem.json()["title"]) == (418, "Too tiny")
assert "It is too tiny." in client.get("/api/problems/too-tiny").content.decode()
assert "/api/v1/tiny" in client.get("/api/v1/openapi.json").json()["paths"]
"""


def test_an_app_in_the_list_has_pages_api_and_problem_types(tmp_path: Path) -> None:
    package = tmp_path / "code" / "tiny"
    package.mkdir(parents=True)
    for name, text in TINY.items():
        (package / name).write_text(text)
    folders = [str(ROOT / "src"), str(package.parent)]
    environment = {name: value for name, value in os.environ.items() if "MADANG_" not in name}
    done = subprocess.run(
        [sys.executable, "-c", ENTERED, str(tmp_path / "data")],
        env={**environment, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_names_of_operations_do_not_follow_modules_that_moved(client: Any) -> None:
    """Generated clients call their functions by these names."""
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    for path, name in (
        ("/api/v1/me", "madang_rooms_accounts_api_me"),
        ("/api/v1/channels/{slug}/webhooks", "madang_rooms_chat_webhooks_api_index"),
    ):
        assert paths[path]["get"]["operationId"] == name
