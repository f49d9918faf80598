"""Mutated paths of recordings mean one thing or nothing, and never another folder."""

from __future__ import annotations

from madang.servers.vod.addresses import attachment, parse
from tests.servers.vod.test_addresses import MEANT
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.support.vod import ID


def test_paths() -> None:
    def target(data: bytes) -> None:
        found = parse(data.decode("latin-1"))
        if found is not None:
            assert found.id.isalnum()
            assert not set("./\\\0") & set(found.rendition)

    fuzz(target, [f"/vod/{ID}/{path}".encode() for path in MEANT], (), SUITE_COUNT // 3)


def test_titles() -> None:
    def target(data: bytes) -> None:
        written = attachment(data.decode("utf-8", "surrogatepass"), ID)
        assert written.isascii()
        assert written.isprintable()
        assert written.count('"') == 2

    seeds = ["저녁 방송".encode(), b'a "b"/c', "é%\u202e".encode()]
    fuzz(target, seeds, (UnicodeDecodeError,), SUITE_COUNT // 3)
