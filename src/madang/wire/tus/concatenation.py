"""Final uploads: several complete partial ones in a given order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from madang.wire.tus.commands import Concatenate
from madang.wire.tus.heads import check_size, inconsistent
from madang.wire.tus.limits import UploadLimits
from madang.wire.tus.model import GONE, Dialect, Kind, State, Upload
from madang.wire.tus.problems import Problem, UploadError


def final_upload(
    command: Concatenate, found: Mapping[str, Upload], limits: UploadLimits, now: float
) -> Upload:
    """Return a final upload of the parts in `found`. Raises UploadError."""
    length = 0
    for part_id in command.parts:
        part = found.get(part_id)
        if part is None or part.state in GONE or part.expired(now):
            _refuse(Problem.INVALID, part_id, "is unknown or gone")
        if part.kind is not Kind.PARTIAL:
            _refuse(Problem.INVALID, part_id, "was not created as partial")
        if part.state is not State.COMPLETE:
            _refuse(Problem.UNFINISHED_PART, part_id, "is not complete yet")
        length += part.offset
    if command.length not in {None, length}:
        raise inconsistent(f"The parts have {length} bytes, Upload-Length is {command.length}.")
    check_size(length, limits)
    return Upload(
        command.upload_id,
        Dialect.TUS,
        Kind.FINAL,
        State.JOINING,
        length=length,
        metadata=command.metadata,
        concat=command.concat,
        parts=command.parts,
    )


def _refuse(problem: Problem, part_id: str, words: str) -> NoReturn:
    raise UploadError(problem, f"The partial upload {part_id} {words}.")
