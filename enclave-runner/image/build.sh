#!/usr/bin/env bash
# Builds the image of a runner: kernel, initrd, command line, verified root and firmware, each byte of which follows
# from this folder, the checkout and the Debian packages that packages.lock names.
#
#   enclave-runner/image/build.sh OUT [--engine DIR] [--weights DIR] [--settings FILE] [--tdx-firmware FILE]
#
#   OUT              folder for the result; `cocoon measure OUT` prints its hashes
#   --engine DIR     copied to /opt/engine; its program `run` gets the weights' folder and a socket's path
#   --weights DIR    copied to a disk of their own under dm-verity, that the image mounts at /models
#   --settings FILE  settings of the runner (KEY=value) instead of those of the demonstration model
#   --tdx-firmware FILE  TDVF without enrolled keys (edk2 OvmfPkg/IntelTdx): Debian's refuses to boot a kernel directly
#   MIRROR=URL       Debian archive (default: the snapshot of packages.lock, so that a rebuild finds the same packages)
#
# Needs root, mmdebstrap, mkfs.erofs, veritysetup, cpio, zstd, and the checkout's node_modules.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
suite=trixie
# The first suite with AMD's build of the firmware, which checks what it boots against the measured table of hashes.
firmware_suite=forky
# One moment for every time stamp: results must not tell when they were built.
export SOURCE_DATE_EPOCH=1764547200
fixed_uuid=6b6f6b6f-6f6e-4e00-8000-000000000001
salt=$(printf 'cocoon image' | sha256sum | cut -d' ' -f1)

usage() { sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
say() { echo "image: $*" >&2; }
need() { command -v "$1" >/dev/null || { say "$1 is missing: apt-get install $2"; exit 2; }; }

out=''; engine=''; weights=''; tdx_firmware=''; settings="$here/root/etc/cocoon/runner.env"
while [ $# -gt 0 ]; do
  case "$1" in
    --engine) engine=${2:?}; shift 2 ;;
    --weights) weights=${2:?}; shift 2 ;;
    --tdx-firmware) tdx_firmware=${2:?}; shift 2 ;;
    --settings) settings=${2:?}; shift 2 ;;
    -*) usage ;;
    *) [ -z "$out" ] || usage; out=$1; shift ;;
  esac
done
[ -n "$out" ] || usage
[ "$(id -u)" = 0 ] || { say 'run as root: owners of files are part of the image'; exit 2; }
need mmdebstrap mmdebstrap; need mkfs.erofs erofs-utils; need veritysetup cryptsetup-bin; need cpio cpio; need zstd zstd
node="$checkout/node_modules/.bin/node"
[ -x "$node" ] || { say "no $node: npm install first"; exit 2; }

snapshot=$(sed -n 's/^# snapshot //p' "$here/packages.lock" 2>/dev/null || true)
mirror=${MIRROR:-http://snapshot.debian.org/archive/debian/$snapshot}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

packages() { grep -v '^#' "$1" | tr '\n' ',' | sed 's/,$//'; }

say "1/6 packages of $suite from $mirror"
bootstrap() { # SUITE VARIANT PACKAGES FOLDER
  mmdebstrap --quiet --variant="$2" --include="$3" --format=directory \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --customize-hook='dpkg-query --admindir="$1/var/lib/dpkg" -W -f="\${Package}=\${Version}\n" >> '"$work/installed" \
    "$1" "$4" "$mirror"
}
bootstrap "$suite" essential "$(packages "$here/packages.txt")" "$work/root"
bootstrap "$suite" apt linux-image-amd64,cryptsetup-bin,busybox-static,gcc,acpica-tools "$work/tools"
bootstrap "$firmware_suite" extract ovmf-amdsev "$work/firmware"
sort -u "$work/installed" >"$out/packages.lock"
if [ -n "$snapshot" ] && ! diff -u <(grep -v '^#' "$here/packages.lock") "$out/packages.lock" >&2; then
  say 'other packages than packages.lock names: this image will have another hash'
fi

say '2/6 runner'
"$node" "$checkout/dev/bundle-image.ts" "$work/runner.mjs"
install -D -m 0755 "$(readlink -f "$node")" "$work/root/usr/lib/cocoon/node"
install -D -m 0644 "$work/runner.mjs" "$work/root/usr/lib/cocoon/runner.mjs"
install -m 0644 "$checkout/models/tiny-demo.gguf" "$work/root/usr/lib/cocoon/tiny-demo.gguf"
cp -r "$here/root/." "$work/root/"
install -D -m 0644 "$settings" "$work/root/etc/cocoon/runner.env"
if [ -n "$engine" ]; then mkdir -p "$work/root/opt/engine"; cp -a "$engine/." "$work/root/opt/engine/"; fi

chroot "$work/root" /usr/lib/cocoon/node --check /usr/lib/cocoon/runner.mjs || { say 'the runner does not start on these packages'; exit 1; }

say '3/6 root'
chroot "$work/root" systemd-sysusers >/dev/null 2>&1
SYSTEMD_OFFLINE=1 chroot "$work/root" systemctl --quiet enable cocoon-runner cocoon-engine systemd-networkd systemd-resolved systemd-timesyncd 2>/dev/null
SYSTEMD_OFFLINE=1 chroot "$work/root" systemctl --quiet mask getty.target console-getty.service debug-shell.service emergency.service \
  rescue.service systemd-networkd-wait-online.service systemd-firstboot.service systemd-logind.service 2>/dev/null
mkdir -p "$work/root/models"
: >"$work/root/etc/machine-id"
ln -sf /run/systemd/resolve/stub-resolv.conf "$work/root/etc/resolv.conf"
sed -i 's/^root:[^:]*:/root:!*:/' "$work/root/etc/shadow"
while read -r path; do
  case "$path" in ''|'#'*) continue ;; esac
  # Unquoted: names end in wildcards. What is not there was not installed.
  rm -rf "$work/root"/$path
