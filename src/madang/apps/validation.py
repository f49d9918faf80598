"""Validation errors of models as one sentence."""

from __future__ import annotations

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model
from django.utils.text import capfirst


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
