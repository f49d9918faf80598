"""Logs of bounded size that only administrators read."""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.texts import HEADER

LOGROTATE: Final = f"""{HEADER}# The sizes hold for every log of the machine; packages
# say how many of each stay.
weekly
rotate 4
maxsize 50M
create
compress
include /etc/logrotate.d
"""

LOGROTATE_TIMER: Final = f"""{HEADER}# One client can have some 50 MB written in ten minutes.
[Timer]
OnCalendar=
OnCalendar=*:0/10
AccuracySec=1m
RandomizedDelaySec=0
"""

FOLDERS: Final = (
    *("/var/log/nginx", "/var/log/fail2ban.log", "/var/log/madang", "/var/log/redis"),
    "/var/log/postgresql",
)
"""Logs with addresses of visitors."""
