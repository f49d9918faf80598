"""Reference servers, each on a free port of loopback and on the servers' core."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.processes import SERVER_CORE, BenchFailed, Child, accepts, free_port, running
from madang.ops.deploy.model.layout import MEDIA
from madang.ops.deploy.texts.nginx import CACHED, GZIP_TAKEN, INTERNAL_FILES, INTERNAL_MEDIA

NODE_FOLDER: Final = Path(__file__).resolve().parent / "node"
_RTMP_MODULES: Final = (
    Path("/usr/lib/nginx/modules/ngx_rtmp_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_rtmp_module.so"),
)
_START: Final = 15.0

_NGINX: Final = """\
{head}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    types {{ application/vnd.apple.mpegurl m3u8; video/mp4 m4s mp4; video/mp2t ts; }}
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_requests 1000000;
    open_file_cache max=1000 inactive=60s;
    open_file_cache_valid {file_cache};
    {upstream}
    server {{
        listen 127.0.0.1:{http} backlog=4096;
        root {root};
        add_header Access-Control-Allow-Origin *;
        location ~ [.]m3u8$ {{ {playlists} }}
        {locations}
    }}
}}
{rtmp_block}
"""

_STATION: Final = """\
{files}
    proxy_cache_path {folder}/cache keys_zone=madang_cache:5m;
    upstream madang_files {{ server 127.0.0.1:{station}; keepalive 64; }}
