"""Every address of the control plane; those of the data plane are in `servers`."""

from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from madang.apps import problems
from madang.apps.accounts import views as accounts_views
from madang.apps.broadcasts import studio, views
from madang.apps.channels import views as channels
from madang.apps.chat import emote_views
from madang.apps.chat import studio as chat_studio
from madang.apps.chat import views as chat
from madang.apps.planner import views as planner
from madang.apps.webhooks import views as webhooks
from madang.station.django import account_urls, api

_SLUG = r"(?P<slug>[a-z0-9][a-z0-9_-]{1,39})"

admin.site.site_header = admin.site.site_title = "Madang"

handler500 = "madang.station.django.error_views.answer"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    # Asked for by browsers themselves beside pages that name no icon: the admin, the API's answers.
    path("favicon.ico", RedirectView.as_view(url=static("icon.svg"))),
    re_path(rf"^@{_SLUG}$", views.channel, name="channel"),
    re_path(rf"^embed/@{_SLUG}$", views.embed, name="embed"),
    re_path(rf"^chat/@{_SLUG}$", chat.window, name="chat"),
    re_path(rf"^overlay/@{_SLUG}$", chat.overlay, name="overlay"),
    path("studio/", channels.index, name="studio"),
    path("studio/tokens", accounts_views.api_tokens, name="studio-tokens"),
    re_path(rf"^studio/@{_SLUG}$", studio.channel_page, name="studio-channel"),
    re_path(rf"^studio/@{_SLUG}/details$", studio.details, name="studio-details"),
    re_path(rf"^studio/@{_SLUG}/key$", studio.key, name="studio-key"),
    re_path(rf"^studio/@{_SLUG}/health\.json$", studio.stream_health, name="studio-health"),
    re_path(rf"^studio/@{_SLUG}/chat$", chat_studio.rules, name="studio-chat"),
    re_path(
        rf"^studio/@{_SLUG}/chat/settings$", chat_studio.change_rules, name="studio-chat-settings"
    ),
    re_path(
        rf"^studio/@{_SLUG}/chat/moderators$", chat_studio.moderators, name="studio-chat-moderators"
    ),
    re_path(rf"^studio/@{_SLUG}/chat/emotes$", chat_studio.emotes, name="studio-chat-emotes"),
    re_path(rf"^studio/@{_SLUG}/chat/bans$", chat_studio.bans, name="studio-chat-bans"),
    re_path(rf"^studio/@{_SLUG}/chat/log$", chat_studio.record, name="studio-chat-log"),
    re_path(rf"^studio/@{_SLUG}/webhooks$", webhooks.index, name="studio-webhooks"),
    re_path(
        rf"^studio/@{_SLUG}/webhooks/(?P<webhook>[0-9]{{1,18}})$",
        webhooks.one,
        name="studio-webhook",
    ),
    path("plan/", planner.page, name="plan"),
    path("ops/staff", accounts_views.staff, name="staff"),
    path("emotes/<str:name>", emote_views.picture, name="emote"),
    path("accounts/", include(account_urls.urlpatterns)),
    path("admin/login/", account_urls.admin_login),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/problems/<slug:name>", problems.explain, name="problem"),
    path("api/docs", api.docs, name="api-docs"),
    path("api/v1/", api.api.urls),
    re_path(r"^api/(?P<rest>.*)$", api.nothing_here),
]
