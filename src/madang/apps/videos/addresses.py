"""Addresses of a video."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from madang.apps.videos.models import State, Video

_PLAYABLE = (State.RECORDING, State.ASKING, State.READY)


@dataclass(frozen=True, slots=True)
class VideoAddresses:
    """Page, playlist, file, picture and storyboard of a video; None for what there is not."""

    watch_url: str
    playlist_url: str | None
    download_url: str | None
    poster_url: str | None
    storyboard_url: str | None


def addresses_of(video: Video, base: str | None = None) -> VideoAddresses:
    """Return the absolute addresses of a video below `base`, by default the station's public URL.

    There is a download once it is whole.
    """
    return _addresses(video, settings.MADANG_PUBLIC_URL if base is None else base)


def paths_of(video: Video) -> VideoAddresses:
    """Return the addresses of a video, relative to the station, for its own pages."""
    return _addresses(video, "")


def _addresses(video: Video, base: str) -> VideoAddresses:
    files = f"{base}/vod/{video.pk}"
    playable = video.state in _PLAYABLE and video.deleted_at is None
    whole = playable and video.state != State.RECORDING and video.renditions
    pictured = not video.renditions or any(each["width"] for each in video.renditions)
    # Those of the whole may be of what was cut away: a trimmed video has pictures of its own.
    untrimmed = video.trim_start is None and video.trim_end is None
    drawn = bool((video.trim_view or {}).get("drawn"))
    pictured = pictured and (untrimmed or drawn)
    drawn = drawn or (video.storyboard and untrimmed)
    return VideoAddresses(
        watch_url=f"{base}/v/{video.pk}",
        playlist_url=f"{files}/index.m3u8" if playable else None,
        download_url=f"{files}/{video.renditions[0]['name']}.mp4?download=1" if whole else None,
        poster_url=_poster(video, files) if playable and (pictured or video.poster_at) else None,
        storyboard_url=f"{files}/storyboard.vtt" if playable and drawn else None,
    )


def _poster(video: Video, files: str) -> str:
    """Return the address of the poster: another one for each that is chosen, as caches keep it."""
    version = "" if video.poster_at is None else f"?v={video.poster_at.timestamp():.0f}"
    return f"{files}/poster.jpg{version}"
