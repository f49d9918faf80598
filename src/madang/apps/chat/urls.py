"""Addresses of the app."""

from __future__ import annotations

from typing import Final

from django.urls import path, re_path

from madang.apps.channels.urls import SLUG
from madang.apps.chat import emote_views, studio, views
from madang.apps.chat.api import router

_STUDIO: Final = rf"^studio/@{SLUG}/chat"

urlpatterns: Final = [
    re_path(rf"^chat/@{SLUG}$", views.window, name="chat"),
    re_path(rf"^overlay/@{SLUG}$", views.overlay, name="overlay"),
    re_path(rf"{_STUDIO}$", studio.rules, name="studio-chat"),
    re_path(rf"{_STUDIO}/settings$", studio.change_rules, name="studio-chat-settings"),
    re_path(rf"{_STUDIO}/moderators$", studio.moderators, name="studio-chat-moderators"),
    re_path(rf"{_STUDIO}/emotes$", studio.emotes, name="studio-chat-emotes"),
    re_path(rf"{_STUDIO}/bans$", studio.bans, name="studio-chat-bans"),
    re_path(rf"{_STUDIO}/delete$", studio.delete_message, name="studio-chat-delete"),
    re_path(rf"{_STUDIO}/log$", studio.record, name="studio-chat-log"),
    path("emotes/<str:name>", emote_views.picture, name="emote"),
]
api_routers: Final = [router]
