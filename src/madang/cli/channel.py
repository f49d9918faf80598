"""`madang channel set`: the choices of a channel."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer

from madang.cli.common import Config, Data, Json, control_plane, report


class RecordChoice(StrEnum):
    """Which shows of the channel are kept as videos."""

    ALWAYS = "always"
    NEVER = "never"
    ASK = "ask"
    DEFAULT = "default"


class ClipsChoice(StrEnum):
    """People who may make clips."""

    OFF = "off"
    ACCOUNTS = "accounts"
    EVERYBODY = "everybody"


class Switch(StrEnum):
    """A choice of two."""

    ON = "on"
    OFF = "off"


MAX_DIGITS: Final = 9
"""Digits of a number of days, more than any channel may choose."""


def _days(text: str) -> int | str:
    if text == "default":
        return text
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise typer.BadParameter("expected a number of days, or default")
    return int(text)


def set_(
    slug: Annotated[str, typer.Argument(help="The channel.")],
    *,
    record: Annotated[
        RecordChoice | None, typer.Option(help="Which shows are kept as videos.")
    ] = None,
    retention_days: Annotated[
        str | None,
        typer.Option(metavar="N", help="Days that recordings are kept; 0: for ever."),
    ] = None,
    retention_gb: Annotated[
        int | None,
        typer.Option(
            min=0, max=1_000_000, help="Gigabytes that its videos take at most; 0: no limit."
        ),
    ] = None,
    chat_replay: Annotated[
        Switch | None, typer.Option(help="Show the chat beside videos of shows.")
    ] = None,
    clips: Annotated[
        ClipsChoice | None, typer.Option(help="Who may make clips, besides those who run it.")
    ] = None,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Change what a channel keeps, and print its choices; what is not given stays."""
    days = _days(retention_days) if retention_days is not None else None
    control_plane(data, config)
    from madang.apps.channels import services

    channel = services.set_recording(
        slug,
        record=record,
        retention_days=days,
        retention_gb=retention_gb,
        chat_replay=None if chat_replay is None else chat_replay == Switch.ON,
        clips=clips,
    )
    policy, kept = services.record_policy(channel), services.retention_days(channel)
    result = {
        "slug": channel.slug,
        "title": channel.title,
        "record": policy,
        "record_default": not channel.record,
        "retention_days": kept,
        "retention_default": channel.retention_days is None,
        "retention_gb": channel.retention_gb,
        "chat_replay": channel.chat_replay,
        "clips": channel.clips,
    }
    what = {"always": "every show", "never": "no show", "ask": "the shows that the owner keeps"}
    lines = [
        f"Kept as videos: {what[policy]}{_default(not channel.record)}",
        f"For: {f'{kept} days' if kept else 'ever'}{_default(channel.retention_days is None)}",
        f"Room: {f'{channel.retention_gb} GB' if channel.retention_gb else 'without limit'}",
        f"Chat beside them: {'shown' if channel.chat_replay else 'not shown'}",
        f"Clips: {channel.get_clips_display()}",
    ]
    report(as_json, result, lines)


def _default(follows: bool) -> str:
    return " (as the station does)" if follows else ""
