"""Migrations leave room for the release that still runs while the next one is brought in."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("station")


def added_fields() -> list[Any]:
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.operations import AddField

    migrations = MigrationLoader(None).disk_migrations
    return [
        (f"{app}.{name}", operation.model_name, operation.name, operation.field)
        for (app, name), migration in migrations.items()
        if migration.__module__.startswith("madang.")
        for operation in migration.operations
        if isinstance(operation, AddField)
    ]


def test_an_older_release_can_insert_rows_without_columns_that_were_added() -> None:
    from django.db.models import NOT_PROVIDED, ManyToManyField

    found = added_fields()
    assert len(found) >= 10
    strict = [
        (migration, model, name)
        for migration, model, name, field in found
        if not isinstance(field, ManyToManyField)
        and not field.null
        and field.db_default is NOT_PROVIDED
    ]
    assert strict == []
