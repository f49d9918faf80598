"""Restrictions of the distribution's services, and restarts after updates.

SSH has none: what administrators run inherits them, `madang deploy` among it.
"""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.texts import HEADER
from madang.ops.deploy.texts.nginx import CONNECTIONS

_COMMON: Final = f"""{HEADER}[Service]
NoNewPrivileges=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""

NGINX: Final = f"""{_COMMON}UMask=0027
LimitNOFILE={CONNECTIONS * 4}
PrivateTmp=yes
ProtectSystem=full
RestrictSUIDSGID=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_CHOWN CAP_DAC_OVERRIDE
"""

FAIL2BAN: Final = f"""{_COMMON}UMask=0027
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths=/run/fail2ban /var/lib/fail2ban /var/log
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
CapabilityBoundingSet=CAP_AUDIT_READ CAP_DAC_READ_SEARCH CAP_NET_ADMIN CAP_NET_RAW
"""

POSTGRESQL: Final = f"""{_COMMON}# pgBackRest has its lock in /tmp, the JIT compiler writes code.
ProtectSystem=full
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""

DROP_INS: Final = {
    "nginx.service": NGINX,
    "fail2ban.service": FAIL2BAN,
    "postgresql@.service": POSTGRESQL,
}

NEEDRESTART: Final = f"""{HEADER}# After security updates services that use old
# libraries restart by themselves, but for those on which viewers depend.
$nrconf{{restart}} = 'a';
$nrconf{{kernelhints}} = -1;
$nrconf{{override_rc}}{{qr(^(?:madang|nginx|postgresql|redis))}} = 0;
1;
"""
