"""The answer of `madang status`: from a running station over HTTP, and from the stores."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
from collections.abc import Iterator
from typing import Any, Final

from django.utils import timezone

from madang.apps.broadcasts.ports import operator_view
from madang.apps.broadcasts.services import transfer_in_month
from madang.apps.jobs import services as jobs
from madang.base.addresses import is_loopback
from madang.base.errors import MadangError
from madang.station import backups
from madang.station.config.fields import Address
from madang.station.config.settings import Settings
from madang.station.roles import run_files

STATUS_PATH: Final = "/live/operator.json"
ANSWER_SECONDS: Final = 5.0
"""The station answers from memory: one that takes longer is stuck."""


class NoAnswer(MadangError):
    """The station's process is there but does not say what it does."""


def collect(settings: Settings) -> dict[str, Any]:
    """Return the object that `madang status --json` prints. Raises NoAnswer.

    Call after `boot.control_plane`. Sizes in bytes, rates in bits per second.
    """
    everything = run_files.read(settings, run_files.ALL)
    running = everything or _near(run_files.read(settings, "live"))
    # On the machine of the pages the live process is elsewhere: its news are in Redis.
    told = _ask(running) if running else _look_up(settings)
    chat = told.get("chat") if everything else _chat(settings)
    disk = shutil.disk_usage(settings.data)
    return {
        "running": run_files.read(settings, *run_files.ROLES) is not None,
        "live": told.get("live", []),
        "chat": chat or {"connections": 0},
        "jobs": jobs.counts(),
        "backup": backups.summary(settings),
        "disk": {"free": disk.free, "used": disk.used},
        "transfer": {
            "month_bytes": transfer_in_month(timezone.localtime()),
            "allowance_bytes": round(settings.budget.transfer_tb * 1e12),
        },
    }


def _near(running: run_files.Runtime | None) -> run_files.Runtime | None:
    """Return the process if it answers over the loopback interface: one that listens at an address
    of the private network alone takes no request for one of its own machine."""
    address = running.http if running is not None else None
    near = address is not None and (address.everywhere or is_loopback(address.host))
    return running if near else None


def _look_up(settings: Settings) -> dict[str, Any]:
    if settings.redis.url is None:
        return {}
    from madang.apps.broadcasts.redis_directory import RedisDirectory
    from madang.station.stores import redis

    directory = RedisDirectory(redis.client(settings.redis.url))
    with contextlib.closing(directory), _redis_tells("who is on the air"):
        directory.refresh()
    return {"live": [operator_view(status) for status in directory.snapshot().values()]}


def _chat(settings: Settings) -> dict[str, int]:
    if settings.redis.url is None:
        return {}
    from madang.station.stores import redis

    chats = redis.chats(settings.redis.url)
    with contextlib.closing(chats), _redis_tells("who is in the chats"):
        return {"connections": sum(chats.count().values())}


@contextlib.contextmanager
def _redis_tells(what: str) -> Iterator[None]:
    """Raises NoAnswer where Redis does not answer in the block."""
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        raise NoAnswer(f"Redis does not tell {what}: {error}.", mend="See madang doctor.") from None


def _ask(running: run_files.Runtime) -> dict[str, Any]:
    address = running.http
    assert address is not None
    host = "127.0.0.1" if address.everywhere else address.host
    connection = http.client.HTTPConnection(host, address.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", STATUS_PATH, headers={"Host": str(Address(host, address.port))})
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise NoAnswer(f"The station at {address} refused with HTTP {answer.status}.")
        told = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(
            f"The station (process {running.pid}) does not answer at {address}: {error}.",
            mend="Look at its log, or start it again.",
        ) from None
    finally:
        connection.close()
    if not isinstance(told, dict):
        raise NoAnswer(f"The station at {address} answered something else than a status.")
    return told
