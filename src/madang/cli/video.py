"""`madang video …`: what is kept."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from madang.cli import video_import
from madang.cli.common import Config, Data, Json, control_plane, print_table, report

if TYPE_CHECKING:
    from madang.apps.videos.models import Video

app = typer.Typer(help="What is kept of shows.", no_args_is_help=True)
app.command("import")(video_import.import_)

Id = Annotated[str, typer.Argument(metavar="ID", help="The video.")]


class StateName(StrEnum):
    """State of a video; `deleted` for those in the bin."""

    RECORDING = "recording"
    ASKING = "asking"
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


@app.command("list")
def list_(
    *,
    channel: Annotated[str | None, typer.Option(metavar="SLUG", help="Only of this one.")] = None,
    state: Annotated[StateName | None, typer.Option(help="Only in this state.")] = None,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List the videos, the newest first; those in the bin only with `--state deleted`."""
    base = control_plane(data, config).public_url
    from madang.apps.channels.services import get_channel
    from madang.apps.videos import library

    videos = library.all_videos().prefetch_related("tags")
    videos = videos.filter(deleted_at__isnull=state != StateName.DELETED)
    if channel is not None:
        videos = videos.filter(channel=get_channel(channel))
    if state is not None and state != StateName.DELETED:
        videos = videos.filter(state=state)
    items = [_item(video, base) for video in videos]
    if as_json:
        print_table(True, items)
    elif items:
        print_table(False, [_row(item) for item in items])
    else:
        print("There is no such video.")


@app.command("show")
def show(id_: Id, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Show everything about the video ID."""
    base = control_plane(data, config).public_url
    from madang.apps.videos import library

    item = _item(library.get(id_), base)
    report(as_json, item, [f"{name}: {_said(value)}" for name, value in item.items()])


@app.command("keep")
def keep(
    id_: Id,
    *,
    off: Annotated[bool, typer.Option("--off", help="Let it go when its time is over.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Exempt the video ID from retention; one that waits for an answer becomes public."""
    base = control_plane(data, config).public_url
    from madang.apps.videos import library

    video = library.change(library.get(id_), library.VideoChange(keep=not off))
    words = "goes to the bin when its time is over" if off else "is kept for good"
    report(as_json, _item(video, base), [f"{video.pk} {words}."])


@app.command("trim")
def trim(
    id_: Id,
    *,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Where it begins: 1:02:03, or seconds.")
    ] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="Where it ends.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Show the whole of it again.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Move start and end of the video ID, in times of the whole; the files stay as they are."""
    if undo == (start is not None or end is not None):
        raise typer.BadParameter("Say --start or --end or both, or --undo.")
    base = control_plane(data, config).public_url
    from madang.apps.videos import library, trims
    from madang.apps.videos.times import exact_clock, parse_time

    begin, stop = parse_time(start or ""), parse_time(end or "")
    video = trims.trim(library.get(id_), begin, stop)
    item = _item(video, base)
    made = trims.card(video)
    if made is None:
        words = f"{video.pk} is whole: {exact_clock(video.duration)}."
    elif made.start is None or made.end is None:
        words = f"{video.pk} is trimmed; the machine with the storage finds the exact cut."
    else:
        words = (
            f"{video.pk} goes from {exact_clock(made.start)} to {exact_clock(made.end)} of "
            f"{exact_clock(made.whole_duration)}. For everybody within a minute."
        )
    report(as_json, item, [words])


@app.command("delete")
def delete(id_: Id, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Put the video ID into the bin; after seven days its files are deleted."""
    base = control_plane(data, config).public_url
    from madang.apps.videos import library

    video = library.delete(library.get(id_))
    report(
        as_json,
        _item(video, base),
        [f"{video.pk} is in the bin for seven days: madang video restore {video.pk}"],
    )


@app.command("restore")
def restore(id_: Id, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Take the video ID out of the bin."""
    base = control_plane(data, config).public_url
    from madang.apps.videos import library

    video = library.restore(library.get(id_))
    kept = " It is kept for good: its time was over." if video.keep else ""
    report(as_json, _item(video, base), [f"{video.pk} is out of the bin.{kept}"])


@app.command("reindex")
def reindex(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Make the index of the search anew, of all videos and channels."""
    control_plane(data, config)
    from madang.apps.discovery import index

    count = index.rebuild()
    report(as_json, {"indexed": count}, [f"The search finds {count} videos and channels again."])


def _item(video: Video, base: str) -> dict[str, Any]:
    """Return a video as the API does, with the addresses of the running station."""
    from madang.apps.broadcasts.ports import rfc3339
    from madang.apps.videos.cards import card

    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in asdict(card(video, base)).items()
    }


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": item["id"],
        "channel": item["channel"],
        "began": _minute(item["created_at"]),
        "length": str(timedelta(seconds=round(item["duration"]))),
        "size": f"{item['bytes'] / 1e9:.2f} GB",
        "state": item["state"],
        "visibility": item["visibility"],
        "until": _minute(item["expires_at"]),
        "title": item["title"],
    }


def _minute(instant: str | None) -> str:
    """Return an instant of RFC 3339 to the minute."""
    return instant[:16].replace("T", " ") + "Z" if instant else ""


def _said(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(each if isinstance(each, str) else each["name"] for each in value) or "-"
    return "-" if value in (None, "") else value
