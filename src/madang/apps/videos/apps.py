"""Registration with Django."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from madang.apps.problems import FORBIDDEN, INVALID_REQUEST, NOT_FOUND, ProblemType
from madang.apps.videos.errors import (
    ClipsRefused,
    InvalidClip,
    InvalidPoster,
    InvalidSubtitles,
    InvalidVideo,
    NoSuchSubtitles,
    NoSuchVideo,
    NotYourVideo,
    UnfitState,
)

UNFIT_STATE = ProblemType(
    "unfit-state",
    409,
    _("The video is not in the right state"),
    _("What was asked for is impossible in the state of the video, which `detail` names."),
)


class VideosConfig(AppConfig):
    """Videos of channels."""

    name = "madang.apps.videos"
    label = "videos"
    verbose_name = _("Videos")
    problems: ClassVar = {
        NoSuchVideo: NOT_FOUND,
        NoSuchSubtitles: NOT_FOUND,
        ClipsRefused: FORBIDDEN,
        InvalidClip: INVALID_REQUEST,
        InvalidPoster: INVALID_REQUEST,
        InvalidSubtitles: INVALID_REQUEST,
        NotYourVideo: FORBIDDEN,
        InvalidVideo: INVALID_REQUEST,
        UnfitState: UNFIT_STATE,
    }

    def ready(self) -> None:
        """Let owners see the jobs about their videos, and follow what becomes of these."""
        from madang.apps.jobs import signals, subjects
        from madang.apps.videos import receivers
        from madang.apps.videos.models import Video
        from madang.apps.videos.signals import video_ready

        subjects.register(lambda user: Video.objects.filter(channel__owner=user).values("pk"))
        signals.job_failed.connect(receivers.job_failed)
        signals.job_cancelled.connect(receivers.job_cancelled)
        signals.job_retried.connect(receivers.job_retried)
        video_ready.connect(receivers.video_ready)
