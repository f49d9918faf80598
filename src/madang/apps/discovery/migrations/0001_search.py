"""Documents of videos and channels, and their index."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models

from madang.base.words import grams, words

_DELETE = (
    " INSERT INTO discovery_grams(discovery_grams, rowid, title_grams, grams)"
    " VALUES ('delete', old.id, old.title_grams, old.grams);"
)
_INSERT = (
    " INSERT INTO discovery_grams(rowid, title_grams, grams)"
    " VALUES (new.id, new.title_grams, new.grams);"
)
_SQL = {
    "sqlite": (
        "CREATE VIRTUAL TABLE discovery_grams USING fts5(title_grams, grams,"
        " content='discovery_document', content_rowid='id', tokenize='ascii', detail='column')",
        "CREATE TRIGGER discovery_document_added AFTER INSERT ON discovery_document"
        f" BEGIN{_INSERT} END",
        "CREATE TRIGGER discovery_document_removed AFTER DELETE ON discovery_document"
        f" BEGIN{_DELETE} END",
        "CREATE TRIGGER discovery_document_changed"
        " AFTER UPDATE OF title_grams, grams ON discovery_document"
        f" BEGIN{_DELETE}{_INSERT} END",
    ),
    "postgresql": [
        statement
        for column in ("title_grams", "grams")
        for statement in (
            f"ALTER TABLE discovery_document ADD COLUMN {column}_vector tsvector GENERATED ALWAYS"
            f" AS (array_to_tsvector(string_to_array({column}, ' '))) STORED",
            f"CREATE INDEX discovery_{column} ON discovery_document USING gin ({column}_vector)",
        )
    ],
}


def create_index(apps: Any, schema_editor: Any) -> None:
    for statement in _SQL[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop_index(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE discovery_grams")  # the triggers go with their table


def fill(apps: Any, schema_editor: Any) -> None:
    documents = apps.get_model("discovery", "Document").objects
    for kind, app in (("video", "videos"), ("channel", "channels")):
        rows = apps.get_model(app, kind.capitalize()).objects.all()
        if kind == "video":
            rows = rows.exclude(state="deleted")
        for row in rows.iterator(200):
            title, text = words(row.title), words(row.description)
            documents.create(
                **{kind: row},
                at=row.created_at,
                title=" ".join(title),
                text=" ".join(text),
                title_grams=" ".join(sorted(grams(title))),
                grams=" ".join(sorted(grams([*title, *text]))),
            )


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar[list[Any]] = [
        ("channels", "0004_chat_replay"),
        ("videos", "0002_retention_clock"),
    ]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="Document",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("title", models.TextField()),
                ("text", models.TextField()),
                ("title_grams", models.TextField()),
                ("grams", models.TextField()),
                (
                    "channel",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="channels.channel",
                    ),
                ),
                (
                    "video",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="videos.video",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["-at", "-id"], name="discovery_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("video", None), ("channel", None), _connector="XOR"),
                        name="discovery_document_of_one",
                    )
                ],
            },
        ),
        migrations.RunPython(create_index, drop_index),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
