import { type Bytes, copyBytes } from '#base/bytes.ts'
import { LaunchError } from './launch-error.ts'

/** Fields of the setup header. @see Linux Documentation/arch/x86/boot.rst */
const MAGIC = 0x202
const MAGIC_VALUE = 0x53726448 // "HdrS"
const PROTOCOL = 0x206
const LOADER_TYPE = 0x210
const LOAD_FLAGS = 0x211
const INITRD_ADDRESS = 0x218
const INITRD_SIZE = 0x21c
const HEAP_END = 0x224
const COMMAND_LINE = 0x228
const EXTRA_FLAGS = 0x236

const MIN_BYTES = 0x1000
/** Boot protocol 2.12, Linux 3.8: says whether an initrd may lie anywhere below 4 GiB. */
const MIN_PROTOCOL = 0x20c
const LOADED_HIGH = 1
const CAN_USE_HEAP = 0x80
const INITRD_ANYWHERE = 2
const QEMU = 0xb0
const COMMAND_LINE_AT = 0x20000
const REAL_MODE_AT = 0x10000
const SETUP_BYTES = 0x200
/** Low memory of a q35 machine with enough of it, less what QEMU keeps for ACPI tables. */
const LOW_MEMORY = 0x8000_0000
const ACPI_BYTES = 0x28000

/** Machines with less get their initrd elsewhere, which changes what is measured. */
export const MIN_MEMORY_BYTES = 0xb000_0000

/**
 * A Linux kernel as QEMU hands it to the firmware: it writes the setup header as any boot loader does, and TDX
 * firmware measures the result.
 * @throws LaunchError `bad_kernel`
 * @see QEMU hw/i386/x86-common.c (x86_load_linux)
 */
export function qemuKernel(kernel: Bytes, initrdBytes: number): Bytes {
  if (kernel.length < MIN_BYTES) throw new LaunchError('bad_kernel', 'the kernel is too short')
  const patched = copyBytes(kernel)
  const view = new DataView(patched.buffer)
  const isLinux = view.getUint32(MAGIC, true) === MAGIC_VALUE
  const flags = view.getUint8(LOAD_FLAGS)
  if (!isLinux || view.getUint16(PROTOCOL, true) < MIN_PROTOCOL || (flags & LOADED_HIGH) === 0) {
    throw new LaunchError('bad_kernel', 'the kernel is not an x86 Linux image of protocol 2.12')
  }
  view.setUint8(LOADER_TYPE, QEMU)
  view.setUint8(LOAD_FLAGS, flags | CAN_USE_HEAP)
  view.setUint32(HEAP_END, COMMAND_LINE_AT - REAL_MODE_AT - SETUP_BYTES, true)
  view.setUint32(COMMAND_LINE, COMMAND_LINE_AT, true)
  if (initrdBytes > 0) {
    view.setUint32(INITRD_ADDRESS, initrdAddress(view, initrdBytes), true)
    view.setUint32(INITRD_SIZE, initrdBytes, true)
  }
  return patched
}

function initrdAddress(view: DataView, bytes: number): number {
  const isAnywhere = (view.getUint16(EXTRA_FLAGS, true) & INITRD_ANYWHERE) !== 0
  const highest = Math.min(isAnywhere ? 0xffff_ffff : 0x37ff_ffff, LOW_MEMORY - ACPI_BYTES - 1)
  if (bytes >= highest) throw new LaunchError('bad_kernel', 'the initrd is too large')
  return (highest - bytes) & ~0xfff
}
