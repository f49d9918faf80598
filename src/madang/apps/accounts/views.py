"""Page of API tokens in the studio, and the authorisation of staff for a web server in front."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from madang.apps.accounts import tokens
from madang.apps.accounts.errors import InvalidToken, NoSuchToken
from madang.apps.accounts.models import User


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("name"),
        max_length=tokens.NAME_LENGTH,
        help_text=_("What uses it, so that you know which one to revoke."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("what it may do"),
        choices=(
            ("chat", _("Write in chats, and moderate where you may")),
            ("upload", _("Send files to your channels")),
            ("read", _("Read what you may read")),
            ("manage", _("Change the videos of your channels")),
        ),
        initial=["chat"],
        widget=forms.CheckboxSelectMultiple,
    )


@never_cache
@require_safe
def staff(request: HttpRequest) -> HttpResponse:
    """Authorise access to the staff's tools for a web server in front: 204, else 401 or 403."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    allowed = isinstance(request.user, User) and request.user.is_staff
    return HttpResponse(status=204 if allowed else 403)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """Show the tokens of the account, make one, revoke one."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    if goes := request.POST.get("revoke"):
        try:
            tokens.revoke(user, goes)
        except NoSuchToken as error:
            messages.error(request, str(error))
        return redirect("studio-tokens")
    form = TokenForm(request.POST or None)
    secret = None
    if form.is_valid():
        try:
            _card, secret = tokens.create(
                user, form.cleaned_data["name"], form.cleaned_data["scopes"]
            )
        except InvalidToken as error:
            form.add_error(None, str(error))
        else:
            form = TokenForm()
    context = {
        "tokens": [card for card in tokens.tokens_of(user) if card.revoked_at is None],
        "form": form,
        # No redirect: the token is readable only in this answer.
        "secret": secret,
    }
    status = 201 if secret else 400 if form.errors else 200
    return render(request, "studio/tokens.html", context, status=status)
