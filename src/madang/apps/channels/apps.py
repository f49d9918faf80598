"""Registration with Django."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.errors import ChannelError, InvalidChannel, NoSuchChannel, SlugTaken
from madang.apps.problems import INVALID_REQUEST, ProblemType

UNKNOWN_CHANNEL = ProblemType(
    "unknown-channel",
    404,
    _("There is no such channel"),
    _("No channel of this station has this slug."),
)
SLUG_TAKEN = ProblemType(
    "slug-taken", 409, _("The address is taken"), _("Another channel has this slug already.")
)
UNFIT_CHANNEL = ProblemType(
    "unfit-channel",
    422,
    _("The channel's details do not fit"),
    _("The slug, title, description or language does not follow the rules that `detail` names."),
)


class ChannelsConfig(AppConfig):
    """Channels and stream keys."""

    name = "madang.apps.channels"
    label = "channels"
    verbose_name = _("Channels")
    problems: ClassVar = {
        NoSuchChannel: UNKNOWN_CHANNEL,
        SlugTaken: SLUG_TAKEN,
        InvalidChannel: UNFIT_CHANNEL,
        ChannelError: INVALID_REQUEST,
    }
