"""Resources that only commands can check and change. Each `check` changes nothing."""

from __future__ import annotations

import hashlib
import shlex
from typing import Final

from madang.ops.deploy.model.layout import (
    DATA,
    PROGRAM,
    STATIC_FILES,
    TOOLS,
    USER,
)
from madang.ops.deploy.model.resources import STATE, CustomCommand, ManagedFile, Resource
from madang.ops.deploy.model.station_file import Volume
from madang.ops.deploy.release import COMPILED, Release
from madang.ops.deploy.texts.nginx import CHALLENGES, NGINX_USER
from madang.ops.deploy.texts.service import TLS

NAME_CHECK: Final = f"{TOOLS}/name_check.py"

CERTIFICATE_HOOK: Final = f"""#!/bin/sh
# Written by `madang deploy`. certbot runs this after each renewal: the certificate goes to where
# nginx and the station read it, nginx takes it up without letting go of anybody.
set -eu
install -m 644 "$RENEWED_LINEAGE/fullchain.pem" {TLS}/fullchain.pem.new
install -m 640 -g {USER} "$RENEWED_LINEAGE/privkey.pem" {TLS}/privkey.pem.new
mv -f {TLS}/privkey.pem.new {TLS}/privkey.pem
mv -f {TLS}/fullchain.pem.new {TLS}/fullchain.pem
systemctl reload nginx.service
for unit in madang.service madang-live.service; do
    if systemctl is-active --quiet $unit; then systemctl reload $unit; fi
done
"""


def time_zone(name: str) -> CustomCommand:
    """The station's time zone as that of the machine, for logs and timers."""
    path = f"/usr/share/zoneinfo/{name}"
    return CustomCommand(
        f"time zone {name}",
        f'[ "$(readlink -f /etc/localtime)" = "$(readlink -f {path})" ]',
        f"ln -sfn {path} /etc/localtime.new && mv -fT /etc/localtime.new /etc/localtime "
        f"&& echo {name} > /etc/timezone",
    )


def owned(folder: str, user: str) -> CustomCommand:
    """Give everything below `folder` to `user`: a command that root ran left files of its own."""
    return CustomCommand(
        f"owners in {folder}",
        f'[ -z "$(find {folder} -xdev ! -user {user} -print -quit 2>/dev/null)" ]',
        # Files come and go meanwhile.
        f"find {folder} -xdev ! -user {user} -execdir chown -h {user} {{}} + || :",
    )


def swap(megabytes: int) -> CustomCommand:
    """A swap file, where there is no swap yet and the machine is not a container."""
    return CustomCommand(
        f"swap of {megabytes} MB",
        "systemd-detect-virt --container --quiet || swapon --show --noheadings | grep -q .",
        f"set -e; rm -f /swapfile; fallocate -l {megabytes}M /swapfile; chmod 600 /swapfile; "
        "mkswap -q /swapfile; swapon /swapfile; "
        "grep -q '^/swapfile ' /etc/fstab || echo '/swapfile none swap sw 0 0' >> /etc/fstab",
    )


def include_in_redis(path: str) -> CustomCommand:
    """An include at the end of redis.conf; the rest stays the distribution's."""
    line = f"include {path}"
    return CustomCommand(
        "Redis reads it",
        f'[ "$(tail -n 1 /etc/redis/redis.conf)" = "{line}" ]',
        f"set -e; c=/etc/redis/redis.conf; grep -vxF '{line}' $c > $c.new; "
        f"echo '{line}' >> $c.new; chown redis:redis $c.new; chmod 640 $c.new; mv -f $c.new $c; "
        f"rm -f {STATE}/loaded/redis-server.service",
    )


def volume(options: Volume, path: str) -> tuple[Resource, ...]:
    """Block storage: formatted only if it is empty, mounted by UUID."""
    tool = f"{TOOLS}/volume.sh"
    arguments = f"{int(options.size_gb * 1e9)} {path} {USER} {options.device or ''}".strip()
    return (
        ManagedFile(tool, VOLUME_SCRIPT, 0o755, tool=True),
        CustomCommand(
            f"volume at {path}", f"{tool} check {arguments}", f"{tool} mount {arguments}"
        ),
    )


def readable_by_nginx(folder: str) -> CustomCommand:
    """Let nginx's user read everything that is ever written to `folder`, whose owner alone can
    otherwise: the umask of who writes is ignored where there is a default access control list."""
    wanted = f"user:{NGINX_USER}:r-x"
    granted = f"getfacl -cp {folder} 2>/dev/null | grep -qx"
    return CustomCommand(
        f"nginx reads {folder}",
        f"{granted} {wanted} && {granted} default:{wanted}",
        f"setfacl -R -m u:{NGINX_USER}:rX,d:u:{NGINX_USER}:rX {folder}",
    )


