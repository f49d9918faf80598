"""Many visitors in one process, run inside a namespace: pages asked for without a pause, and one
live playlist followed part by part.

    python visitor_load.py DOMAIN AUTHORITY SLUG STOP

Goes on until the file STOP exists, then prints one JSON object: `answers` (how often each status
came; `failed` where none did, with `errors`), `parts`, `longest` (seconds between two parts of the
live playlist as they became known) and `usual` (the same of the first `USUAL_SECONDS`, in which
nothing else happens).
"""

from __future__ import annotations

import collections
import http.client
import itertools
import json
import re
import ssl
import sys
import threading
import time
from pathlib import Path

PATHS = ("/", "/@{slug}", "/api/v1/channels", "/api/v1/live")
VISITORS = 4
USUAL_SECONDS = 5.0
PAUSE = 0.05
"""Seconds between a visitor's requests: all of them together stay below the limit per address."""


class Load:
    """Statistics of all visitors."""

    def __init__(self, domain: str, authority: str, slug: str, stop: Path) -> None:
        self._domain = domain
        self._tls = ssl.create_default_context(cafile=authority)
        self._slug = slug
        self._stop = stop
        self.answers: collections.Counter[str] = collections.Counter()
        self.errors: list[str] = []
        self.parts: list[float] = []

    def visit(self) -> None:
        """Request one page after another."""
        connection = self._connect()
        number = 0
        while not self._stop.exists():
            path = PATHS[number % len(PATHS)].format(slug=self._slug)
            number += 1
            try:
                connection.request("GET", path, headers={"Cookie": f"v={number}"})
                answer = connection.getresponse()
                answer.read()
                self.answers[str(answer.status)] += 1
                if answer.status >= 500:
                    self.errors.append(f"{path}: {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self.answers["failed"] += 1
                self.errors.append(f"{path}: {error!r}")
                connection = self._connect()
            time.sleep(PAUSE)

    def follow(self) -> None:
        """Request each next part of the live playlist like a player, and note its arrival."""
        connection = self._connect()
        text = self._get(connection, f"/live/{self._slug}/index.m3u8")
        media = next(line for line in text.splitlines() if line and not line.startswith("#"))
        base = f"/live/{self._slug}/{media}".split("?", maxsplit=1)[0]
        known = self._last(self._get(connection, base))
        while not self._stop.exists():
            msn, part = known
            text = self._get(connection, f"{base}?_HLS_msn={msn}&_HLS_part={part}")
            now = self._last(text)
            if now != known:
                self.parts.append(time.monotonic())
                known = now

    def _get(self, connection: http.client.HTTPSConnection, path: str) -> str:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer.status} {body}")
        return body

    @staticmethod
    def _last(text: str) -> tuple[int, int]:
        """Return sequence number and part after the end of the playlist."""
        first = re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", text)
        assert first is not None
        msn, part = int(first[1]), 0
        for line in text.splitlines():
            if line.startswith("#EXTINF:"):
                msn, part = msn + 1, 0
            elif line.startswith("#EXT-X-PART:"):
                part += 1
        return msn, part

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._domain, timeout=15, context=self._tls)


def _longest_gap(times: list[float]) -> float:
    gaps = (after - before for before, after in itertools.pairwise(times))
    return max(gaps, default=float("inf"))


def main() -> None:
    """Run until the file STOP exists."""
    domain, authority, slug, stop = sys.argv[1:]
    load = Load(domain, authority, slug, Path(stop))
    threads = [threading.Thread(target=load.visit) for _ in range(VISITORS)]
    threads.append(threading.Thread(target=load.follow))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    usual_until = load.parts[0] + USUAL_SECONDS if load.parts else 0.0
    usual = [at for at in load.parts if at < usual_until]
    print(
        json.dumps(
            {
                "answers": load.answers,
                "errors": load.errors[:10],
                "parts": len(load.parts),
                "longest": _longest_gap(load.parts),
                "usual": _longest_gap(usual),
            }
        )
    )


if __name__ == "__main__":
    main()
