"""Keeps the demo channel on the air: one ffmpeg that encodes a test picture and publishes it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from asyncio.subprocess import DEVNULL, PIPE, Process
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from madang.station.config.fields import MASK
from madang.station.demo import clock

FRAME_RATE: Final = 30
SIZE: Final = "1280x720"
RETRY: Final = 2.0
"""Seconds before the next attempt when the encoder ended."""

SHOW: Final = 3 * 3600.0
"""Seconds of a show. What viewers can go back in is kept until a show ends: some 2 GB."""

log = logging.getLogger(__name__)


def arguments(url: str) -> list[str]:
    """Return ffmpeg's arguments for publishing to `url`, with the clock on standard input."""
    picture = (
        f"gradients=s=160x90:r={FRAME_RATE}:n=4:speed=0.012:type=radial"
        ":c0=0x1d1a3a:c1=0xb4472f:c2=0xe3a03f:c3=0x24455f"
    )
    graph = (
        f"[0:v]scale={SIZE.replace('x', ':')}:flags=fast_bilinear,format=yuv420p[courtyard];"
        f"[1:v]format=yuva420p,colorchannelmixer=aa=0.85[clock];"
        "[courtyard][clock]overlay=x=(W-w)/2:y=(H-h)/2:format=yuv420[picture];"
        # A soft fifth that swells every four seconds, and a tick on every full second.
        "[2:a]volume=0.25[sound]"
    )
    sound = (
        "aevalsrc=exprs='(0.5+0.4*sin(PI*t/2))*(0.30*sin(2*PI*196*t)+0.22*sin(2*PI*294*t))"
        "+0.6*exp(-60*mod(t,1))*sin(2*PI*880*t)':s=48000"
    )
    return [
        *("-hide_banner", "-loglevel", "error", "-nostdin"),
        *("-re", "-f", "lavfi", "-i", picture),
        *("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{clock.WIDTH}x{clock.HEIGHT}"),
        *("-r", str(FRAME_RATE), "-i", "pipe:0"),
        *("-re", "-f", "lavfi", "-i", sound),
        *("-filter_complex", graph, "-map", "[picture]", "-map", "[sound]"),
        *("-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-profile:v", "main"),
        *("-threads", "1", "-b:v", "1500k", "-maxrate", "2000k", "-bufsize", "1500k"),
        *("-g", str(2 * FRAME_RATE), "-keyint_min", str(2 * FRAME_RATE)),
        *("-c:a", "aac", "-b:a", "96k", "-ac", "2", "-f", "flv", url),
    ]


class DemoPublisher:
    """Publishes the test picture until `stop`; starts the encoder again when it ends.

    After `show` seconds the encoder is stopped for longer than `grace`, so that a new show begins.
    """

    def __init__(
        self, program: str, url: str, time_zone: str, *, grace: float, show: float = SHOW
    ) -> None:
        self._program = program
        self._grace = grace
        self._show = show
        self._url = url
        self._zone = ZoneInfo(time_zone)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on the air, in the background."""
        self._task = asyncio.get_running_loop().create_task(self._keep_going())

    async def stop(self) -> None:
        """Leave the air."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_going(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._show):
                    words = await self._publish()
            except TimeoutError:
                log.info("the demo's show ends, and a new one begins after the grace period")
                await asyncio.sleep(self._grace + RETRY)
                continue
            except OSError as error:
                words = f"{self._program}: {error.strerror}"
            log.warning("the demo's encoder ended (%s); it is started again", words)
            await asyncio.sleep(RETRY)

    async def _publish(self) -> str:
        """Encode and send until the encoder ends, and return what it said last.

        Raises OSError where it cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            self._program,
            *arguments(self._url),
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,  # an interrupt at the terminal is for the station
        )
        reading = asyncio.create_task(self._last_words(process))
        try:
            await self._tick(process)
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            words = await reading
            await process.wait()
        return words

    async def _tick(self, process: Process) -> None:
        """Feed one picture of the clock per frame, drawn when it is due."""
        assert process.stdin is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        frame = 0
        try:
            # uvloop raises a RuntimeError of its own for writing to a pipe that has broken before.
            while not process.stdin.is_closing():
                now = datetime.now(self._zone)
                text = now.strftime("%H:%M:%S.") + f"{now.microsecond // 1000:03d}"
                process.stdin.write(clock.draw(text, round(now.timestamp() * 1000)))
                await process.stdin.drain()
                frame += 1
                await asyncio.sleep(began + frame / FRAME_RATE - loop.time())
        except (BrokenPipeError, ConnectionResetError):
            return  # the encoder ended: the caller sees how

    async def _last_words(self, process: Process) -> str:
        assert process.stderr is not None
        said = (await process.stderr.read()).decode(errors="replace").strip()
        # Errors name the address, and with it the stream key.
        _, _, key = self._url.rpartition("/")
        return said.replace(key, MASK)[-200:] or "without a word"
