"""Accounts in Django's admin, with the rules of the services about the last administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.errors import LastAdministrator, NameTaken
from madang.apps.accounts.models import User, normalize_name
from madang.apps.accounts.services import require_another_administrator, require_distinct_name

# Django's classes are not generic at run time.
if TYPE_CHECKING:
    UserForm = forms.ModelForm[User]
    UserAdminBase = admin.ModelAdmin[User]
else:
    UserForm = forms.ModelForm
    UserAdminBase = admin.ModelAdmin


def distinct_name(form: UserForm) -> str:
    """Return the name in a form. Raises ValidationError if it looks like another account's."""
    name = normalize_name(form.cleaned_data["name"])
    if name != form.initial.get("name"):
        try:
            require_distinct_name(User(pk=form.instance.pk, name=name))
        except NameTaken as error:
            raise ValidationError(str(error)) from None
    return name


class NewUserForm(UserForm):
    """Form of a new account, with its first password."""

    password = forms.CharField(
        label=_("password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("name", "email", "admin")

    clean_name = distinct_name

    def clean_password(self) -> str:
        """Validate the password."""
        password: str = self.cleaned_data["password"]
        validate_password(password, self.instance)
        return password

    def save(self, commit: bool = True) -> User:
        """Store the password as a hash."""
        self.instance.set_password(self.cleaned_data["password"])
        return super().save(commit)


class ChangeUserForm(UserForm):
    """Form of an account; an empty new password keeps the old one."""

    new_password = forms.CharField(
        label=_("new password"),
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("name", "email", "admin", "is_active")

    clean_name = distinct_name

    def clean_new_password(self) -> str:
        """Validate the new password, if one is given."""
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def clean(self) -> None:
        """Refuse a change that leaves no administrator."""
        super().clean()
        loses = not (self.cleaned_data.get("admin") and self.cleaned_data.get("is_active"))
        if loses:
            with transaction.atomic():
                try:
                    require_another_administrator(without=self.instance)
                except LastAdministrator as error:
                    raise ValidationError(str(error)) from None

    def save(self, commit: bool = True) -> User:
        """Store a new password as a hash."""
        if self.cleaned_data["new_password"]:
            self.instance.set_password(self.cleaned_data["new_password"])
        return super().save(commit)


@admin.register(User)
class UserAdmin(UserAdminBase):
    list_display = ("name", "email", "admin", "is_active", "last_login")
    list_filter = ("admin", "is_active")
    search_fields = ("name", "email")
    # Bulk deletion would bypass the check for the last administrator.
    actions = None

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: object
    ) -> type[UserForm]:
        """Return the form with a required password for a new account, an optional one otherwise."""
        return ChangeUserForm if obj else NewUserForm

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Deny deletion of the last administrator."""
        if obj is not None:
            with transaction.atomic():
                try:
                    require_another_administrator(without=obj)
                except LastAdministrator:
                    return False
        return super().has_delete_permission(request, obj)
