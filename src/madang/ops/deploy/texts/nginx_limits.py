"""nginx: limits by address, the answers to whoever exceeds them, and logs of bounded size.

An address is an IPv4 address or the /64 of an IPv6 address. Behind one may be a household, a school
of 300 or a carrier's NAT with 2,000 people, so that nothing about watching or chatting is limited
here. See docs/decisions/0024-limits.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from madang.ops.deploy.model.layout import PROGRAM
from madang.ops.deploy.model.station_file import Station

PAGES_A_SECOND: Final = 100
PAGES_BURST: Final = 2000
"""Everybody behind a carrier's NAT opens the page within a minute."""

API_A_SECOND: Final = 300
API_BURST: Final = 3000
"""A school whose network blocks WebSockets polls once a second with 300 browsers."""

FORMS_A_SECOND: Final = 5
FORMS_BURST: Final = 400
"""Forms with a password: a school signs in at once; each costs 50 ms of a processor."""

RETRY_SECONDS: Final = 5

ACCESS_LOG: Final = "/var/log/nginx/madang-access.log"
PROBES_LOG: Final = "/var/log/nginx/madang-probes.log"
"""Requests that no client of the station makes, read by Fail2ban."""

PAGES: Final = f"{PROGRAM}/pages"
"""Folder of the answers that nginx gives by itself."""

PROBED: Final = (
    r"wp-(?:login|admin|content|includes|config|json)|xmlrpc[.]php|phpmyadmin|phpinfo|pma/"
    r"|[.](?:env|git|svn|aws|ssh|htaccess|htpasswd|DS_Store)|cgi-bin/|vendor/phpunit|boaform"
    r"|hnap1|actuator/|solr/|_ignition|owa/|ecp/|server-status|telescope/|druid/|jenkins/"
)
"""Paths of other software, as scanners try them."""


def maps(station: Station) -> str:
    """Return variables, zones and log formats of the level http."""
    return rf"""# The language of the station's own pages: by the switch, else by the browser.
map $http_accept_language $madang_accepted_language {{
    default {station.language};
    # Possessive: a header that matches nothing must not be tried in every way.
    "~*^[^a-z]*+(?:(?!en|ko)[^,]*+,\s*+)*+en" en;
    "~*^[^a-z]*+(?:(?!en|ko)[^,]*+,\s*+)*+ko" ko;
}}
map $cookie_django_language $madang_language {{
    default $madang_accepted_language;
    en      en;
    ko      ko;
}}
map $request_uri $madang_refusal_type {{
    default         html;
    ~^/(?:api|files)/ json;
}}

# The /64 of an IPv6 address is one address, as whoever has one has all of it.
map $binary_remote_addr $madang_address {{
    default $binary_remote_addr;
    "~(?s)^(?<madang_network>.{{8}}).{{8}}\z" $madang_network;
}}
map $request_method $madang_form_address {{
    default "";
    POST    $madang_address;
}}
limit_req_zone $madang_address zone=madang_pages:10m rate={PAGES_A_SECOND}r/s;
limit_req_zone $madang_address zone=madang_api:10m rate={API_A_SECOND}r/s;
limit_req_zone $madang_form_address zone=madang_forms:2m rate={FORMS_A_SECOND}r/s;
limit_req_status 429;
limit_req_log_level info;

# Lines of bounded length. Of refusals one in a hundred is logged, so that a flood is seen in the
# log and does not fill the disk.
map $request_uri $madang_log_uri {{
    default "-";
    "~(?s)^(?<madang_uri_start>.{{1,200}})" $madang_uri_start;
}}
map $http_referer $madang_log_referer {{
    default "-";
    "~(?s)^(?<madang_referer_start>.{{1,100}})" $madang_referer_start;
}}
map $http_user_agent $madang_log_agent {{
    default "-";
    "~(?s)^(?<madang_agent_start>.{{1,100}})" $madang_agent_start;
}}
map $request $madang_log_request {{
    default "-";
    "~(?s)^(?<madang_request_start>.{{1,100}})" $madang_request_start;
}}
split_clients $request_id $madang_sampled {{
    1%      yes;
    *       no;
}}
map "$status $madang_sampled" $madang_logged {{
    default 1;
    "~^(?:400|414|429|494) no" 0;
}}
log_format madang '$remote_addr - - [$time_local] "$request_method $madang_log_uri '
                  '$server_protocol" $status $body_bytes_sent "$madang_log_referer" '
                  '"$madang_log_agent"';

# What no client of the station does. Browsers say where a request comes from (Sec-Fetch-Site),
# so that no page elsewhere can have its readers counted here.
map "$status $request" $madang_garbage {{
    default 0;
    "~(?s)^400 [^ -~]" 1;
}}
map "$http_sec_fetch_site $request_uri" $madang_probe {{
    default $madang_garbage;
    "~*^ /(?:(?:blog|wordpress|wp|cms|site|web|old|new|test|dev|shop)/)?(?:{PROBED})" 1;
}}
log_format madang_probe '$remote_addr [$time_local] "$madang_log_request"';
"""


