"""Accounts in Django's admin, where the last administrator is as safe as in the services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.errors import LastAdministrator
from madang.apps.accounts.models import User
from madang.apps.accounts.services import keep_an_administrator

# Django's classes take no type argument at run time.
if TYPE_CHECKING:
    UserForm = forms.ModelForm[User]
    UserAdminBase = admin.ModelAdmin[User]
else:
    UserForm = forms.ModelForm
    UserAdminBase = admin.ModelAdmin


class NewUserForm(UserForm):
    """An account with its first password."""

    password = forms.CharField(
        label=_("password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("name", "email", "admin")

    def clean_password(self) -> str:
        """The password, if it is a good one."""
        password: str = self.cleaned_data["password"]
        validate_password(password, self.instance)
        return password

    def save(self, commit: bool = True) -> User:
        """Store the password as a hash."""
        self.instance.set_password(self.cleaned_data["password"])
        return super().save(commit)


class ChangeUserForm(UserForm):
    """An account as it is; an empty new password leaves the old one."""

    new_password = forms.CharField(
        label=_("new password"),
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("name", "email", "admin", "is_active")

    def clean_new_password(self) -> str:
        """The new password, if one is given and a good one."""
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def clean(self) -> None:
        """Refuse what would leave the station without an administrator."""
        super().clean()
        loses = not (self.cleaned_data.get("admin") and self.cleaned_data.get("is_active"))
        if loses:
            with transaction.atomic():
                try:
                    keep_an_administrator(without=self.instance)
                except LastAdministrator as error:
                    raise ValidationError(str(error)) from None

    def save(self, commit: bool = True) -> User:
        """Store a new password as a hash."""
        if self.cleaned_data["new_password"]:
            self.instance.set_password(self.cleaned_data["new_password"])
        return super().save(commit)


@admin.register(User)
class UserAdmin(UserAdminBase):
    """The list of accounts."""

    list_display = ("name", "email", "admin", "is_active", "last_login")
    list_filter = ("admin", "is_active")
    search_fields = ("name", "email")
    # Deleting many at once asks nobody about each: it would get round the last administrator.
    actions = None

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: object
    ) -> type[UserForm]:
        """A new account needs a password, one that exists may keep its own."""
        return ChangeUserForm if obj else NewUserForm

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """The last administrator has no delete button."""
        if obj is not None:
            with transaction.atomic():
                try:
                    keep_an_administrator(without=obj)
                except LastAdministrator:
                    return False
        return super().has_delete_permission(request, obj)
