"""Smaller renditions of a live stream: one ffmpeg reads the feed and writes all of them.

The transcoder is an FLV client with a bounded queue, so a machine that is too slow for the ladder
drops frames there and nowhere else. Stamps are kept, so each rendition is cut where the source was.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from typing import Any, Final

from madang.infra import ffmpeg
from madang.infra.socket_writer import Framing
from madang.infra.tasks import TaskSupervisor
from madang.live.events import InitChanged, ShowEnded, ShowEvent
from madang.live.rendition import SOURCE
from madang.media.track import UNKNOWN_COLOR, Codec, VideoTrack
from madang.servers.live.broadcast import LiveBroadcast
from madang.servers.live.flv import FlvDelivery
from madang.servers.live.flv_client import FlvClient
from madang.wire.flv import FlvReader

READ_SIZE: Final = 1 << 16

BITS_PER_PIXEL: Final = 0.09
"""Bits per pixel and frame at which x264's veryfast preset looks right for talk and games."""

_TURNS: Final = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}
"""Filters by the degrees of a clockwise rotation."""

HDTV: Final = 720
"""Lines from which players assume the colours of ITU-R BT.709."""

SOUND_BIT_RATE: Final = 128_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LadderLimits:
    """`starts` of the transcoder for one show: one that keeps dying would only take processor time.
    `delay` is the seconds before the next start."""

    starts: int = 5
    delay: float = 3.0


DEFAULT_LIMITS: Final = LadderLimits()


def filters(source: VideoTrack, height: int) -> str:
    """Return the filters that make a picture of `height` lines with square pixels.

    Fields are joined to whole pictures. Where the stream states no colours, players take large
    pictures for those of HDTV and small ones for those of SDTV: what the source is taken for is
    stated.
    """
    chain = [f"scale=w=trunc(oh*dar/2)*2:h={height}", "setsar=1"]
    if source.interlaced:
        chain.insert(0, "bwdif=mode=send_frame:deint=interlaced")
    if source.color.matrix == UNKNOWN_COLOR.matrix and source.height >= HDTV:
        chain.append("setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709")
    if source.rotation:
        chain.insert(1 if source.interlaced else 0, _TURNS[source.rotation])
    return ",".join(chain)


def _is_other(before: VideoTrack, now: VideoTrack | None) -> bool:
    """Return whether a picture needs other filters than the one before."""
    return now is not None and filters(before, HDTV) != filters(now, HDTV)


class Ladder:
    """Makes the renditions of one broadcast, those of `heights` below the source's."""

    def __init__(
        self,
        program: str,
        heights: tuple[int, ...],
        broadcast: LiveBroadcast,
        flv: FlvDelivery,
        tasks: TaskSupervisor,
        *,
        limits: LadderLimits = DEFAULT_LIMITS,
    ) -> None:
        self._program = program
        self._wanted = heights
        self._heights: tuple[int, ...] = ()
        self._broadcast = broadcast
        self._flv = flv
        self._tasks = tasks
        self._limits = limits
        self._starts = 0
        self._start_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._client: FlvClient | None = None

    def on_event(self, event: ShowEvent) -> None:
        """Begin when there is a picture, stop when the show ends."""
        match event:
            case InitChanged(rendition=name, tracks=tracks) if name == SOURCE:
                if self._task is None:
                    self._start()
                elif self._client is not None and _is_other(self._picture, tracks.video):
                    self._client.end()  # the filters are for the picture of before
            case ShowEnded():
                self._start_at = None
                if self._task is not None:
                    self._task.cancel()
            case _:
                pass

    def tick(self, now: float) -> None:
        """Start the transcoder again when it is time."""
        if self._start_at is not None and now >= self._start_at:
            self._start()

    def _start(self) -> None:
        """Start the transcoder for what the source has now, if that can be made smaller."""
        self._start_at = self._task = None
        source = self._broadcast.show.source
        if source is None or (video := source.tracks.video) is None:
            return
        self._heights = tuple(
            sorted((h for h in self._wanted if h < video.display_size[1]), reverse=True)
        )
        self._rate = source.frame_rate or 0.0
        self._picture = video
        sound = source.tracks.audio
        self._copy_sound = sound is not None and sound.codec is Codec.AAC
        if self._heights:
            self._starts += 1
            self._task = self._tasks.spawn(self._transcode())

    async def _transcode(self) -> None:
        """Run the transcoder until it ends, and set when to start it again."""
        client = self._client = self._flv.join(Framing.PLAIN, viewer=False)
        try:
            if client is not None:
                await self._run_program(client)
                self._starts -= 1  # nothing failed: the source has another picture or sound
        except ffmpeg.FfmpegFailed as error:
            log.warning("channel %s: the ladder stopped: %s", self._broadcast.slug, error)
        finally:
            self._client = None
            if client is not None:
                self._flv.leave(client, viewer=False)
            for height in self._heights:
                self._broadcast.drop_rendition(f"{height}p")
        if self._starts < self._limits.starts:
            self._start_at = self._broadcast.clock.monotonic() + self._limits.delay
        else:
            log.error("channel %s: no ladder any more, it stopped too often", self._broadcast.slug)

    async def _run_program(self, client: FlvClient) -> None:
        """Transcode until the client has nothing more to read. Raises FfmpegFailed."""
        feed = os.pipe()
        pipes = [os.pipe() for _ in self._heights]
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
        client.attach(feed[1])
        errors = asyncio.create_task(_last_line(process))
        readers = [
            asyncio.create_task(self._read(height, read))
            for height, (read, _) in zip(self._heights, pipes, strict=True)
        ]
        ends: list[asyncio.Future[Any]] = [*readers, errors, client.over]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            read_up = client.over in done and client.over.exception() is None
        finally:
            client.close()
            os.close(feed[1])
            ffmpeg.kill(process)
            for reader in readers:
                reader.cancel()
            client.over.cancel()
            await asyncio.gather(*readers, client.over, errors, return_exceptions=True)
            await process.wait()
        if not read_up:
            raise ffmpeg.FfmpegFailed(await errors)

    async def _read(self, height: int, descriptor: int) -> None:
        """Bring what the transcoder writes for one height into its rendition."""
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
                        self._broadcast.add_rendition(name)
                    self._broadcast.receive_transcoded(name, tag)
        finally:
            transport.close()

    def _arguments(self, descriptors: list[int]) -> list[str]:
        arguments = [
            *("-fflags", "nobuffer", "-probesize", "1000000", "-analyzeduration", "1000000"),
            *("-copyts", "-f", "flv", "-i", "pipe:0"),
        ]
        for height, descriptor in zip(self._heights, descriptors, strict=True):
            width, full_height = self._picture.display_size
            pixels = height * height * width / full_height
            rate = round(pixels * min(self._rate, 60) * BITS_PER_PIXEL)
            sound = ("copy",) if self._copy_sound else ("aac", "-b:a", str(SOUND_BIT_RATE))
            arguments += [
                *("-map", "0:v:0", "-map", "0:a:0?", "-vf", filters(self._picture, height)),
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
