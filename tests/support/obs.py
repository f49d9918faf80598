"""A real OBS Studio without a screen: Xvfb, software rendering, a scene of one colour."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

SIZE: Final = (640, 360)
"""Width and height of what it publishes."""

RETRY: Final = 1
"""Seconds before OBS connects again; each further attempt waits longer."""

_GLOBAL: Final = """
[General]
FirstRun=true
LastVersion=486539266
InfoIncrement=10
[Basic]
Profile=P
ProfileDir=P
SceneCollection=S
SceneCollectionFile=S
"""

_PROFILE: Final = f"""
[General]
Name=P
[Video]
BaseCX=1280
BaseCY=720
OutputCX={SIZE[0]}
OutputCY={SIZE[1]}
FPSCommon=30
[Output]
Mode=Simple
Reconnect=true
RetryDelay={RETRY}
[SimpleOutput]
VBitrate=1200
ABitrate=128
StreamEncoder=x264
Preset=ultrafast
"""

_COLOUR: Final[dict[str, Any]] = {
    "id": "color_source_v3",
    "versioned_id": "color_source_v3",
    "name": "C",
    "settings": {"color": 0xFF804000, "width": 1280, "height": 720},
}

_SCENE: Final[dict[str, Any]] = {
    "id": "scene",
    "name": "Scene",
    "settings": {
        "items": [
            {
                "name": "C",
                "id": 1,
                "visible": True,
                "pos": {"x": 0.0, "y": 0.0},
                "scale": {"x": 1.0, "y": 1.0},
                "rot": 0.0,
                "align": 5,
                "bounds_type": 0,
            }
        ],
        "id_counter": 1,
    },
}

_SCENES: Final[dict[str, Any]] = {
    "name": "S",
    "current_scene": "Scene",
    "current_program_scene": "Scene",
    "scene_order": [{"name": "Scene"}],
    "sources": [_COLOUR, _SCENE],
    "transitions": [],
    "quick_transitions": [],
}


@contextmanager
def obs(home: Path, server: str, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run an OBS that publishes to `server` (rtmp://HOST/APP) and comes back when it is cut off.

    Its settings and its log, `obs.log`, are in the folder `home`.
    """
    _write_settings(home / ".config/obs-studio", server, key)
    with ExitStack() as stack:
        environment = os.environ | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_RUNTIME_DIR": str(home),
            "DISPLAY": stack.enter_context(_display()),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_QPA_PLATFORM": "xcb",
        }
        log = stack.enter_context((home / "obs.log").open("wb"))
        process = subprocess.Popen(
            [
                *("obs", "--startstreaming", "--multi", "--profile", "P", "--collection", "S"),
                *("--disable-updater", "--disable-missing-files-check"),
            ],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


def _write_settings(folder: Path, server: str, key: str) -> None:
    service = {"server": server, "key": key, "use_auth": False}
    files = {
        "global.ini": _GLOBAL,
        "basic/profiles/P/basic.ini": _PROFILE,
        "basic/profiles/P/service.json": json.dumps({"type": "rtmp_custom", "settings": service}),
        "basic/scenes/S.json": json.dumps(_SCENES),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextmanager
def _display() -> Iterator[str]:
    """Run an X server on a free display and yield its name."""
    readable, writable = os.pipe()
    server = subprocess.Popen(
        [
            *("Xvfb", "-displayfd", str(writable), "-screen", "0", "1280x800x24"),
            *("-nolisten", "tcp"),
        ],
        pass_fds=[writable],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writable)
    try:
        with os.fdopen(readable) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)