done <"$here/prune.txt"
find "$work/root" -name '*.pyc' -delete
verify() { # FILE: puts dm-verity's tree behind a file system, and prints "ROOT-HASH OFFSET-OF-THE-TREE"
  local at=$(( ($(stat -c %s "$1") + 4095) / 4096 * 4096 ))
  truncate -s "$at" "$1"
  veritysetup format "$1" "$1" --hash-offset "$at" --salt "$salt" --uuid "$fixed_uuid" --data-blocks $((at / 4096)) |
    sed -n "s/^Root hash:[[:space:]]*\\([0-9a-f]*\\).*/\\1 $at/p"
}
mkfs.erofs -zlz4hc -T "$SOURCE_DATE_EPOCH" -U "$fixed_uuid" --quiet "$out/root.img" "$work/root" >/dev/null
read -r roothash offset < <(verify "$out/root.img")
rm -f "$out/weights.img"
if [ -n "$weights" ]; then
  mkfs.erofs -T "$SOURCE_DATE_EPOCH" -U "$fixed_uuid" --all-root --quiet "$out/weights.img" "$weights" >/dev/null
  read -r weights_root weights_offset < <(verify "$out/weights.img")
fi

say '4/6 guard of ACPI tables, initrd'
cp -r "$here/acpi" "$work/tools/acpi"
chroot "$work/tools" /acpi/build-guard.sh /acpi
initrd="$work/initrd"; mkdir -p "$initrd/bin" "$initrd/lib"
install -m 0755 "$here/initrd-init" "$initrd/init"
install -m 0755 "$work/tools/usr/bin/busybox" "$initrd/bin/busybox"
for applet in sh; do ln -s busybox "$initrd/bin/$applet"; done
install -m 0755 "$work/tools/usr/sbin/veritysetup" "$initrd/bin/veritysetup"
chroot "$work/tools" ldd /usr/sbin/veritysetup | grep -o '/[^ ]*' | while read -r library; do
  install -D -m 0755 "$work/tools$(chroot "$work/tools" readlink -f "$library")" "$initrd$library"
done
install -D -m 0644 "$work/tools/acpi/dsdt.aml" "$initrd/acpi/DSDT"
kernel=$(basename "$work/tools"/lib/modules/*)
for module in $(grep -v '^#' "$here/modules.txt"); do
  chroot "$work/tools" modprobe --show-depends --set-version "$kernel" "$module" 2>/dev/null | sed -n 's/^insmod //p'
done | awk '!seen[$1]++ {print $1}' >"$initrd/modules.packed"
: >"$initrd/modules"
while read -r path; do
  plain=/lib/modules/$(basename "${path%.xz}")
  mkdir -p "$initrd/lib/modules"
  case "$path" in *.xz) xz -dc "$work/tools$path" >"$initrd$plain" ;; *) cp "$work/tools$path" "$initrd$plain" ;; esac
  echo "$plain" >>"$initrd/modules"
done <"$initrd/modules.packed"
rm "$initrd/modules.packed"
find "$initrd" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$initrd" && find . -print0 | LC_ALL=C sort -z | cpio --quiet --null --create --format=newc --reproducible --owner=0:0) |
  zstd -q -19 -T1 >"$out/initrd"

say '5/6 kernel, command line and firmware'
"$node" "$checkout/dev/guard-kernel.ts" "$work/tools/boot/vmlinuz-$kernel" "$work/tools/acpi/guard.bin" "$out/vmlinuz"
line="$(grep -v '^#' "$here/cmdline.txt") cocoon.roothash=$roothash cocoon.hashoffset=$offset"
[ -z "$weights" ] || line="$line cocoon.weights=$weights_root cocoon.weightsoffset=$weights_offset"
printf '%s' "$line" >"$out/cmdline"
cp "$work/firmware/usr/share/ovmf/OVMF.amdsev.fd" "$out/firmware-sev-snp.fd"
rm -f "$out/firmware-tdx.fd"
[ -z "$tdx_firmware" ] || cp "$tdx_firmware" "$out/firmware-tdx.fd"

say '6/6 sums'
chmod -R a+r "$out"
(cd "$out" && sha256sum vmlinuz initrd cmdline *.img firmware-*.fd packages.lock >SHA256SUMS)
cat "$out/SHA256SUMS"
[ -z "$weights" ] || say "weights: cocoon weights --verity $weights_root --model ID"
