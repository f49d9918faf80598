"""nginx: TLS, pages, streams and chat on one host name."""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.model.layout import (
    INTERNAL_PREFIX,
    MEDIA,
    NETDATA_PORT,
    PORTS,
    STATIC_FILES,
    StationMachine,
    with_role,
)
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.texts import HEADER
from madang.ops.deploy.texts import nginx_limits as limits
from madang.ops.deploy.texts.service import TLS

NGINX_USER: Final = "www-data"

CHALLENGES: Final = "/var/www/madang-acme"
"""Folder of the ACME challenges."""

CLOUDFLARE: Final = (
    *("173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22"),
    *("141.101.64.0/18", "108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20"),
    *("197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13"),
    *("104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22"),
    *("2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32"),
    *("2405:8100::/32", "2a06:98c0::/29", "2c0f:f248::/32"),
)
"""Published at https://www.cloudflare.com/ips/ (last changed in 2023)."""

CONNECTIONS: Final = 16384
"""Per worker: a viewer has two or three connections, each with one to the station."""

REQUESTS_PER_CONNECTION: Final = 100_000
"""A player asks some six times a second; the default of 1,000 reconnects it every few minutes."""

WITH_BROTLI: Final = (1, 22)
"""Version of nginx since which distributions have a module for brotli."""

GZIP_TAKEN: Final = r"~*(^|[\s,])gzip\s*(;\s*q=(1|0[.]0*[1-9])[0-9.]*\s*)?(,|$)"
"""Pattern of an Accept-Encoding that allows gzip (RFC 9110, section 12.5.3)."""

CACHED: Final = """        proxy_cache madang_cache;
        # Language and compression are in the key, what is personal goes past the cache.
        proxy_ignore_headers Vary;
        proxy_cache_key "$madang_encoding $madang_language $host$request_uri";
        proxy_cache_methods GET HEAD;
        proxy_cache_bypass $madang_personal;
        proxy_no_cache $madang_personal;
        proxy_cache_lock on;
        proxy_cache_use_stale updating error timeout http_502 http_503;
        add_header X-Cache $upstream_cache_status;
"""
"""Cache of answers that the station marks as cacheable, for anonymous readers."""

_FILE: Final = r"\w{12}/[\w-]{1,32}/[1-9][0-9]{0,4}[.]mp4"
"""Pattern of the path of a video's file, here and in the storage."""

INTERNAL_MEDIA: Final = f"""    # Files that the station, asked at /vod/, tells nginx to send.
    # Nobody can ask for them here. Threads read, as a disk may be slow.
    location {INTERNAL_PREFIX} {{
        internal;
        alias {MEDIA}/;
        disable_symlinks on from={MEDIA}/;
        aio threads;
        sendfile_max_chunk 2m;
        add_header Access-Control-Allow-Origin $upstream_http_access_control_allow_origin;
        add_header Access-Control-Expose-Headers $upstream_http_access_control_expose_headers;
        add_header X-Content-Type-Options nosniff;
        access_log off;
    }}

    # A player asks for each segment of a file: nginx asks the station once in a while. What
    # everybody may watch is remembered as long as the station says; anything else it answers.
    location ~ "^/vod/{_FILE}$" {{
        if ($request_method !~ "^(GET|HEAD)$") {{
            return 405;
        }}
        set $madang_video $uri;
        auth_request /vod-permission;
        auth_request_set $madang_file_told $upstream_http_x_accel_redirect;
        auth_request_set $madang_file_type $upstream_http_content_type;
        auth_request_set $madang_file_caching $upstream_http_cache_control;
        auth_request_set $madang_file_origins $upstream_http_access_control_allow_origin;
        auth_request_set $madang_file_fields $upstream_http_access_control_expose_headers;
        error_page 401 403 405 500 = @vod;
        types {{
            video/mp4 mp4;
        }}
        root {MEDIA};
        try_files $madang_file @vod;
        disable_symlinks on from={MEDIA};
        aio threads;
        sendfile_max_chunk 2m;
        add_header Cache-Control $madang_file_caching;
        add_header Access-Control-Allow-Origin $madang_file_origins;
        add_header Access-Control-Expose-Headers $madang_file_fields;
        add_header X-Content-Type-Options nosniff;
        access_log off;
    }}
    location = /vod-permission {{
        internal;
        proxy_pass http://madang_files$madang_video;
        proxy_method GET;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto https;
        proxy_set_header X-Madang-Permission 1;
        proxy_ignore_headers X-Accel-Redirect Vary;
        proxy_cache madang_cache;
        proxy_cache_key "permission $madang_video";
        proxy_cache_lock on;
    }}
    location @vod {{
        proxy_pass http://madang_files;
        proxy_buffering off;
        proxy_read_timeout 120s;
        access_log off;
    }}
"""
"""Part of the server where nginx and the media are on one machine."""

