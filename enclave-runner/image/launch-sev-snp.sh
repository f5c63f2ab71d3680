#!/usr/bin/env bash
# Starts an image as an SEV-SNP guest. On the host: Linux 6.11 or later, QEMU 9.2 or later, SEV-SNP on in the BIOS.
#
#   launch-sev-snp.sh IMAGE HOST_SETTINGS [QEMU arguments, such as -device vfio-pci,host=0000:01:00.0 for a GPU]
#
# IMAGE is a folder that build.sh made. HOST_SETTINGS is a file of KEY=value lines: WALLET, GATEWAYS, RUNNER_URL …
# Number and model of processors are measured: `cocoon measure IMAGE --processors 8 --cpu EPYC-Genoa`.
set -euo pipefail
image=${1:?IMAGE}; settings=${2:?HOST_SETTINGS}; shift 2
weights=()
if [ -f "$image/weights.img" ]; then
  weights=(-drive "if=none,id=weights,format=raw,readonly=on,file=$image/weights.img" -device virtio-blk-pci,drive=weights,romfile=)
fi
exec qemu-system-x86_64 -enable-kvm -nographic -no-reboot -nodefaults -serial stdio \
  -machine q35,confidential-guest-support=sev0,memory-backend=ram0 \
  -object memory-backend-memfd,id=ram0,size=32G,share=true \
  -object sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,kernel-hashes=on \
  -cpu EPYC-Genoa-v1 -smp 8 -m 32G \
  -bios "$image/firmware-sev-snp.fd" \
  -kernel "$image/vmlinuz" -initrd "$image/initrd" -append "$(cat "$image/cmdline")" \
  -drive if=none,id=root,format=raw,readonly=on,file="$image/root.img" \
  -device virtio-blk-pci,drive=root,romfile= "${weights[@]}" \
  -netdev user,id=net0 -device virtio-net-pci,netdev=net0,romfile= \
  -fw_cfg name=opt/cocoon/host-settings,file="$settings" "$@"
