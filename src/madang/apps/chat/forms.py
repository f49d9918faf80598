"""Forms of the studio's chat pages."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from madang.apps.chat.services import LONGEST_RETENTION
from madang.chat.word_filter import MOST_WORDS, WORD_LENGTH

LINKS: Final = (
    ("all", _("Everybody")),
    ("moderators", _("Moderators")),
    ("off", _("Nobody")),
)
SLOW: Final = (0, 3, 5, 10, 30, 60, 120, 300, 600)
"""Choices of slow mode, in seconds, beside the value in force."""


class RulesForm(forms.Form):
    """The mode of a chat, its unwanted words and its retention."""

    slow = forms.TypedChoiceField(label=_("slow mode"), coerce=int)
    links = forms.ChoiceField(label=_("who may send links"), choices=LINKS)
    guests = forms.BooleanField(label=_("people without an account may write"), required=False)
    members_only = forms.BooleanField(label=_("only members may write"), required=False)
    emote_only = forms.BooleanField(label=_("only emotes may be sent"), required=False)
    retention_days = forms.IntegerField(
        label=_("keep messages for so many days"),
        min_value=1,
        max_value=LONGEST_RETENTION,
        help_text=_("Those of a show stay as long as its video."),
    )
    words = forms.CharField(
        label=_("words that are not allowed"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text=_(
            "One in each line. Spaces, signs between the letters and separated Korean letters do"
            " not get around it."
        ),
    )

    def __init__(self, *args: Any, current: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = sorted({*SLOW, current})
        self.fields["slow"].choices = [(each, _slow_in_words(each)) for each in offered]  # type: ignore[attr-defined]  # it is a choice field

    def clean_words(self) -> list[str]:
        """Return the words, each once, in the order of the lines."""
        lines = [line.strip() for line in self.cleaned_data["words"].splitlines()]
        words = list(dict.fromkeys(line for line in lines if line))
        if len(words) > MOST_WORDS:
            raise forms.ValidationError(
                _("At most %(most)s words.") % {"most": MOST_WORDS}, code="too_many"
            )
        if long := next((word for word in words if len(word) > WORD_LENGTH), None):
            raise forms.ValidationError(
                _("“%(word)s” is too long.") % {"word": f"{long[:20]}…"}, code="too_long"
            )
        return words


class ModeratorForm(forms.Form):
    """The account of a new moderator."""

    account = forms.CharField(label=_("name of the account"), max_length=32)


class EmoteForm(forms.Form):
    """The name and the picture of a new emote."""

    name = forms.RegexField(
        regex=r"^[a-z0-9_]{2,32}\Z",
        label=_("name"),
        max_length=32,
        error_messages={"invalid": _("2 to 32 of a to z, digits or _.")},
        help_text=_("People write it between colons."),
    )
    picture = forms.FileField(
        label=_("picture"),
        help_text=_("PNG, GIF, WebP or JPEG up to 1 MB. It is made as high as a line of text."),
        widget=forms.ClearableFileInput(
            attrs={"accept": "image/png,image/gif,image/webp,image/jpeg"}
        ),
    )


def in_words(seconds: int) -> str:
    """Return a duration in words, such as "2 hours", in the largest unit that fits exactly."""
    if seconds >= 86_400 and seconds % 86_400 == 0:
        days = seconds // 86_400
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    if seconds >= 3_600 and seconds % 3_600 == 0:
        hours = seconds // 3_600
        return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    if seconds >= 60 and seconds % 60 == 0:
        minutes = seconds // 60
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    return ngettext("%(n)s second", "%(n)s seconds", seconds) % {"n": seconds}


def _slow_in_words(seconds: int) -> Any:
    if seconds == 0:
        return _("Off")
    return gettext("One message in %(time)s") % {"time": in_words(seconds)}
