"""Django's settings, built from the station's. See `boot.start_django`."""

from __future__ import annotations

import secrets
from typing import Any, Final
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

from madang.apps.notices.server_url import MailServer
from madang.station.boot import web_folder
from madang.station.config import active_settings, data_folder
from madang.station.django.apps import APPS
from madang.station.stores import databases

_station: Final = active_settings.active()
_web: Final = web_folder()
_public: Final = _station.public_url
_https: Final = _public.startswith("https://")

MADANG_NAME: Final = _station.station.name
MADANG_PUBLIC_URL: Final = _public
MADANG_PUBLISH_URL: Final = _station.publish_url
MADANG_CATALOGUE: Final = _station.catalogue_file
MADANG_BENCHMARKS: Final = _station.benchmarks_file
MADANG_PLANNED_DEMAND: Final = _station.planned_demand
MADANG_KRW: Final = (_station.plan.krw_per_usd, _station.plan.krw_date)

MADANG_MEDIA_FOLDER: Final = _station.media_folder
MADANG_RECORD: Final = _station.recording.record
MADANG_RETENTION_DAYS: Final = _station.recording.retention_days
MADANG_RETENTION: Final = _station.retention
MADANG_RESERVE_BYTES: Final = int(_station.recording.reserve_gb * 1_000_000_000)
MADANG_UPLOAD_CHUNK_MB: Final = _station.uploads.chunk_mb

MADANG_WEBHOOKS_REACH: Final = _station.reach
"""Limit of where addresses of webhooks may lead, a value of `Reach`."""

DEBUG = False
# A tool that only imports this module (mypy) has no data folder: it gets a key for its own life.
SECRET_KEY = data_folder.secret_key(_station) or secrets.token_urlsafe(data_folder.SECRET_BYTES)
ROOT_URLCONF = "madang.station.django.urls"
WSGI_APPLICATION = "madang.station.django.wsgi.application"

INSTALLED_APPS = [
    *APPS,
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "csp",
    "django_vite",
    "ninja",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "madang.station.django.methods.page_methods",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_web / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "madang.station.django.context_processors.station",
            ]
        },
    }
]

# --- data -----------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **databases.django_database(_station, active_settings.connections()),
        # Services open their own transactions. One around every request would make every reader
        # take the write lock.
        "ATOMIC_REQUESTS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES: dict[str, dict[str, Any]] = databases.django_caches(_station)
if "sessions" in CACHES:
    SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    SESSION_CACHE_ALIAS = "sessions"

# --- who is there ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "madang.apps.accounts.backends.AccountBackend",
    # Sessions of versions before name it; nobody signs in by it.
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name", "email")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 8},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/studio/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "madang.apps.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {"login": "madang.apps.accounts.forms.LoginForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = "name"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PRESERVE_USERNAME_CASING = True
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
# Counted by `madang.apps.accounts.sign_in_limits`.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}

# --- browsers -------------------------------------------------------------------------------------


def _as_host_header(host: str) -> str:
    return f"[{host}]" if ":" in host else host


_loopback = ["localhost", "127.0.0.1", "[::1]"]
if _station.http.public_url is not None:
    ALLOWED_HOSTS = [*_loopback, _as_host_header(urlsplit(_public).hostname or "")]
    CSRF_TRUSTED_ORIGINS = [_public]
elif _station.http.bind.everywhere:
    # A newcomer opens the station by whatever name the machine has in the local network.
    ALLOWED_HOSTS = ["*"]
else:
    ALLOWED_HOSTS = [*_loopback, _as_host_header(_station.http.bind.host)]

SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _https
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # forms and JSON; larger bodies have their own endpoints

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        # The player's controls style their shadow trees from within.
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF, "blob:"],
        # Older Safari does not count a WebSocket of the same host as 'self'.
        "connect-src": [SELF, "ws" + _public.removeprefix("http")],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- mail -----------------------------------------------------------------------------------------

_mail: Final = _station.mail
_mail_server: Final = MailServer.parse(_mail.url) if _mail.url is not None else None
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = _mail_server.host if _mail_server is not None else ""
DEFAULT_FROM_EMAIL = _mail.sender or ""
EMAIL_TIMEOUT = 10.0
if _mail_server is not None:
    EMAIL_PORT = _mail_server.port
    EMAIL_HOST_USER = _mail_server.user
    EMAIL_HOST_PASSWORD = _mail_server.password
    EMAIL_USE_SSL = _mail_server.tls
    EMAIL_USE_TLS = _mail_server.starttls

# --- words and files ------------------------------------------------------------------------------

LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LANGUAGE_CODE = _station.station.language
LOCALE_PATHS = [_web / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = _station.station.time_zone

STATIC_URL = "/static/"
STATICFILES_DIRS = [_web / "static"]
DJANGO_VITE: dict[str, dict[str, Any]] = {
    "default": {
        "static_url_prefix": "dist",
        "manifest_path": _web / "static" / "dist" / "manifest.json",
    }
}

# The station's own log set-up writes; Django only says what happened.
LOGGING_CONFIG = None
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # names are unique by a constraint on their lower-case form
]
