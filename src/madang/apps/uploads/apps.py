"""Registration with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class UploadsConfig(AppConfig):
    """Uploads."""

    name = "madang.apps.uploads"
    label = "uploads"
    verbose_name = _("Uploads")
