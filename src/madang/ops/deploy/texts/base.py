"""Base configuration of every server: updates, kernel, limits, journal, monitoring."""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.model.layout import NETDATA_PORT
from madang.ops.deploy.texts import HEADER

SWAP_MB: Final = 2048
"""Enough for idle pages on 8 GB."""

JOURNAL: Final = f"""{HEADER}[Journal]
Storage=persistent
SystemMaxUse=1G
SystemKeepFree=2G
MaxRetentionSec=3month
RateLimitIntervalSec=10s
RateLimitBurst=5000
"""
"""Korean law allows connection logs for three months; they must not fill the disk."""

UPDATES: Final = """// Written by `madang deploy`; changes made here are undone by its next run.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
Unattended-Upgrade::Remove-Unused-Kernel-Packages "true";
Unattended-Upgrade::Automatic-Reboot "false";
"""
"""The distribution defines security updates; reboots are the operator's."""

KERNEL: Final = f"""{HEADER}# Bursts of viewers at the start of a show.
net.core.somaxconn = 4096
net.ipv4.tcp_max_syn_backlog = 4096
net.ipv4.tcp_slow_start_after_idle = 0
# Idle pages may go to swap, a live process's may not.
vm.swappiness = 10
fs.protected_hardlinks = 1
fs.protected_symlinks = 1
kernel.kptr_restrict = 1
kernel.dmesg_restrict = 1
net.ipv4.conf.all.rp_filter = 1
net.ipv4.conf.all.accept_redirects = 0
net.ipv6.conf.all.accept_redirects = 0
net.ipv4.conf.all.send_redirects = 0
"""

LIMITS: Final = f"{HEADER}*    soft nofile 65536\n*    hard nofile 65536\n"

NETDATA: Final = f"""{HEADER}[global]
    run as user = netdata
    history = 86400
[web]
    bind to = 127.0.0.1:{NETDATA_PORT}
    allow connections from = localhost
[registry]
    enabled = no
"""
"""Without a login of its own: nginx asks the station for authorization."""
