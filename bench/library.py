"""`library`: what a search among many videos costs, on SQLite and PostgreSQL.

Titles and descriptions are made of words of Hangul syllables, as frequent as in a language. Each
kind of query is asked for with other words each time: `rare` and `common` words, `each` of which
all videos have (of two syllables, of three, of one letter), `two` and `ten` words, a `part` of a
word, and `nothing`, a word that no video has although all have its pairs of syllables. Figures of
each, in milliseconds, from the API's function to its answer in JSON:

- `p50`, `p95`.

`python -m bench.library DATA VIDEOS QUERIES` measures on the database of the environment.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from typing import Final

from bench.figures import Report, percentile, say
from bench.processes import BenchFailed
from tests.support.stores import postgresql

STORES: Final = ("sqlite", "postgresql")
_VOCABULARY: Final = 8000
_TITLE: Final = 5
"""Words of a title."""
_TEXT: Final = 60
"""Words of a description."""
_EVERYWHERE: Final = ("공연", "라이브", "브라이언", "live")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--only", choices=STORES, nargs="+", default=STORES)


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    report = Report("library", {"videos": options.videos, "queries": options.queries})
    for store in options.only:
        say(f"library: {store}")
        with _environment(store) as environment, tempfile.TemporaryDirectory() as data:
            command = [sys.executable, "-m", "bench.library", data]
            done = subprocess.run(
                [*command, str(options.videos), str(options.queries)],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        if done.returncode:
            raise BenchFailed(f"The search on {store} could not be measured.")
        for kind, times in json.loads(done.stdout).items():
            for name, share in (("p50", 0.5), ("p95", 0.95)):
                report.add(f"{store} {kind}", name, percentile(times, share) * 1000, "ms")
    report.print({})


@contextlib.contextmanager
def _environment(store: str) -> Iterator[dict[str, str]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    if store == "sqlite":
        yield clean
        return
    with postgresql() as server:
        yield {**clean, "MADANG_DATABASE__URL": server.url}


def _vocabulary(chance: random.Random) -> list[str]:
    syllables = [chr(chance.randrange(0xAC00, 0xD7A4)) for _ in range(600)]
    return [
        "".join(chance.choices(syllables, k=chance.choice((2, 2, 3, 4))))
        for _ in range(_VOCABULARY)
    ]


def _fill(videos: int, chance: random.Random, words: list[str]) -> None:
    from madang.apps.accounts.services import create_user
    from madang.apps.channels.services import create_channel
    from madang.apps.discovery import index
    from madang.apps.videos.models import Kind, State, Video

    owner = create_user("bench", password="courtyard-at-dusk", admin=True)
    channels = [create_channel(f"bench-{at}", owner=owner)[0] for at in range(20)]
    often = list(accumulate(1 / (rank + 1) for rank in range(len(words))))
    now = datetime.now(UTC)
    rows = [
        Video(
            id=f"Benches{at:05}".translate(str.maketrans("0", "z")),
            channel=chance.choice(channels),
            kind=Kind.RECORDING,
            state=State.READY,
            title=" ".join(chance.choices(words, cum_weights=often, k=_TITLE)),
            description=" ".join(
                [*_EVERYWHERE, *chance.choices(words, cum_weights=often, k=_TEXT)]
            ),
            created_at=now - timedelta(hours=at),
        )
        for at in range(videos)
    ]
    Video.objects.bulk_create(rows, 500)
    began = perf_counter()
    index.catch_up()
    say(f"{videos} videos indexed in {perf_counter() - began:.1f} s")


def _query(kind: str, chance: random.Random, words: list[str]) -> str:
    if kind == "rare":
        return chance.choice(words[len(words) // 2 :])
    if kind == "common":
        return chance.choice(words[:20])
    if kind == "part":
        return chance.choice([word for word in words[100:2000] if len(word) == 4])[1:3]
    if kind == "two":
        return f"{chance.choice(words[:50])} {chance.choice(words[50:500])}"
    if kind == "ten":
        return " ".join(chance.sample(words[:20], 10))
    if kind == "nothing":
        return "라이브라이언"
    return {"each of two": "공연", "each of three": "라이브", "each of one": "l"}[kind]


KINDS: Final = (
    *("rare", "common", "part", "two", "ten"),
    *("nothing", "each of two", "each of three", "each of one"),
)


def _measure(data: Path, videos: int, queries: int) -> None:
    from madang.station import boot
    from madang.station.config import settings

    boot.control_plane(settings.load(data))
    chance = random.Random(14)  # the same videos each time
    words = _vocabulary(chance)
    _fill(videos, chance, words)

    from django.db import connection
    from django.test import Client

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client(HTTP_HOST="localhost")
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(queries):
        for kind in KINDS:
            query = _query(kind, chance, words)
            began = perf_counter()
            answer = client.get("/api/v1/search", {"q": query, "limit": "12"})
            times[kind].append(perf_counter() - began)
            if answer.status_code != 200:
                raise BenchFailed(f"{query} was answered with {answer.status_code}.")
    print(json.dumps(times))


if __name__ == "__main__":
    _measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
