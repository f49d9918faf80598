"""Registration with Django."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from madang.apps.problems import INVALID_REQUEST
from madang.plan.errors import DemandError


class PlannerConfig(AppConfig):
    """The planner, which has pages and no tables."""

    name = "madang.apps.planner"
    label = "planner"
    verbose_name = _("Planner")
    problems: ClassVar = {DemandError: INVALID_REQUEST}
