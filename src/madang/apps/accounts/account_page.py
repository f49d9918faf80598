"""One's own account."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from madang.apps.accounts import services, tokens
from madang.apps.accounts.errors import AccountError
from madang.apps.accounts.models import User


class EmailForm(forms.Form):
    email = forms.EmailField(
        label=_("e-mail address"),
        required=False,
        help_text=_("You can sign in with it. Administrators are told by mail what goes wrong."),
    )


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]  # allauth has no types
def account(request: HttpRequest) -> HttpResponse:
    """Show the account, and change its e-mail address once the password has been typed again."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    form = EmailForm(request.POST or None, initial={"email": user.email})
    if request.method == "POST" and form.is_valid():
        try:
            services.set_email(user, form.cleaned_data["email"])
        except AccountError as error:
            form.add_error("email", str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("account")
    active = [card for card in tokens.tokens_of(user) if card.revoked_at is None]
    context = {"form": form, "tokens": len(active)}
    return render(request, "account/page.html", context, status=400 if form.errors else 200)
