"""Looking at a file of somebody, and the words for what is no video."""

from __future__ import annotations

import codecs
import json
import os
import stat
import sys
from collections.abc import Sequence
from typing import IO, Final

from django.utils.translation import gettext_noop

from madang.base.errors import MadangError, ParseError
from madang.transcoding.source import Source, decode_source
from madang.work.video import probe_child
from madang.work.video.children import Children, run

EMPTY: Final = gettext_noop("The file is empty.")
IRREGULAR: Final = gettext_noop("This is no ordinary file.")
PLAYLIST: Final = gettext_noop(
    "The file is a playlist, which names other files but has no picture and no sound itself."
)
TEXT: Final = gettext_noop("The file is a text, whatever its name says.")
INCOMPLETE: Final = gettext_noop(
    "The file is not complete: the part that says where pictures and sounds are is missing."
)
UNKNOWN: Final = gettext_noop("The file is no video or sound that can be read.")
NOTHING: Final = gettext_noop("The file has neither a picture nor sound that can be decoded.")
ENCRYPTED: Final = gettext_noop("The file is encrypted, so that nobody can play it without a key.")
TOO_LARGE: Final = gettext_noop("The picture is larger than can be decoded here.")

GONE: Final = gettext_noop("The files of the video are not there any more.")

MAX_PIXELS: Final = 8192 * 8192
MAX_SIDE: Final = 16_384

_HEAD: Final = 4096
_PLAYLISTS: Final = (b"#EXTM3U", b"ffconcat", b"<MPD", b"<?xml", b"[playlist]", b"<smil", b"file '")
_ENCODINGS: Final = ("utf-8-sig", "cp949", "utf-16")
_FTYP: Final = b"ftyp"


class FileRefused(MadangError):
    """No video can be made of a file. The message is the reason, for the person who sent it."""


def open_regular(path: str | os.PathLike[str]) -> int:
    """Return a descriptor of a file. Raises FileRefused where it is a pipe or device, OSError."""
    # A pipe without a writer would keep the caller waiting.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileRefused(IRREGULAR)
    return descriptor


def probe(attempt: Children, descriptor: int) -> Source:
    """Return what a file is. Raises FileRefused."""
    if not os.fstat(descriptor).st_size:
        raise FileRefused(EMPTY)
    printed = b""

    def read(pipe: IO[bytes]) -> None:
        nonlocal printed
        printed = pipe.read(1 << 20)

    def command(pipes: Sequence[int]) -> list[str]:
        words = map(str, (descriptor, *pipes))
        return [sys.executable, "-P", "-m", probe_child.__name__, *words]

    run(attempt, command, inputs=(descriptor,), readers=(read,))
    try:
        fields = json.loads(printed or "{}")
        if fields.get("refused") == probe_child.NOTHING:
            raise FileRefused(NOTHING)
        source = decode_source(fields)
    except (ValueError, ParseError):  # it was refused, or the child did not live to its end
        raise FileRefused(_reason(os.pread(descriptor, _HEAD, 0))) from None
    return _required(source)


def _required(source: Source) -> Source:
    if any(each.encrypted for streams in (source.video, source.audio) for each in streams):
        raise FileRefused(ENCRYPTED)
    picture = source.picture
    if picture is not None and (
        picture.width * picture.height > MAX_PIXELS or max(picture.width, picture.height) > MAX_SIDE
    ):
        raise FileRefused(TOO_LARGE)
    return source


def _reason(head: bytes) -> str:
    """Return the reason for which a file was refused that begins with `head`."""
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(_PLAYLISTS):
        return PLAYLIST
    if head[4:8] == _FTYP:
        return INCOMPLETE
    return TEXT if any(_is_text(head, encoding) for encoding in _ENCODINGS) else UNKNOWN


def _is_text(head: bytes, encoding: str) -> bool:
    try:
        # The last character may be cut off.
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeError:
        return False
    return all(each.isprintable() or each.isspace() for each in text)
