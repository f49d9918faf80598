"""One log on standard error, for people or as one JSON object a line."""

from __future__ import annotations

import logging
import sys

import structlog

from madang.station.config.sections import LogSection


def configure(settings: LogSection) -> None:
    """Send every logger of this process to standard error in the chosen form."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The default prints every local variable: pages of them, stream keys among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    rendering: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta
    ]
    if settings.format == "json":
        rendering.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[*rendering, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    # Django logs every 404 as a warning, which is the visitor's mistake and not the station's.
    logging.getLogger("django.request").setLevel(logging.ERROR)
    logging.getLogger("_granian").setLevel(logging.WARNING)