VOLUME_SCRIPT: Final = r"""#!/bin/sh
# Written by `madang deploy`.  volume.sh check|mount BYTES PLACE USER [DEVICE]
# The block volume: DEVICE, or else the one disk that is large enough and on which there is nothing.
# It is formatted only if it is empty, and known from then on by its UUID.
set -eu
what=$1 bytes=$2 place=$3 user=$4 device=${5:-}
mounted() { findmnt -no SOURCE --mountpoint "$place" >/dev/null; }
if [ "$what" = check ]; then
    mounted && grep -q "^UUID=[^ ]* $place " /etc/fstab && [ -d "$place/media" ]
    exit
fi
fail() { echo "$*" >&2; exit 1; }
empty() { # no file system, no partition table, no signature of any kind, and in nobody's use
    [ -z "$(blkid -p -o value -s TYPE -s PTTYPE "$1" 2>/dev/null)" ] &&
        [ "$(lsblk -nro NAME "$1" | wc -l)" = 1 ] && [ -z "$(lsblk -nro MOUNTPOINT "$1")" ]
}
if ! mounted; then
    if [ -z "$device" ]; then
        found=
        for disk in $(lsblk -dnpbro NAME,SIZE,TYPE,RO | awk -v least="$bytes" \
            '$3 == "disk" && $4 == 0 && $2 >= least * 0.9 {print $1}'); do
            if [ "$(blkid -o value -s LABEL "$disk" 2>/dev/null)" = madang ]; then
                found=$disk; break
            fi
            if empty "$disk"; then found="$found $disk"; fi
        done
        set -- $found
        [ $# -gt 0 ] || fail "No empty disk of $bytes bytes is attached."
        [ $# = 1 ] || fail "Several disks are empty ($*); set volume.device to the one to use."
        device=$1
    fi
    [ -b "$device" ] || fail "$device is not a block device; is the volume attached?"
    if empty "$device"; then mkfs.ext4 -q -L madang -m 1 "$device"; fi
    [ "$(blkid -o value -s TYPE "$device")" = ext4 ] ||
        fail "$device has something on it that is not ours; it was left alone. Set volume.device."
    uuid=$(blkid -o value -s UUID "$device")
    grep -v " $place " /etc/fstab > /etc/fstab.new || :
    echo "UUID=$uuid $place ext4 defaults,noatime,nofail 0 2" >> /etc/fstab.new
    mv -f /etc/fstab.new /etc/fstab
    mkdir -p "$place"
    systemctl daemon-reload
    mount "$place"
fi
install -d -o "$user" -g "$user" -m 700 "$place/media"
"""


def packages(release: Release, archive: str) -> CustomCommand:
    """The dependencies, unpacked once and shared by all releases with the same ones."""
    folder = packages_folder(release)
    return CustomCommand(
        f"packages {release.packages.name}",
        f"[ -e {folder}/.complete ]",
        f"set -e; umask 022; rm -rf {folder}; mkdir -p {folder}; tar -xzf {archive} -C {folder}; "
        # Compiled here: the services cannot write beside the program.
        f"[ -e {folder}/{COMPILED} ] || "
        f"python{release.python} -m compileall -q -j 0 {folder} >/dev/null || :; "
        f"chmod -R a+rX {folder}; sync -f {folder}; touch {folder}/.complete",
    )


def packages_folder(release: Release) -> str:
    """Path of the unpacked packages of a release."""
    return f"{PROGRAM}/packages/{release.packages.name.removesuffix('.tar.gz')}"


def program(release: Release, wheel: str) -> CustomCommand:
    """The virtual environment of one build: complete, or created anew."""
    folder = f"{PROGRAM}/programs/{release.build_id}"
    library = f"{folder}/venv/lib/python{release.python}/site-packages"
    python = f"{folder}/venv/bin/python"
    start = f"#!{python}\nimport sys\nfrom madang.cli import main\nsys.exit(main())\n"
    return CustomCommand(
        f"program {release.build_id}",
        f"[ -e {folder}/.complete ]",
        f"set -e; umask 022; rm -rf {folder}; mkdir -p {folder}; "
        f"python{release.python} -m venv --without-pip {folder}/venv; "
        f"echo {packages_folder(release)} > {library}/packages.pth; "
        f"{python} -m zipfile -e {wheel} {library}; "
        f"cat > {folder}/venv/bin/madang; chmod 755 {folder}/venv/bin/madang; "
        f"{python} -m compileall -q {library}; chmod -R a+rX {folder}; "
        f"{folder}/venv/bin/madang --version >/dev/null; "
        # Static files of all releases side by side, with their compressed forms for nginx.
        f"mkdir -p {STATIC_FILES}; "
        f"cp -r {library}/madang/web/static/dist/assets {STATIC_FILES}/; "
        f"chmod -R a+rX {STATIC_FILES}; sync -f {folder}; touch {folder}/.complete",
        start,
    )


