"""`madang retention …`: what goes to the bin by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from madang.cli.common import Config, Data, Json, control_plane, print_table, report

if TYPE_CHECKING:
    from madang.apps.videos.retention import Due

app = typer.Typer(help="What goes to the bin by itself.", no_args_is_help=True)


@app.command("plan")
def plan(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """List what the rules would put into the bin now, and what that frees; nothing is changed."""
    control_plane(data, config)
    from madang.apps.videos import retention

    _print(as_json, retention.plan(), "would go to the bin", "Nothing would go.")


@app.command("apply")
def apply(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Put into the bin what the rules say; a running station does that every five minutes."""
    control_plane(data, config)
    from madang.apps.videos import retention

    _print(as_json, retention.apply(), "went to the bin", "Nothing went.")


@app.command("log")
def log(
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List what went to the bin and why, the newest first, also of videos that are gone."""
    control_plane(data, config)
    from madang.apps.broadcasts.ports import rfc3339
    from madang.apps.videos.models import Removal

    rows: list[dict[str, Any]] = [
        {
            "at": rfc3339(each.at),
            "id": each.video_id,
            "channel": each.channel,
            "title": each.title,
            "bytes": each.bytes,
            "views": each.views,
            "why": each.reason,
            "restored_at": each.restored_at and rfc3339(each.restored_at),
            "files_deleted_at": each.files_deleted_at and rfc3339(each.files_deleted_at),
        }
        for each in Removal.objects.all()[:limit]
    ]
    if rows or as_json:
        print_table(as_json, rows)
    else:
        print("Nothing has gone to the bin yet.")


def _print(as_json: bool, found: Sequence[Due], words: str, nothing: str) -> None:
    freed = sum(each.video.bytes for each in found)
    videos = [
        {
            "id": each.video.pk,
            "title": each.video.title,
            "bytes": each.video.bytes,
            "why": each.reason.value,
        }
        for each in found
    ]
    if as_json:
        report(True, {"frees_bytes": freed, "videos": videos}, [])
    elif not found:
        print(nothing)
    else:
        print_table(
            False,
            [
                {
                    "id": each.video.pk,
                    "size": f"{each.video.bytes / 1e9:.2f} GB",
                    "why": each.reason.label,
                    "title": each.video.title,
                }
                for each in found
            ],
        )
        print(f"{len(found)} {words}; in seven days that frees {freed / 1e9:.2f} GB.")
