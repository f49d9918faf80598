"""The command `madang` of a server, which knows role, data, settings and user."""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.model.layout import DATA, PROGRAM, USER, StationMachine
from madang.ops.deploy.texts import HEADER

PATH: Final = "/usr/local/bin/madang"


def madang(machine: StationMachine, backup_user: str) -> str:
    """The script: runs the program of the machine's main role as the right user.

    Root becomes that user: the station's, or `backup_user` for backups. Others go through sudo.
    """
    home = f"{PROGRAM}/roles/{machine.main_role}"
    # As in the units of the backups: another user reads the station's files.
    may_read = "" if backup_user == USER else " capabilities=-all,+dac_read_search"
    return f"""#!/bin/sh
{HEADER}set -eu
program={home}/venv/bin/madang
export MADANG_DATA={DATA} MADANG_CONFIG={home}/madang.toml
if [ ! -x $program ]; then
    echo "madang: no release runs on this server yet: at home, madang deploy apply." >&2
    exit 1
fi
user={USER} capabilities=-all
case "${{1-}} ${{2-}}" in
deploy\\ * | doctor\\ --security)
    echo "madang: run this on your own computer, beside station.toml." >&2
    exit 1 ;;
backup\\ restore) user=root ;;
backup\\ *) user={backup_user}{may_read} ;;
esac
me=$(id -un)
if [ "$me" != root ] && [ "$me" != "$user" ]; then exec sudo -- {PATH} "$@"; fi
if [ "$me" = "$user" ]; then exec $program "$@"; fi
umask 077
HOME=$(getent passwd $user | cut -d: -f6) USER=$user LOGNAME=$user
export HOME USER LOGNAME
groups=$(id -Gn $user | tr ' ' ,),{USER}
# A folder of root's, such as /root, may be closed to the other user.
exec setpriv --reuid=$user --regid=$user --groups="$groups" --no-new-privs \\
    --inh-caps=$capabilities --ambient-caps=$capabilities --bounding-set=$capabilities \\
    sh -c '[ -x . ] || cd /; exec "$@"' sh $program "$@"
"""
