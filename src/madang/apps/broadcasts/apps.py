"""Registration with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BroadcastsConfig(AppConfig):
    """Shows and their records."""

    name = "madang.apps.broadcasts"
    label = "broadcasts"
    verbose_name = _("Broadcasts")
