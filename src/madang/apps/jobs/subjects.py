"""Whose jobs are whose: apps say which subjects an account owns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from django.db.models import Q, QuerySet

from madang.apps.accounts.models import User
from madang.apps.jobs.models import Job

SubjectsOf: TypeAlias = Callable[[User], "QuerySet[Any, Any]"]
"""Returns a query of one column: the subjects that an account owns."""

_registered: list[SubjectsOf] = []


def register(subjects_of: SubjectsOf) -> None:
    """Let owners see the jobs about what they own. Call in `AppConfig.ready`."""
    _registered.append(subjects_of)


def visible_to(user: User) -> QuerySet[Job]:
    """Return the jobs that an account may see and cancel: all for administrators."""
    if user.admin:
        return Job.objects.all()
    own = Q(pk__in=())
    for subjects_of in _registered:
        own |= Q(subject__in=subjects_of(user))
    return Job.objects.filter(own)
