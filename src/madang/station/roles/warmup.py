"""Warm-up: addresses, templates, translations and compressed files, before the first visitor.

Import after `boot.start_django`.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any, Final
from wsgiref.util import setup_testing_defaults

from django.conf import settings as django_settings
from django.template.loader import get_template

from madang.servers.http.static import StaticFiles
from madang.station import boot
from madang.station.django.wsgi import application

TEMPLATES: Final = ("*.html", "includes/*.html")
"""Templates of public pages."""

BUILT: Final = "dist/assets"

log = logging.getLogger(__name__)


def pages() -> None:
    """Compile the templates and ask for the home page once in each language."""
    folder = boot.web_folder() / "templates"
    for pattern in TEMPLATES:
        for path in folder.glob(pattern):
            get_template(str(path.relative_to(folder)))
    for language, _ in django_settings.LANGUAGES:
        environ: dict[str, object] = {"PATH_INFO": "/", "HTTP_ACCEPT_LANGUAGE": language}
        environ["REMOTE_ADDR"] = "127.0.0.1"
        setup_testing_defaults(environ)
        application(environ, _discard).close()


def _discard(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
    return lambda _: None


def everything(files: StaticFiles) -> None:
    """Warm everything up, on a thread of a station that takes traffic. Failures are logged."""
    try:
        pages()
        for path in (boot.web_folder() / "static" / BUILT).iterdir():
            if path.suffix in {".css", ".js"}:
                files.reply("GET", f"{BUILT}/{path.name}", "", "gzip")
    except Exception:
        log.exception("what the first visitor needs could not be made ready")
    # Collections, which halt live delivery, need not go through it.
    gc.freeze()
