"""`madang video import`: files of this machine become videos."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from madang.base.errors import MadangError
from madang.cli.common import Config, Data, Json, control_plane, report

if TYPE_CHECKING:
    from madang.apps.uploads.imports import Importer, Progress
    from madang.station.config.settings import Settings


class VisibilityName(StrEnum):
    """Audience of a video."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to import, or the reason why there is none."""

    path: Path
    reason: str = ""


def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")],
    *,
    channel: Annotated[str, typer.Option(metavar="SLUG", help="The channel that gets them.")],
    visibility: Annotated[
        VisibilityName, typer.Option(help="Who may see the videos.")
    ] = VisibilityName.PUBLIC,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Folders in these folders as well.")
    ] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make videos of files of this machine; the same file again makes no second one."""
    importer = _importer(control_plane(data, config), channel, visibility)
    results = []
    with _progress(quiet=as_json) as progress_of:
        for found in _files(paths, recursive=recursive):
            result = _take(importer, found, progress_of(found.path))
            results.append(result)
            if not as_json:
                print(_line(result), flush=True)
    counts = {
        state: sum(each["state"] == state for each in results)
        for state in ("imported", "exists", "failed")
    }
    lines = [f"{counts['imported']} imported, {counts['exists']} there before, "]
    lines = [lines[0] + f"{counts['failed']} failed."]
    report(as_json, {**counts, "files": results}, lines)
    if counts["failed"]:
        raise typer.Exit(1)


def _importer(settings: Settings, slug: str, visibility: VisibilityName) -> Importer:
    from madang.apps.channels.services import get_channel
    from madang.apps.uploads.files import UPLOADS, UploadFiles
    from madang.apps.uploads.imports import Importer
    from madang.apps.videos.models import Visibility
    from madang.infra.storage import make_storage_id
    from madang.station.roles.uploads_plane import GIGABYTE, quotas
    from madang.work.video.probe import probe

    children = _Children(settings.media_folder)
    return Importer(
        get_channel(slug),
        UploadFiles(settings.media_folder / UPLOADS),
        make_storage_id(settings.media_folder),
        lambda descriptor: probe(children, descriptor).title,
        visibility=Visibility(visibility.value),
        quotas=quotas(settings),
        reserve=int(settings.recording.reserve_gb * GIGABYTE),
    )


def _files(paths: Sequence[Path], *, recursive: bool) -> Iterator[Found]:
    """Yield the files that are named, and those in folders in the order of their names; hidden
    ones are left out."""
    for path in paths:
        if not path.is_dir():
            yield Found(path)
            continue
        errors: list[OSError] = []
        for folder, folders, names in os.walk(path, onerror=errors.append):
            folders[:] = sorted(each for each in folders if recursive and each[0] != ".")
            places = (Path(folder) / name for name in sorted(names) if name[0] != ".")
            yield from (Found(place) for place in places)
        for error in errors:
            yield Found(Path(error.filename or path), _words(error))


def _take(importer: Importer, found: Found, progress: Progress) -> dict[str, Any]:
    result: dict[str, Any] = {"path": os.fsencode(found.path).decode(errors="replace")}
    reason = found.reason
    if not reason:
        try:
            done = importer.take(found.path, progress)
        except MadangError as error:
            reason = str(error)
        except OSError as error:
            reason = _words(error)
        else:
            return result | {
                "state": "imported" if done.new else "exists",
                "video": done.video_id,
                "title": done.title,
                "bytes": done.bytes,
                "resumed_bytes": done.resumed,
            }
    return result | {"state": "failed", "reason": reason}


def _line(result: dict[str, Any]) -> str:
    if result["state"] == "failed":
        return f"failed    {result['path']}: {result['reason']}"
    return f"{result['state']:<9} {result['path']}: {result['video']} {result['title']}"


def _words(error: OSError) -> str:
    return f"It cannot be read or copied: {error.strerror or error}."


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Path], Progress]]:
    """Show bars on a terminal, within the block; each file has one."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *(*columns, TimeRemainingColumn()),
        console=Console(file=sys.stderr),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    ) as bars:
        bar = bars.add_task("")

        def of(path: Path) -> Callable[[int, int], None]:
            name = os.fsencode(path.name).decode(errors="replace")
            bars.reset(bar, description=name.replace("[", "\\["), total=None)
            return lambda done, size: bars.update(bar, completed=done, total=size)

        yield of


@dataclass(frozen=True, slots=True)
class _Children:
    folder: Path

    @contextlib.contextmanager
    def child(
        self,
        argv: Sequence[str],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program during the block."""
        from madang.infra.child_process import kill_group, spawn

        process = spawn(
            argv, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=pass_fds, cwd=self.folder
        )
        with process:
            try:
                yield process
            finally:
                kill_group(process)
