"""Registration with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NoticesConfig(AppConfig):
    """Notices and the outbox for mail."""

    name = "madang.apps.notices"
    label = "notices"
    verbose_name = _("Notices")
