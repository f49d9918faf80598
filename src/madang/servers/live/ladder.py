"""Smaller renditions of a live stream: one ffmpeg reads the feed and writes every rung.

It reads like any FLV viewer, with a bounded queue, so a machine that is too slow for the ladder
drops frames there and nowhere else. Stamps are kept, which lets each rung be cut exactly where the
source was.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any, Final

from madang.infra import ffmpeg
from madang.infra.socket_writer import Framing
from madang.media.track import Codec
from madang.servers.live.flv_subscriber import FlvSubscriber
from madang.wire.flv import FlvReader

if TYPE_CHECKING:
    from madang.servers.live.channel import LiveChannel

RETRIES: Final = 5
"""Starts of the transcoder for one show: one that keeps dying would only take processor time."""

RETRY_DELAY: Final = 3.0
"""Seconds before the next start."""

READ_SIZE: Final = 1 << 16

BITS_PER_PIXEL: Final = 0.09
"""Bits per pixel and frame at which x264's veryfast preset looks right for talk and games."""

SOUND_BIT_RATE: Final = 128_000

log = logging.getLogger(__name__)


class Ladder:
    """The rungs of one show. `heights` are those below the source's, the highest first."""

    def __init__(self, program: str, heights: tuple[int, ...], channel: LiveChannel) -> None:
        self._program = program
        self._channel = channel
        source = channel.show.source
        video = source.tracks.video if source is not None else None
        self.heights: list[int] = []
        if source is not None and video is not None:
            self.heights = sorted((h for h in heights if h < video.height), reverse=True)
            self._rate = source.cutting.rate / source.cutting.frame
            self._aspect = video.width / video.height
            sound = source.tracks.audio
            self._copy_sound = sound is not None and sound.codec is Codec.AAC

    async def run(self) -> None:
        """Keep the transcoder going until cancelled, or until it has died too often."""
        for _ in range(RETRIES):
            try:
                await self._transcode()
            except ffmpeg.FfmpegFailed as error:
                log.warning("channel %s: the ladder stopped: %s", self._channel.slug, error)
            finally:
                for height in self.heights:
                    self._channel.drop_rendition(f"{height}p")
            await asyncio.sleep(RETRY_DELAY)
        log.error("channel %s: no ladder any more, it stopped too often", self._channel.slug)

    async def _transcode(self) -> None:
        reader = self._channel.join(Framing.PLAIN, viewer=False)
        if reader is None:
            return
        try:
            await self._run_program(reader)
        finally:
            self._channel.leave(reader, viewer=False)

    async def _run_program(self, reader: FlvSubscriber) -> None:
        feed = os.pipe()
        pipes = [os.pipe() for _ in self.heights]
        theirs = [feed[0], *(write for _, write in pipes)]
        os.set_blocking(feed[1], False)
        try:
            process = await ffmpeg.start(
                self._program, self._arguments(theirs[1:]), stdin=feed[0], pass_fds=theirs[1:]
            )
        except BaseException:
            for ours in (feed[1], *(read for read, _ in pipes)):
                os.close(ours)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        reader.attach(feed[1])
        errors = asyncio.create_task(_last_line(process))
        rungs = [
            asyncio.create_task(self._read(height, read))
            for height, (read, _) in zip(self.heights, pipes, strict=True)
        ]
        ends: list[asyncio.Future[Any]] = [*rungs, errors, reader.over]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.close()
            os.close(feed[1])
            ffmpeg.kill(process)
            for rung in rungs:
                rung.cancel()
            reader.over.cancel()
            await asyncio.gather(*rungs, reader.over, errors, return_exceptions=True)
            await process.wait()
        raise ffmpeg.FfmpegFailed(await errors)

    async def _read(self, height: int, descriptor: int) -> None:
        """Bring what the transcoder writes for one rung into its rendition."""
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader()
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        flv = FlvReader()
        name = f"{height}p"
        begun = False
        try:
            while data := await stream.read(READ_SIZE):
                for tag in flv.receive(data):
                    if not begun:
                        begun = True
                        self._channel.add_rendition(name)
                    self._channel.receive_transcoded(name, tag)
        finally:
            transport.close()

    def _arguments(self, descriptors: list[int]) -> list[str]:
        arguments = [
            *("-fflags", "nobuffer", "-probesize", "1000000", "-analyzeduration", "1000000"),
            *("-copyts", "-f", "flv", "-i", "pipe:0"),
        ]
        for height, descriptor in zip(self.heights, descriptors, strict=True):
            rate = round(height * height * self._aspect * min(self._rate, 60) * BITS_PER_PIXEL)
            sound = ("copy",) if self._copy_sound else ("aac", "-b:a", str(SOUND_BIT_RATE))
            arguments += [
                *("-map", "0:v:0", "-map", "0:a:0?", "-vf", f"scale=-2:{height}"),
                *("-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency"),
                *("-profile:v", "main", "-pix_fmt", "yuv420p", "-sc_threshold", "0"),
                # Key frames exactly where the source has them, and nowhere else.
                *("-force_key_frames", "source", "-g", "100000", "-fps_mode", "passthrough"),
                # The encoder's own clock ticks once a frame: stamps between its ticks would move.
                *("-enc_time_base:v", "demux"),
                *("-b:v", str(rate), "-maxrate", str(rate * 5 // 4), "-bufsize", str(rate)),
                *("-c:a", *sound, "-avoid_negative_ts", "disabled", "-flush_packets", "1"),
                *("-flvflags", "no_duration_filesize", "-f", "flv", f"pipe:{descriptor}"),
            ]
        return arguments


async def _last_line(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = (await process.stderr.read()).decode(errors="replace").strip()
    return said.splitlines()[-1] if said else "ffmpeg ended"