def self_signed(domain: str) -> CustomCommand:
    """A temporary certificate, so that nginx starts and Let's Encrypt can validate."""
    return CustomCommand(
        "certificate to begin with",
        f"[ -s {TLS}/fullchain.pem ] && [ -s {TLS}/privkey.pem ] && "
        f"openssl x509 -in {TLS}/fullchain.pem -noout -checkhost {domain} | grep -q 'does match'",
        f"set -e; umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
        f"-nodes -days 30 -subj /CN={domain} -addext subjectAltName=DNS:{domain} "
        f"-keyout {TLS}/privkey.pem -out {TLS}/fullchain.pem 2>/dev/null; "
        f"chown root:{USER} {TLS}/privkey.pem; chmod 640 {TLS}/privkey.pem; "
        f"chmod 644 {TLS}/fullchain.pem; rm -f {STATE}/loaded/nginx.service",
    )


def lets_encrypt(domain: str, mail: str) -> CustomCommand:
    """A certificate of Let's Encrypt once the name leads here; renewed by certbot's timer."""
    return CustomCommand(
        f"certificate of {domain} from Let's Encrypt",
        f"[ -e /etc/letsencrypt/live/{domain}/fullchain.pem ] && "
        f"cmp -s /etc/letsencrypt/live/{domain}/fullchain.pem {TLS}/fullchain.pem",
        # Checked from here first: each failed attempt counts against Let's Encrypt's rate limit.
        f"set -e; python3 {NAME_CHECK} {domain} {CHALLENGES}; "
        f"certbot certonly --quiet --non-interactive --agree-tos --webroot -w {CHALLENGES} "
        f"-d {domain} -m {mail} --keep-until-expiring --deploy-hook {TOOLS}/certificate; "
        f"RENEWED_LINEAGE=/etc/letsencrypt/live/{domain} {TOOLS}/certificate",
    )


def mail_server(release_id: str, settings: str) -> CustomCommand:
    """Sign in at the mail server once for these settings."""
    home = f"{PROGRAM}/releases/{release_id}"
    marker = f"{STATE}/mail-{hashlib.sha256(settings.encode()).hexdigest()[:16]}"
    return CustomCommand(
        "mail server",
        f"[ -e {marker} ]",
        f"set -e; runuser -u {USER} -- {home}/venv/bin/madang mail test --connect "
        f"--data {DATA} --config {home}/madang.toml; rm -f {STATE}/mail-*; touch {marker}",
    )


def switch(release_id: str, roles: tuple[str, ...], ready_timeout: float) -> CustomCommand:
    """The release that the roles run. A new one is tried, switched to, and rolled back if it
    fails."""
    names = " ".join(roles)
    return CustomCommand(
        f"release {release_id}",
        f"python3 {TOOLS}/switch.py 0 check {release_id} {names}",
        # Under systemd, so that a lost connection does not interrupt it.
        "systemctl daemon-reload; systemctl reset-failed madang-switch.service 2>/dev/null; "
        "systemd-run --quiet --wait --pipe --collect --unit=madang-switch "
        f"python3 {TOOLS}/switch.py {ready_timeout:g} to {release_id} {names}",
    )


def firewall(rules: tuple[str, ...]) -> CustomCommand:
    """Exactly these rules; all other incoming traffic is denied."""
    expected = shlex.quote("".join(f"ufw {rule}\n" for rule in sorted(rules)))
    have = "ufw show added | grep '^ufw ' | sort"
    return CustomCommand(
        "firewall",
        f'[ "$({have})" = "$(printf %s {expected})" ] '
        '&& ufw status verbose | grep -q "^Status: active" '
        '&& ufw status verbose | grep -q "^Default: deny (incoming)"',
        "set -e; "
        + "".join(f"ufw {rule} >/dev/null; " for rule in rules)
        + f"printf %s {expected} > {STATE}/rules; "
        f"{have} | grep -vxFf {STATE}/rules | sed 's/^ufw //' "
        "| while read -r rule; do ufw --force delete $rule >/dev/null; done; "
        "ufw default deny incoming >/dev/null; ufw default allow outgoing >/dev/null; "
        "ufw --force enable >/dev/null; systemctl enable --quiet ufw",
    )


def netdata(config: str) -> CustomCommand:
    """Netdata's settings where the distribution has it: on loopback, without telemetry."""
    absent = "! apt-cache policy netdata | grep -q 'Candidate: [0-9]'"
    path, stale = "/etc/netdata/netdata.conf", f"{STATE}/netdata-stale"
    return CustomCommand(
        "Netdata on loopback",
        f"{absent} || (printf %s {shlex.quote(config)} | cmp -s - {path} "
        f"&& systemctl is-active --quiet netdata && [ ! -e {stale} ])",
        f"set -e; touch {stale}; cat > {path}.new; "
        f"mv -f {path}.new {path}; systemctl enable --quiet netdata; "
        f"systemctl restart netdata; rm -f {stale}",
        config,
    )