"""

_VIDEOS: Final = """\
proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $remote_addr;
        location /vod/ {{ proxy_pass http://madang_files; }}
{media}
"""

_PAGES_CACHE: Final = """\
    map "$http_authorization$cookie_sessionid$cookie_messages" $madang_personal {{
        default 1;
        '' 0;
    }}
    map $http_accept_encoding $madang_encoding {{ default ''; "{gzip_taken}" gzip; }}
    map $http_accept_language $madang_language {{ default en; }}
    gzip on;
    gzip_vary on;
    gzip_proxied any;
    gzip_comp_level 4;
    gzip_min_length 1024;
    gzip_types text/css text/javascript application/javascript application/json image/svg+xml;
    proxy_cache_path {folder}/cache keys_zone=madang_cache:5m;
    upstream madang_web {{ server 127.0.0.1:{station}; keepalive 64; }}
"""

_PAGES: Final = """\
proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header Accept-Encoding $madang_encoding;
        proxy_set_header X-Forwarded-For $remote_addr;
        location /answers/ {{ gzip_static on; alias {root}/; default_type application/json; }}
        location / {{
            proxy_pass http://madang_web;
{cached}        }}
"""

_RTMP: Final = """\
rtmp {{
    server {{
        listen 127.0.0.1:{rtmp};
        application live {{
            live on;
            {hls}
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A running reference; `rtmp` is 0 without ingest."""

    child: Child
    http: int
    rtmp: int = 0


@contextlib.contextmanager
def nginx_files(folder: Path, root: Path) -> Iterator[Reference]:
    """Run nginx to serve `root` with sendfile; playlists are stored compressed (`.m3u8.gz`)."""
    http = free_port()
    configuration = _configuration(
        folder, http=http, root=root, playlists="gzip_static always;", file_cache="60s"
    )
    with _nginx(folder, configuration, http) as child:
        yield Reference(child, http)


@contextlib.contextmanager
def nginx_videos(folder: Path, root: Path, station: int) -> Iterator[Reference]:
    """Run nginx in front of the `/vod/` of the station at a port, sending the files in its storage
    `root` for it as on a deployed server. They are at their paths in `root`, too."""
    http = free_port()
    locations = _VIDEOS.format(media=INTERNAL_MEDIA.replace(MEDIA, str(root)))
    configuration = _configuration(
        folder,
        http=http,
        root=root,
        playlists="",
        file_cache="60s",
        locations=locations,
        upstream=_STATION.format(station=station, folder=folder, files=INTERNAL_FILES),
    )
    with _nginx(folder, configuration, http) as child:
        yield Reference(child, http)


@contextlib.contextmanager
def nginx_pages(folder: Path, root: Path, station: int) -> Iterator[Reference]:
    """Run nginx in front of the pages of the station at a port, with the cache of a deployed
    server. The files in `root` are at `/answers/`, compressed ones (`.gz`) beside them."""
    http = free_port()
    configuration = _configuration(
        folder,
        http=http,
        root=root,
        playlists="",
        file_cache="60s",
        locations=_PAGES.format(root=root, cached=CACHED),
        upstream=_PAGES_CACHE.format(station=station, folder=folder, gzip_taken=GZIP_TAKEN),
    )
    with _nginx(folder, configuration, http) as child:
        yield Reference(child, http)


@contextlib.contextmanager
def nginx_rtmp(folder: Path, *, hls: bool) -> Iterator[Reference]:
    """Run nginx-rtmp with an application `live`; with `hls`, segments of two seconds at
    `/NAME.m3u8`.

    Chunk size and buffers are the module's defaults, HLS as documented.
    """
    module = next((path for path in _RTMP_MODULES if path.exists()), None)
    if module is None:
        raise BenchFailed("nginx-rtmp is not installed (Debian: libnginx-mod-rtmp).")
    http, rtmp = free_port(), free_port()
    root = folder / "hls"
    root.mkdir()
    settings = f"hls on; hls_path {root}; hls_fragment 2s; hls_playlist_length 12s;" if hls else ""
    configuration = _configuration(
        folder,
        http=http,
        root=root,
        head=f"load_module {module};",
        # A playlist is another file every two seconds.
        file_cache="1s",
        playlists="gzip on; gzip_types *; open_file_cache off;",
        rtmp_block=_RTMP.format(rtmp=rtmp, hls=settings),
    )
    with _nginx(folder, configuration, http) as child:
        child.wait_for(lambda: accepts(rtmp), _START, "its RTMP port")
        yield Reference(child, http, rtmp)


def _configuration(
    folder: Path,
    *,
    http: int,
    root: Path,
    playlists: str,
    file_cache: str,
    head: str = "",
    rtmp_block: str = "",
    locations: str = "",
    upstream: str = "",
) -> str:
    # Workers of a root master would be `nobody`, who may not read temporary folders.
    user = "user root;" if os.geteuid() == 0 else ""
    return _NGINX.format(
        head=f"{head}\n{user}",
        folder=folder,
        http=http,
        root=root,
        playlists=playlists,
        file_cache=file_cache,
        rtmp_block=rtmp_block,
        locations=locations,
        upstream=upstream,
    )


@contextlib.contextmanager
def _nginx(folder: Path, configuration: str, http: int) -> Iterator[Child]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise BenchFailed("nginx is not installed.")
    file = folder / "nginx.conf"
    file.write_text(configuration, encoding="utf-8")
    command: list[str | Path] = [program, "-e", "stderr", "-p", folder, "-c", file]
    with running("nginx", command, core=SERVER_CORE, log=folder / "nginx.log") as child:
        child.wait_for(lambda: accepts(http), _START, "its HTTP port")
        yield child


@contextlib.contextmanager
def node_media_server(folder: Path) -> Iterator[Reference]:
    """Run Node-Media-Server with RTMP ingest and HTTP-FLV at `/live/NAME.flv`."""
    install_node_packages()
    http, rtmp = free_port(), free_port()
    configuration = folder / "config.json"
    configuration.write_text(
        json.dumps(
            {
                "bind": "127.0.0.1",
                "store": {"path": str(folder / "store")},
                "rtmp": {"port": rtmp},
                "http": {"port": http},
                "webadmin": {"enable": False},
                "record": {"auto": False, "path": str(folder / "record")},
            }
        ),
        encoding="utf-8",
    )
    program = NODE_FOLDER / "node_modules" / "node-media-server" / "bin" / "app.js"
    command: list[str | Path] = [node_program("node"), program, "--config", configuration]
    log = folder / "node-media-server.log"
    with running("Node-Media-Server", command, core=SERVER_CORE, log=log) as child:
        child.wait_for(lambda: accepts(http) and accepts(rtmp), _START, "its ports")
        yield Reference(child, http, rtmp)


@contextlib.contextmanager
def tus_node(folder: Path, root: Path) -> Iterator[Reference]:
    """Run @tus/server with uploads at `/files`, which it stores in `root`."""
    install_node_packages()
    http = free_port()
    command: list[str | Path] = [node_program("node"), NODE_FOLDER / "tus.js", str(http), root]
    with running("@tus/server", command, core=SERVER_CORE, log=folder / "tus.log") as child:
        child.wait_for(lambda: accepts(http), _START, "its port")
        yield Reference(child, http)


def install_node_packages() -> None:
    """Install what `node/package-lock.json` lists, once. Raises BenchFailed."""
    lock = NODE_FOLDER / "package-lock.json"
    stamp = NODE_FOLDER / "node_modules" / ".installed-lock.json"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    done = subprocess.run(
        [node_program("npm"), "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=NODE_FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"npm ci failed: {done.stderr[-1000:]}")
    shutil.copyfile(lock, stamp)


def node_program(program: str) -> str:
    # script/setup puts Node.js beside Python on machines that have none.
    found = shutil.which(program) or shutil.which(program, path=Path(sys.executable).parent)
    if found is None:
        raise BenchFailed(f"{program} is not installed (Node.js, version 20 or newer).")
    return found
