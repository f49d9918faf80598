"""Validation errors of models: lengths that the database refuses, and texts for people."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DataError, transaction
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _


def save(instance: Model, update_fields: Collection[str] | None = None) -> None:
    """Save in a savepoint. Raises ValidationError for the fields that are too long.

    A database that is not in UTF-8 counts bytes, where the fields count characters.
    """
    try:
        with transaction.atomic():
            instance.save(update_fields=update_fields)
    except DataError:
        long = {
            field.name: _("This is too long for the station's database.")
            for field in instance._meta.concrete_fields
            if field.max_length
            and len(str(getattr(instance, field.attname)).encode()) > field.max_length
        }
        if not long:
            raise
        raise ValidationError(long) from None


def in_one_sentence(error: ValidationError, model: type[Model]) -> str:
    """Return the texts of `error` in the active language, with the fields' labels."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        " ".join(texts) if name == NON_FIELD_ERRORS else f"{_label(model, name)}: {' '.join(texts)}"
        for name, texts in error.message_dict.items()
    )


def _label(model: type[Model], name: str) -> str:
    return capfirst(str(getattr(model._meta.get_field(name), "verbose_name", name)))
