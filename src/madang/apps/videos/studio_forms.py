"""Forms of the studio for what belongs to a video."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from madang.apps.videos.subtitles import OFFERED, name_of


class SubtitlesForm(forms.Form):
    """A file of subtitles, its language and its name in the player's menu."""

    file = forms.FileField(
        label=_("file"),
        help_text=_("SRT, SMI or WebVTT up to 1 MB. The encoding is found out, CP949 as well."),
        widget=forms.ClearableFileInput(attrs={"accept": ".srt,.smi,.vtt,.sami,text/vtt"}),
    )
    language = forms.ChoiceField(label=_("language"), required=False)
    label = forms.CharField(
        label=_("name"),
        required=False,
        max_length=60,
        help_text=_("In the player's menu. Empty: that of the language."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["language"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("as the file says")), *((each, name_of(each)) for each in OFFERED)]


class PosterForm(forms.Form):
    """The picture shown before playback and in lists."""

    picture = forms.FileField(
        label=_("picture"),
        help_text=_("PNG, GIF, WebP or JPEG up to 1 MB, best as wide as the video."),
        widget=forms.ClearableFileInput(
            attrs={"accept": "image/png,image/gif,image/webp,image/jpeg"}
        ),
    )
