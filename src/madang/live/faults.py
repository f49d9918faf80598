"""Faults of the media of a stream, from which advice to the broadcaster is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """Present faults. `left_out` names a codec that is not carried, empty where there is none.

    `sound_lateness` is in seconds, negative where the picture arrives behind the sound.
    """

    picture_left_out: str = ""
    sound_left_out: str = ""
    picture_unconfigured: bool = False
    sound_unconfigured: bool = False
    sound_lateness: float = 0.0
    sound_unstamped: bool = False