INTERNAL_FILES: Final = f"""# Path in the storage of a file that nginx may send; nothing where the
# station sends it.
map "$madang_file_type $madang_file_told" $madang_file {{
    default '';
    "~^video/mp4 {INTERNAL_PREFIX.rstrip("/")}(?<madang_path>/recordings/{_FILE})$" $madang_path;
}}

"""

NO_NETDATA: Final = (
    "Netdata does not answer on this server. Debian 13 does not have it among its packages; "
    "elsewhere look at: systemctl status netdata\\n"
    "이 서버에서 Netdata가 응답하지 않습니다. Debian 13에는 Netdata 패키지가 없습니다. "
    "다른 배포판이라면 systemctl status netdata를 확인하세요.\\n"
)
"""In both languages, as nginx does not know the administrator's."""


def main(station: Station) -> str:
    """nginx.conf without anything of the station, so that other sites can be added."""
    real = ""
    if station.cloudflare:
        real = "".join(f"    set_real_ip_from {network};\n" for network in CLOUDFLARE)
        real += "    real_ip_header CF-Connecting-IP;\n"
    return f"""{HEADER}
user {NGINX_USER};
worker_processes auto;
worker_rlimit_nofile {CONNECTIONS * 4};
pid /run/nginx.pid;
include /etc/nginx/modules-enabled/*.conf;

events {{
    worker_connections {CONNECTIONS};
}}

http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    server_tokens off;
    server_names_hash_bucket_size 128;
    keepalive_timeout 65s;
    keepalive_requests {REQUESTS_PER_CONNECTION};
    client_header_timeout 15s;
    client_body_timeout 30s;
    send_timeout 30s;
    reset_timedout_connection on;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers off;
    ssl_session_cache shared:tls:10m;
    ssl_session_timeout 1d;
    ssl_session_tickets off;
    gzip on;
    gzip_vary on;
    gzip_proxied any;
    gzip_comp_level 4;
    gzip_min_length 1024;
    gzip_types text/css text/javascript application/javascript application/json image/svg+xml;
{real}    access_log off;
    error_log /var/log/nginx/error.log warn;
    include /etc/nginx/conf.d/*.conf;
}}
"""


