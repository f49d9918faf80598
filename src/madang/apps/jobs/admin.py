"""Jobs in Django's admin: read-only, with cancelling and trying again."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from madang.apps.jobs import services
from madang.apps.jobs.errors import JobError
from madang.apps.jobs.models import OPEN, Job
from madang.apps.read_only_admin import ReadOnlyAdmin


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "subject", "state", "progress", "attempt", "error", "created_at")
    list_filter = ("state", "kind")
    search_fields = ("id", "subject", "error")
    date_hierarchy = "created_at"
    actions = ("cancel", "retry")

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Return False while a worker may have it: cancel it first."""
        return obj is not None and obj.state not in OPEN

    @admin.action(description=_("Cancel"), permissions=["view"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """Cancel the chosen jobs."""
        for job in jobs:
            try:
                services.cancel(job.pk)
            except JobError as error:
                messages.warning(request, str(error))

    @admin.action(description=_("Try again"), permissions=["view"])
    def retry(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """Queue the chosen jobs again."""
        for job in jobs:
            try:
                services.retry(job.pk)
            except JobError as error:
                messages.warning(request, str(error))
