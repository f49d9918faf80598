"""Common parts of the studio's chat and webhook pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest

from madang.apps.accounts.models import User
from madang.apps.channels import services as channels
from madang.apps.channels.errors import NoSuchChannel
from madang.apps.channels.models import Channel
from madang.apps.channels.views import signed_in
from madang.apps.chat import services
from madang.base.errors import MadangError


def room_of(request: HttpRequest, slug: str, *, owner: bool = False) -> tuple[Channel, User]:
    """Return the channel and the user, for moderators or only for managers (`owner`)."""
    user = signed_in(request)
    try:
        channel = channels.get_channel(slug)
    except NoSuchChannel:
        raise Http404 from None
    if not services.role_of(channel, user).moderates:
        raise PermissionDenied
    if owner and not services.may_manage(channel, user):
        raise PermissionDenied
    return channel, user


def attempt(
    form: Form, act: Callable[[Mapping[str, Any]], object], field: str | None = None
) -> bool:
    """Call `act` with a valid form; return whether it succeeded. Its error is added to `field`, or
    above the form."""
    if not form.is_valid():
        return False
    try:
        act(form.cleaned_data)
    except MadangError as error:
        form.add_error(field, str(error))
        return False
    return True