def site(station: Station, machine: StationMachine, version: tuple[int, int]) -> str:
    """The station's servers, upstreams and limits, for nginx of `version`."""
    http2 = "listen 443 ssl http2{};\n    listen [::]:443 ssl http2{};"
    if version >= (1, 26):
        http2 = "listen 443 ssl{};\n    listen [::]:443 ssl{};\n    http2 on;"
    reject = "ssl_reject_handshake on;"
    if version < (1, 20):
        certificate = f"ssl_certificate {TLS}/fullchain.pem;\n    ssl_certificate_key"
        reject = f"{certificate} {TLS}/privkey.pem;\n    return 444;"
    media, files = (INTERNAL_MEDIA, INTERNAL_FILES) if machine.sends_media else ("", "")
    brotli = "\n        brotli_static on;" if version >= WITH_BROTLI else ""
    upstreams = ""
    for role in ("web", "live", "chat", "files"):
        target = with_role(station, role)
        own = role if role in target.roles else "all"
        address = target.address_for(machine)
        address = f"[{address}]" if ":" in address else address
        # max_fails=0: a restarting station is tried again at once, not after ten seconds.
        upstreams += f"""upstream madang_{role} {{
    server {address}:{PORTS[own]} max_fails=0;
    keepalive 64;
    keepalive_requests {REQUESTS_PER_CONNECTION};
}}
"""
    return f"""{HEADER}
map $http_upgrade $madang_connection {{
    default upgrade;
    ''      '';
}}

# What the station is asked for: answers are kept as it has compressed them.
map $http_accept_encoding $madang_encoding {{
    default '';
    "{GZIP_TAKEN}" gzip;
}}

# Whoever is signed in, shows a token, or has a notice waiting is answered for himself alone.
map "$http_authorization$cookie_sessionid$cookie_messages" $madang_personal {{
    default 1;
    ''      0;
}}

{files}{limits.maps(station)}
# What nobody asked for within fifteen seconds is forgotten, so that nothing older is ever shown.
proxy_cache_path /var/cache/nginx-madang levels=1:2 keys_zone=madang_cache:5m max_size=100m
                 inactive=15s use_temp_path=off;

{upstreams}
server {{
    listen 80 default_server;
    listen [::]:80 default_server;
    server_name {station.domain};
    access_log {limits.PROBES_LOG} madang_probe if=$madang_garbage;
    location /.well-known/acme-challenge/ {{
        root {CHALLENGES};
    }}
    location / {{
        return 301 https://{station.domain}$request_uri;
    }}
}}

# Names that are not ours get nothing: no page and, where nginx can, no certificate.
server {{
    {http2.format(*[" default_server"] * 2)}
    server_name _;
    {reject}
}}

server {{
    {http2.format("", "")}
    server_name {station.domain};
    ssl_certificate {TLS}/fullchain.pem;
    ssl_certificate_key {TLS}/privkey.pem;
    access_log {limits.ACCESS_LOG} madang if=$madang_logged;
    access_log {limits.PROBES_LOG} madang_probe if=$madang_probe;

    client_max_body_size 2m;

    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Accept-Encoding $madang_encoding;
    # Not appended to: what a stranger writes there is not believed.
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto https;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $madang_connection;
    proxy_connect_timeout 5s;
    # While a release changes hands the next try finds the new one.
    proxy_next_upstream error timeout;

{limits.REFUSALS}
    location / {{
        limit_req zone=madang_pages burst={limits.PAGES_BURST} nodelay;
        proxy_pass http://madang_web;
    }}

    # Only what the station marks as the same for every anonymous reader is kept.
    location = / {{
        limit_req zone=madang_pages burst={limits.PAGES_BURST} nodelay;
        proxy_pass http://madang_web;
{CACHED}    }}
    location /@ {{
        limit_req zone=madang_pages burst={limits.PAGES_BURST} nodelay;
        proxy_pass http://madang_web;
{CACHED}    }}
    location ~ ^/(embed/|v/|library/|feeds/|search$|sitemap[.]xml$) {{
        limit_req zone=madang_pages burst={limits.PAGES_BURST} nodelay;
        proxy_pass http://madang_web;
{CACHED}    }}

    # Forms with passwords cost the processor; the page itself is a page like others.
    location /accounts/ {{
        limit_req zone=madang_pages burst={limits.PAGES_BURST} nodelay;
        limit_req zone=madang_forms burst={limits.FORMS_BURST} nodelay;
        proxy_pass http://madang_web;
    }}

    location /api/ {{
        limit_req zone=madang_api burst={limits.API_BURST} nodelay;
        proxy_pass http://madang_web;
{CACHED}    }}

    # Files that a page needs, without a limit of their own: its reader was counted already.
    location /static/ {{
        proxy_pass http://madang_web;
        proxy_cache madang_cache;
        proxy_cache_lock on;
        access_log off;
    }}
    # Names that carry a hash of their content, compressed when the release was installed.
    location /static/dist/assets/ {{
        alias {STATIC_FILES}/assets/;
        gzip_static on;{brotli}
        add_header Cache-Control "public, max-age=31536000, immutable";
        add_header X-Content-Type-Options nosniff;
        access_log off;
        try_files $uri @web;
    }}
    location @web {{
        proxy_pass http://madang_web;
    }}

    # Netdata has no sign-in of its own: the station says who may see it.
    location = /ops/staff {{
        internal;
        proxy_pass http://madang_web;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto https;
    }}
    location = /ops/netdata {{
        return 301 /ops/netdata/;
    }}
    location /ops/netdata/ {{
        auth_request /ops/staff;
        error_page 401 = @sign_in;
        error_page 502 504 = @no_netdata;
        proxy_pass http://127.0.0.1:{NETDATA_PORT}/;
        access_log off;
    }}
    location @no_netdata {{
        charset utf-8;
        default_type text/plain;
        return 503 "{NO_NETDATA}";
    }}
    location @sign_in {{
        return 302 /accounts/login/?next=/ops/netdata/;
    }}

    # Uploads: handed on as they come, however large.
    location /files/ {{
        client_max_body_size 0;
        client_body_timeout 120s;
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_read_timeout 120s;
        proxy_pass http://madang_files;
    }}

    # Recordings. No limit by address: a school that watches is one.
    location /vod/ {{
        proxy_pass http://madang_files;
        proxy_buffering off;
        proxy_read_timeout 120s;
        gzip off;
        access_log off;
    }}
{media}
    # Playlists that wait for the next part, the parts, and endless FLV: handed on at once. No limit
    # by address either.
    location /live/ {{
        proxy_pass http://madang_live;
        proxy_buffering off;
        proxy_cache off;
        proxy_read_timeout 120s;
        gzip off;
        access_log off;
    }}

    location /socket.io/ {{
        proxy_pass http://madang_chat;
        proxy_buffering off;
        proxy_read_timeout 120s;
        access_log off;
    }}
}}
"""
