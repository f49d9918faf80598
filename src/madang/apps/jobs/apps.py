"""Registration with Django."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from madang.apps.jobs.errors import NoSuchJob, UnfitJobState
from madang.apps.problems import NOT_FOUND, ProblemType

UNFIT_JOB_STATE = ProblemType(
    "unfit-job-state",
    409,
    _("The job is not in the right state"),
    _("What was asked for is impossible in the state of the job, which `detail` names."),
)


class JobsConfig(AppConfig):
    """Durable jobs."""

    name = "madang.apps.jobs"
    label = "jobs"
    verbose_name = _("Jobs")
    problems: ClassVar = {NoSuchJob: NOT_FOUND, UnfitJobState: UNFIT_JOB_STATE}
