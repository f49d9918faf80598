"""Videos of channels. The media files are in a folder of the storage that is named by the id."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.models import DESCRIPTION_LENGTH, TITLE_LENGTH, Channel, station_language
from madang.recording.manifest import ID_LENGTH

TAG_LENGTH = 40


class Kind(models.TextChoices):
    """Origin of a video."""

    RECORDING = "recording", _("recording")
    UPLOAD = "upload", _("upload")
    CLIP = "clip", _("clip")


class State(models.TextChoices):
    """State of a video. `deleted`: its files are gone, the row is what remains."""

    RECORDING = "recording", _("is being recorded")
    ASKING = "asking", _("waits for your answer")
    QUEUED = "queued", _("waits for its turn")
    PROCESSING = "processing", _("is being prepared")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")
    DELETED = "deleted", _("deleted")


class Visibility(models.TextChoices):
    """Audience of a video."""

    PUBLIC = "public", _("public")
    UNLISTED = "unlisted", _("unlisted")
    PRIVATE = "private", _("private")


class Video(models.Model):
    """A video. Sizes in bytes, `duration` and `gaps` (what is missing) in seconds.

    `deleted_at` is set while it is in the bin. `temporary`: kept only so that viewers of the show
    can go back, never listed. `ask`: the owner decides at the end of the show, until `asked_until`.
    `poster_at`: when its poster was chosen, None for the automatic one.
    `storyboard`: there are pictures for its seek bar. `publish_at`: when it becomes public.

    A clip is `clip_of` a video from `clip_start`, once it is ready the true one, to `clip_end`, in
    seconds of the whole; `clip_maker` is who made it, an account or the hash of an address.

    `trim_start` and `trim_end` are where it is to be cut, in seconds of the whole. `duration`,
    `gaps` and `renditions` are those of what is left, `untrimmed` has them of the whole; `bytes`
    stay those of the files.
    `trim_view` has the true `start` and `end`, and their dates; None until they are known.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, editable=False)
    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="videos", verbose_name=_("channel")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=16, choices=State.choices)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    description = models.TextField(_("description"), blank=True, max_length=DESCRIPTION_LENGTH)
    language = models.CharField(
        _("language"), max_length=8, choices=settings.LANGUAGES, default=station_language
    )
    visibility = models.CharField(
        _("visibility"), max_length=16, choices=Visibility.choices, default=Visibility.PUBLIC
    )
    created_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    duration = models.FloatField(_("length"), default=0.0)
    bytes = models.PositiveBigIntegerField(_("size"), default=0)
    gaps = models.FloatField(_("missing"), default=0.0)
    renditions = models.JSONField(default=list)
    views = models.PositiveBigIntegerField(_("views"), default=0)
    keep = models.BooleanField(_("kept for good"), default=False)
    temporary = models.BooleanField(default=False)
    ask = models.BooleanField(default=False)
    poster_at = models.DateTimeField(null=True)
    storyboard = models.BooleanField(default=False, db_default=False)
    publish_at = models.DateTimeField(_("becomes public"), null=True)
    asked_until = models.DateTimeField(null=True)
    clip_of = models.CharField(max_length=ID_LENGTH, default="", db_default="", blank=True)
    clip_start = models.FloatField(null=True)
    clip_end = models.FloatField(null=True)
    clip_maker = models.CharField(max_length=32, default="", db_default="", blank=True)
    trim_start = models.FloatField(null=True)
    trim_end = models.FloatField(null=True)
    trim_view = models.JSONField(null=True)
    untrimmed = models.JSONField(null=True)
    deleted_at = models.DateTimeField(_("in the bin since"), null=True)

    class Meta:
        verbose_name = _("video")
        verbose_name_plural = _("videos")
        ordering = ("-created_at", "-pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["channel", "-created_at", "-id"], name="videos_of_a_channel"),
            models.Index(fields=["-created_at", "-id"], name="videos_newest"),
            models.Index(fields=["deleted_at"], name="videos_in_the_bin"),
            models.Index(
                fields=["clip_maker", "created_at"],
                name="clips_of_a_maker",
                condition=models.Q(kind="clip"),
            ),
            models.Index(
                fields=["publish_at"],
                name="videos_to_publish",
                condition=models.Q(publish_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.id


class Subtitles(models.Model):
    """A text track of a video, as WebVTT. `language` is a tag of RFC 5646, `stream` the number of
    the track in the file that was uploaded; None where somebody added it."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, editable=False)
    video = models.ForeignKey(
        Video, on_delete=models.CASCADE, related_name="subtitles", verbose_name=_("video")
    )
    language = models.CharField(_("language"), max_length=20)
    label = models.CharField(_("name"), max_length=60)
    stream = models.PositiveSmallIntegerField(null=True)
    cues = models.PositiveIntegerField(default=0)
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("created_at", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["video", "stream"], name="one_subtitles_of_a_stream")
        ]

    def __str__(self) -> str:
        return f"{self.video_id} {self.language}"


class Tag(models.Model):
    """A tag of a video; equal `key`s, its words as search compares them, are the same tag."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(_("tag"), max_length=TAG_LENGTH)
    key = models.CharField(max_length=4 * TAG_LENGTH)

    class Meta:
        ordering = ("pk",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["key"], name="videos_with_a_tag")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["video", "key"], name="videos_tag_once")
        ]

    def __str__(self) -> str:
        return self.name


class Poster(models.Model):
    """The poster that somebody chose for a video, as JPEG."""

    video = models.OneToOneField(
        Video, on_delete=models.CASCADE, primary_key=True, related_name="poster"
    )
    picture = models.BinaryField()

    def __str__(self) -> str:
        return self.video_id


class RemovalReason(models.TextChoices):
    """Why a video went to the bin: by hand, without an answer, or by a rule of retention."""

    HAND = "hand", _("deleted by hand")
    UNANSWERED = "unanswered", _("nobody answered whether to keep it")
    AGE = "age", _("over its age")
    VIEWS = "views", _("too few have watched it")
    CHANNEL_SPACE = "channel_space", _("too little room for the channel")
    SPACE = "space", _("too little room")


class Removal(models.Model):
    """A video that went to the bin, with its size in bytes and its views then. Outlives it.

    `restored_at`: taken out again. `files_deleted_at`: its files are gone.
    """

    video_id = models.CharField(_("video"), max_length=ID_LENGTH)
    channel = models.CharField(_("channel"), max_length=40)
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    bytes = models.PositiveBigIntegerField(_("size"))
    views = models.PositiveBigIntegerField(_("views"))
    reason = models.CharField(_("reason"), max_length=16, choices=RemovalReason.choices)
    at = models.DateTimeField(_("time"))
    restored_at = models.DateTimeField(_("taken out"), null=True)
    files_deleted_at = models.DateTimeField(_("files deleted"), null=True)

    class Meta:
        verbose_name = _("removal of a video")
        verbose_name_plural = _("removals of videos")
        ordering = ("-at", "-pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["video_id"], name="removals_of_a_video"),
            models.Index(fields=["-at", "-id"], name="removals_newest"),
        ]

    def __str__(self) -> str:
        return self.video_id


class BulkChange(models.Model):
    """A change of several videos, to be taken back: `before` has, for each that was changed, its id
    and the values of fields before and after."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    before = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["at"], name="bulk_changes")]

    def __str__(self) -> str:
        return self.id


class RetentionClock(models.Model):
    """The only row: when retention ran last, and steps of the clock that do not count as age, as
    pairs of time (seconds since 1970) and seconds."""

    seen_at = models.DateTimeField()
    steps = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.seen_at.isoformat()
