"""Registration with Django."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from madang.apps.problems import INVALID_REQUEST, NOT_FOUND
from madang.apps.webhooks.errors import InvalidWebhook, NoSuchWebhook


class WebhooksConfig(AppConfig):
    """Webhooks and their deliveries."""

    name = "madang.apps.webhooks"
    label = "webhooks"
    verbose_name = _("Webhooks")
    problems: ClassVar = {
        NoSuchWebhook: NOT_FOUND,
        InvalidWebhook: INVALID_REQUEST,
    }

    def ready(self) -> None:
        """Queue deliveries for shows that begin and end, and for videos."""
        from madang.apps.broadcasts.signals import show_began, show_ended
        from madang.apps.videos.signals import video_failed, video_ready
        from madang.apps.webhooks import receivers

        show_began.connect(receivers.show_began)
        show_ended.connect(receivers.show_ended)
        video_ready.connect(receivers.video_ready)
        video_failed.connect(receivers.video_failed)
