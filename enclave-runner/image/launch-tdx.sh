#!/usr/bin/env bash
# Starts an image as a TDX guest. On the host: Linux 6.16 or later, QEMU 10.1 or later, a quote generation service on
# vsock port 4050, TDX on in the BIOS. The image needs firmware-tdx.fd (build.sh --tdx-firmware).
#
#   launch-tdx.sh IMAGE HOST_SETTINGS [QEMU arguments, such as -device vfio-pci,host=0000:01:00.0 for a GPU]
set -euo pipefail
image=${1:?IMAGE}; settings=${2:?HOST_SETTINGS}; shift 2
weights=()
if [ -f "$image/weights.img" ]; then
  weights=(-drive "if=none,id=weights,format=raw,readonly=on,file=$image/weights.img" -device virtio-blk-pci,drive=weights,romfile=)
fi
exec qemu-system-x86_64 -enable-kvm -nographic -no-reboot -nodefaults -serial stdio \
  -machine q35,kernel-irqchip=split,confidential-guest-support=tdx0,memory-backend=ram0 \
  -object memory-backend-memfd,id=ram0,size=32G,share=true \
  -object '{"qom-type":"tdx-guest","id":"tdx0","quote-generation-socket":{"type":"vsock","cid":"2","port":"4050"}}' \
  -cpu host -smp 8 -m 32G \
  -bios "$image/firmware-tdx.fd" \
  -kernel "$image/vmlinuz" -initrd "$image/initrd" -append "$(cat "$image/cmdline")" \
  -drive if=none,id=root,format=raw,readonly=on,file="$image/root.img" \
  -device virtio-blk-pci,drive=root,romfile= "${weights[@]}" \
  -netdev user,id=net0 -device virtio-net-pci,netdev=net0,romfile= \
  -fw_cfg name=opt/cocoon/host-settings,file="$settings" "$@"