REFUSALS: Final = f"""    error_page 429 /madang-pages/busy;
    error_page 502 504 =503 /madang-pages/away;
    location /madang-pages/ {{
        internal;
        root {PAGES};
        types {{
            text/html html;
            application/problem+json json;
        }}
        charset utf-8;
        add_header Retry-After {RETRY_SECONDS} always;
        add_header Cache-Control no-store always;
        add_header X-Content-Type-Options nosniff always;
        add_header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'" always;
        try_files $uri.$madang_language.$madang_refusal_type =503;
    }}
"""
"""Part of the server: answers in the reader's language instead of nginx's own."""

_WORDS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "busy": {
        "en": (
            "Too many requests at once",
            "Very many requests came from your network within a few seconds. Shows and chats that "
            "are open go on.",
        ),
        "ko": (
            "요청이 한꺼번에 몰렸습니다",
            "몇 초 사이에 같은 네트워크에서 아주 많은 요청이 왔습니다. 보고 있는 방송과 채팅은 "
            "그대로 이어집니다.",
        ),
    },
    "away": {
        "en": ("The station is starting again", "It will answer within a few seconds."),
        "ko": ("방송국이 다시 시작하고 있습니다", "몇 초 안에 다시 열립니다."),
    },
}
_AGAIN: Final = {
    "en": ("This page tries again by itself.", "Try again"),
    "ko": ("이 페이지는 저절로 다시 시도합니다.", "다시 시도"),
}
_PROBLEMS: Final = {"busy": ("too-many-requests", 429), "away": ("away", 503)}


def pages(station: Station) -> dict[str, str]:
    """Return the answers of `REFUSALS` by path below `PAGES`."""
    found = {}
    for name, by_language in _WORDS.items():
        problem, status = _PROBLEMS[name]
        for language, (title, detail) in by_language.items():
            path = f"madang-pages/{name}.{language}"
            found[f"{path}.html"] = _page(language, title, detail)
            body = {
                "type": f"https://{station.domain}/api/problems/{problem}",
                "title": title,
                "status": status,
                "detail": detail,
                "retry_after": RETRY_SECONDS,
            }
            found[f"{path}.json"] = json.dumps(body, ensure_ascii=False) + "\n"
    return found


def _page(language: str, title: str, detail: str) -> str:
    again, button = _AGAIN[language]
    return f"""<!doctype html>
<html lang="{language}">
<head>
  <meta charset="utf-8">
  <meta http-equiv="refresh" content="{RETRY_SECONDS}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <style>
    :root {{ color-scheme: light dark; }}
    body {{
      display: grid; min-height: 100vh; margin: 0; padding: 1.5rem; box-sizing: border-box;
      place-content: center; justify-items: center; text-align: center; word-break: keep-all;
      background: light-dark(#faf5eb, #14120e); color: light-dark(#241e16, #f4ede0);
      font: 1.0625rem/1.6 -apple-system, 'Apple SD Gothic Neo', 'Segoe UI', 'Noto Sans KR',
        'Malgun Gothic', sans-serif;
    }}
    h1 {{ margin: 0; line-height: 1.25; }}
    p {{ max-width: 34rem; color: light-dark(#675c4c, #b5aa97); }}
    a {{
      border-radius: 999px; padding: 0.625rem 1.5rem; font-weight: 600; text-decoration: none;
      background: light-dark(#b8401a, #e9783f); color: light-dark(#fffaf3, #1d0f06);
    }}
  </style>
</head>
<body>
  <h1>{title}</h1>
  <p>{detail} {again}</p>
  <a href="">{button}</a>
</body>
</html>
"""
