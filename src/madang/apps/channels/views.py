"""Studio home: the user's channels, and creating one."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from madang.apps.accounts.models import User
from madang.apps.channels import services
from madang.apps.channels.errors import ChannelError
from madang.apps.channels.models import SLUG_PATTERN, TITLE_LENGTH, Channel


class NewChannelForm(forms.Form):
    slug = forms.RegexField(regex=SLUG_PATTERN, label=_("address"), max_length=40)
    title = forms.CharField(label=_("title"), max_length=TITLE_LENGTH, required=False)


def signed_in(request: HttpRequest) -> User:
    """Return the account of the session. Raises PermissionDenied."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the channels that the user may manage, and create one from the form."""
    user = signed_in(request)
    form = NewChannelForm(request.POST or None)
    may_create = services.may_create_channel(user)
    if request.method == "POST" and not may_create:
        raise PermissionDenied
    if request.method == "POST" and form.is_valid():
        try:
            channel, key = services.create_channel(
                form.cleaned_data["slug"], owner=user, title=form.cleaned_data["title"]
            )
        except ChannelError as error:
            form.add_error("slug", error.message)
        else:
            return _show_key(request, channel, str(key))
    context = {
        "channels": [services.card(channel) for channel in services.channels_of(user)],
        "moderated": [services.card(channel) for channel in services.moderated_by(user)],
        "may_create": may_create,
        "form": form,
    }
    return render(request, "studio/index.html", context, status=400 if form.errors else 200)


def _show_key(request: HttpRequest, channel: Channel, key: str) -> HttpResponse:
    # No redirect: the key is shown only in this response, and must not be stored in a session.
    context = {
        "channel": services.card(channel),
        "stream_key": key,
        "publish_url": settings.MADANG_PUBLISH_URL,
    }
    return render(request, "studio/key.html", context, status=201)
