"""The control plane as a WSGI application. Call `boot.start_django` before importing this."""

from __future__ import annotations

from typing import Final

from django.core.handlers.wsgi import WSGIHandler

application: Final = WSGIHandler()
