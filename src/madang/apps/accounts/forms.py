"""Forms of allauth with labels of our own."""

from __future__ import annotations

from typing import Any

from allauth.account import forms
from django.utils.translation import gettext_lazy as _


class LoginForm(forms.LoginForm):  # type: ignore[misc]  # allauth has no types
    """Sign-in by name or e-mail address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("name or e-mail address")
        for field in self.fields.values():  # which would repeat the labels
            field.widget.attrs.pop("placeholder", None)
        self.fields["remember"].label = _("stay signed in")
