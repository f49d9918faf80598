"""The HTTP port of the roles with an event loop: listener, health endpoints and metrics.

Import after `boot.start_django`.
"""

from __future__ import annotations

import resource
from typing import Final

from madang.infra.database import DatabaseThreads
from madang.servers.http.health import HealthEndpoints
from madang.servers.http.listener import Dispatch, Listener
from madang.servers.http.metrics import Metrics
from madang.station import readiness
from madang.station.config.settings import Settings
from madang.station.roles import systemd
from madang.station.roles.errors import address_unusable
from madang.station.roles.systemd import ServiceManager

DRAIN_SECONDS: Final = 4.0
"""Time for running requests to end."""


def health_endpoints(
    settings: Settings, database_threads: DatabaseThreads, metrics: Metrics
) -> HealthEndpoints:
    """Return `/healthz`, `/readyz` and `/metrics`."""
    token = settings.http.metrics_token
    return HealthEndpoints(
        metrics,
        database_threads,
        readiness.checks(settings),
        token.get_secret_value() if token else None,
    )


def listen(settings: Settings, manager: ServiceManager, dispatch: Dispatch) -> Listener:
    """Return a listener at the HTTP port, or at the socket that systemd handed in.

    Raises CannotStart.
    """
    bind = settings.http.bind
    _raise_open_files_limit()
    try:
        return Listener(bind.host, bind.port, dispatch, manager.sockets.get(systemd.HTTP))
    except OSError as error:
        raise address_unusable("http.bind", bind, error) from None


def _raise_open_files_limit() -> None:
    """Allow this process as many open files as the system does: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
