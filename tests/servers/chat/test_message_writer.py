"""The writer of messages ends when it is told to, whatever it waits for just then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from madang.chat.model import Message, Role


@pytest.mark.usefixtures("station")
def test_closing_ends_the_writer_at_any_moment() -> None:
    """A cancellation that met the end of a pause was lost, and closing waited for ever."""
    from madang.servers.chat.message_writer import MessageWriter, WriterLimits

    written: list[Any] = []

    def write(batch: list[Any]) -> int:
        written.extend(batch)
        return len(batch)

    async def close_after(turns: int) -> None:
        writer = MessageWriter(write, WriterLimits(pause=0.0005))
        writer.start()
        writer.write(7, Message("0" * 18, 0, "u3", "minji", Role.MEMBER, "hello"))
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await writer.close(1.0)

    async def run() -> None:
        for turns in range(150):
            await close_after(turns)

    asyncio.run(run())
    assert len(written) == 150
