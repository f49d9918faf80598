"""Every address of the control plane; those of the data plane are in `servers`."""

from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView
from django.views.i18n import set_language

from madang.apps import problems
from madang.station.django import account_urls, api, apps

admin.site.site_header = admin.site.site_title = "Madang"

handler500 = "madang.station.django.error_views.answer"

urlpatterns: list[URLPattern | URLResolver] = [
    *(path("", include(f"{app}.urls")) for app in apps.APPS),
    # Asked for by browsers themselves beside pages that name no icon: the admin, the API's answers.
    path("favicon.ico", RedirectView.as_view(url=static("icon.svg"))),
    path("accounts/", include(account_urls.urlpatterns)),
    path("admin/login/", account_urls.admin_login),
    path("admin/", admin.site.urls),
    # Without a token, as its cookie would keep anonymous pages out of caches: what another site can
    # change here is a language.
    path("i18n/setlang/", csrf_exempt(set_language), name="set_language"),
    path("api/problems/<slug:name>", require_safe(problems.explain), name="problem"),
    path("api/docs", require_safe(api.docs), name="api-docs"),
    path("api/v1/openapi.json", require_safe(api.schema)),
    path("api/v1/", api.api.urls),
    re_path(r"^api/(?P<rest>.*)$", api.nothing_here),
]
