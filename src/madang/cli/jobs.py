"""`madang jobs …`: background work."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from madang.cli.common import Config, Data, Json, control_plane, print_table, report

if TYPE_CHECKING:
    from madang.apps.jobs.models import Job

app = typer.Typer(help="Background work, such as preparing uploads.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The job.")]


class StateName(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@app.command("list")
def list_(
    *,
    state: Annotated[StateName | None, typer.Option(help="Only in this state.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind.")] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="ID", help="Only about this, such as a video.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List jobs, the newest first."""
    control_plane(data, config)
    from madang.apps.jobs import services

    jobs = services.listed(state=state and state.value, kind=kind)
    if subject is not None:
        jobs = jobs.filter(subject=subject)
    rows = [_shown(job) for job in jobs[:limit]]
    if not as_json and not rows:
        print("There is no job.")
    else:
        print_table(as_json, rows)


@app.command()
def retry(job_id: Id, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Try a job again that has failed or was cancelled."""
    control_plane(data, config)
    from madang.apps.jobs import services

    job = services.retry(job_id)
    report(as_json, _shown(job), [f"{job} waits for its turn."])


@app.command()
def cancel(job_id: Id, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Cancel a job; what runs of it ends within seconds."""
    control_plane(data, config)
    from madang.apps.jobs import services

    job = services.cancel(job_id)
    report(as_json, _shown(job), [f"{job} is cancelled."])


def _shown(job: Job) -> dict[str, Any]:
    from madang.apps.broadcasts.ports import rfc3339
    from madang.apps.jobs.cards import card

    shown = asdict(card(job))
    for name in ("created_at", "started_at", "ended_at"):
        shown[name] = rfc3339(shown[name]) if shown[name] is not None else None
    return shown
