"""The load of uploads sends what it says, and finds a server that answers wrongly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.loads import uploads
from bench.loads.plan import Upload
from bench.processes import BenchFailed
from tests.support.data_plane import until
from tests.support.upload_server import metadata, uploading

pytestmark = pytest.mark.usefixtures("station")


def _load(port: int, size: int, declared: int) -> Upload:
    names = metadata(channel="yard", filename="a.mp4")
    return Upload(port, [os.getpid()], 3, size, declared, names, token="owner")


def test_every_upload_gets_the_bytes_that_are_counted(tmp_path: Path) -> None:
    size = 3_000_001
    with uploading(tmp_path) as port:
        seen = uploads.run(_load(port.port.number, size, size + 1))
        assert seen.sent == 3 * size
        until(lambda: sorted(port.ledger.offsets.values()) == [size] * 3)
        until(lambda: len(port.ledger.ended) == 3)  # rows follow
        assert list(tmp_path.glob("uploads/*/data")) == []
    assert min(seen.seconds, seen.server_cpu, seen.resident) > 0


def test_a_refusal_ends_the_run_with_its_words(tmp_path: Path) -> None:
    with uploading(tmp_path, size=1000) as port, pytest.raises(BenchFailed, match="413"):
        uploads.run(_load(port.port.number, 500, 2000))
