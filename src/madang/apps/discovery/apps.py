"""Registration with Django."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from madang.apps.discovery.errors import InvalidQuery
from madang.apps.problems import INVALID_REQUEST


class DiscoveryConfig(AppConfig):
    """Search, the library and feeds, views."""

    name = "madang.apps.discovery"
    label = "discovery"
    verbose_name = _("Search")
    problems: ClassVar = {InvalidQuery: INVALID_REQUEST}

    def ready(self) -> None:
        """Keep the index of search up to date."""
        from django.db.models.signals import post_save

        from madang.apps.channels.models import Channel
        from madang.apps.discovery import index
        from madang.apps.videos.models import Video

        post_save.connect(index.saved, sender=Video)
        post_save.connect(index.saved, sender=Channel)
