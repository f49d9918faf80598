"""A stream of real bytes for each piece of advice: the table of cases of `madang.live.advice`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from madang.wire.flv import Tag, TagType
from tests.support.broadcast import Broadcast, Sent, shifted
from tests.support.odd_streams import without_headers
from tests.support.real_streams import (
    AAC,
    SIZE,
    X264,
    from_slow_processor,
    real_stream,
    through_link,
)

GOP: Final = ("-g", "50", "-bf", "0")
PICTURE: Final = (*X264, *GOP)
X265: Final = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
X265_GOP: Final = ("-x265-params", "log-level=error:keyint=50:min-keyint=50:scenecut=0:bframes=0")
AV1: Final = ("-c:v", "libsvtav1", "-preset", "11", "-pix_fmt", "yuv420p")
AV1_GOP: Final = ("-g", "50", "-svtav1-params", "pred-struct=1")
REFRESH: Final = (*X264, "-x264-params", "keyint=infinite:intra-refresh=1:scenecut=0:bframes=0")
UNSTEADY: Final = (1.6, 0.4, 0.6, 1.3, 1.7, 0.5, 0.9)
"""Capacity of a link in use by others, of seven seconds."""

NOISE: Final = "testsrc2=s=320x180:r=25,noise=alls=100:allf=t"


def shown(sent: Iterable[Sent]) -> Broadcast:
    """Return the show of a publisher that sends `sent` and stays connected."""
    made = Broadcast()
    made.connect()
    made.send(list(sent))
    return made


def silent() -> Broadcast:
    """Return a show whose encoder is connected and sends nothing more."""
    made = shown(real_stream())
    made.wait_until(made.now + 5.0)
    return made


def is_key(item: Sent) -> bool:
    """Tell whether a video tag has a key frame."""
    return item.tag.body[0] >> 4 & 7 == 1


def lossy() -> Broadcast:
    """Return a show whose encoder leaves out every eighth picture for 6 s."""
    pictures = 0
    sent = []
    for item in real_stream():
        pictures += item.tag.type is TagType.VIDEO
        if item.at < 6 or item.tag.type is TagType.AUDIO or pictures % 8 or is_key(item):
            sent.append(item)
    return shown(sent)


def jumping() -> Broadcast:
    """Return a show whose stamps jump by 50 s."""
    sent = real_stream()
    before = [item for item in sent if item.at < 6]
    return shown([*before, *shifted(sent[len(before) :], 50_000)])


def damaged() -> Broadcast:
    """Return a show with one tag that breaks off in its header."""
    sent = list(real_stream())
    at = next(i for i, item in enumerate(sent) if item.at > 6 and item.tag.type is TagType.VIDEO)
    sent.insert(at, replace(sent[at], tag=replace(sent[at].tag, body=sent[at].tag.body[:3])))
    return shown(sent)


def irregular() -> Broadcast:
    """Return a show with key frames 2 s and then 3.5 s apart."""
    times = "expr:eq(n,0)+eq(n,50)+eq(n,138)+eq(n,188)+eq(n,276)"
    picture = (*X264, "-g", "1000", "-bf", "0", "-force_key_frames", times)
    return shown(real_stream(picture))


def taken_over() -> Broadcast:
    """Return a show that another encoder with another frame rate goes on with."""
    made = shown(real_stream())
    made.connect()
    made.send(
        list(real_stream((*X264, "-g", "60", "-bf", "0"), AAC, source=f"testsrc2=s={SIZE}:r=30"))
    )
    return made


def apart(kind: TagType) -> Broadcast:
    """Return a show with a medium that arrives 2.5 s behind the other."""
    late = [replace(i, at=i.at + 2.5) if i.tag.type is kind else i for i in real_stream()]
    return shown(i for i in sorted(late, key=lambda item: item.at) if i.at < 12)


def unstamped() -> Broadcast:
    """Return a show whose sound has the stamp 0 throughout."""
    return shown(
        replace(i, tag=replace(i.tag, timestamp=0)) if i.tag.type is TagType.AUDIO else i
        for i in real_stream()
    )


def telephony() -> Broadcast:
    """Return a show with G.711 beside its picture."""
    sounds = [Sent(n / 50, Tag(TagType.AUDIO, n * 20, b"\x72" + bytes(160))) for n in range(600)]
    return shown(sorted([*sounds, *real_stream(sound=None)], key=lambda item: item.at))


def old_picture() -> Broadcast:
    """Return a show with Sorenson H.263 beside its sound."""
    pictures = [Sent(n / 25, Tag(TagType.VIDEO, n * 40, b"\x12" + bytes(99))) for n in range(300)]
    return shown(sorted([*pictures, *real_stream(None)], key=lambda item: item.at))


def unstamped_and_undescribed() -> Broadcast:
    """Return a show of AAC without its header and without stamps to tell its rate from."""
    sent = without_headers(real_stream(), TagType.AUDIO)
    return shown(
        replace(i, tag=replace(i.tag, timestamp=0)) if i.tag.type is TagType.AUDIO else i
        for i in sent
    )


CASES: Final[dict[str, Callable[[], Broadcast]]] = {
    "silent": silent,
    "encoder_slow": lambda: shown(from_slow_processor(real_stream(seconds=30.0), 0.85)),
    "key_frames_missing": lambda: shown(real_stream(REFRESH)),
    "interlaced": lambda: shown(
        real_stream((*PICTURE, "-flags", "+ildct+ilme"), source="testsrc2=s=160x96:r=25")
    ),
    "high_dynamic_range": lambda: shown(
        real_stream((*PICTURE, "-vf", "format=yuv420p,setparams=color_trc=smpte2084"))
    ),
    "stream_stalled": lambda: shown(through_link(real_stream(seconds=30.0), 0.8, changes=UNSTEADY)),
    "stream_late": lambda: shown(through_link(real_stream(seconds=20.0), 0.95, changes=UNSTEADY)),
    "profile_uncommon": lambda: shown(
        real_stream(("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p", *GOP))
    ),
    "uplink_stalled": lambda: shown(through_link(real_stream(seconds=30.0), 0.75)),
    "no_audio": lambda: shown(real_stream(sound=None)),
    "codec_uncommon": lambda: shown(real_stream((*X265, *X265_GOP))),
    "uplink_slow": lambda: shown(through_link(real_stream(seconds=30.0), 0.93)),
    "frames_dropped": lossy,
    "bit_rate_high": lambda: shown(real_stream((*PICTURE, "-qp", "10"), source=NOISE)),
    "key_frames_far_apart": lambda: shown(
        real_stream((*X264, "-g", "200", "-bf", "0"), seconds=20.0)
    ),
    "clock_jumps": jumping,
    "media_damaged": damaged,
    "picture_not_carried": old_picture,
    "sound_not_carried": telephony,
    "picture_undescribed": lambda: shown(without_headers(real_stream(), TagType.VIDEO)),
    "sound_undescribed": unstamped_and_undescribed,
    "sound_late": lambda: apart(TagType.AUDIO),
    "picture_late": lambda: apart(TagType.VIDEO),
    "sound_unstamped": unstamped,
    "no_video": lambda: shown(real_stream(None)),
    "codec_new": lambda: shown(real_stream((*AV1, *AV1_GOP))),
    "key_frames_irregular": irregular,
    "reordering_long": lambda: shown(
        real_stream((*X264, "-g", "50", "-bf", "8", "-b_strategy", "0"))
    ),
}
"""Shows by the code of the one piece of advice that each must get."""

HEALTHY: Final[dict[str, Callable[[], Broadcast]]] = {
    "25 pictures a second": lambda: shown(real_stream()),
    "60 pictures a second": lambda: shown(
        real_stream((*X264, "-g", "120", "-bf", "0"), source=f"testsrc2=s={SIZE}:r=60")
    ),
    "one picture a second": lambda: shown(
        real_stream((*X264, "-g", "2", "-bf", "0"), source=f"testsrc2=s={SIZE}:r=1")
    ),
    "two B-frames": lambda: shown(real_stream((*X264, "-g", "50", "-bf", "2"))),
    "another encoder after the first": taken_over,
}
"""Shows that get no advice."""
