import { type Bytes, concat, utf8 } from '#base/bytes.ts'
import { digestOf } from '../digest.ts'
import { guidBytes } from './guid.ts'

/** What a monitor hands to the firmware by direct boot. */
export interface DirectBoot {
  readonly kernel: Bytes
  readonly initrd: Bytes
  readonly commandLine: string
}

const TABLE = guidBytes('9438d606-4f22-4cc9-b479-a793d411fd21')
const COMMAND_LINE = guidBytes('97d02dd8-bd20-4c94-aa78-e7714d36ab2a')
const INITRD = guidBytes('44baf731-3a2f-4bd7-9af1-41e29169781d')
const KERNEL = guidBytes('4de79437-abd2-427f-b835-d5b172d2045b')
const HEADER_BYTES = 18
const DIGEST_BYTES = 32

/**
 * The table of SHA-256 digests that QEMU's `kernel-hashes=on` puts into the guest's first memory, so that the
 * firmware can refuse any other kernel, initrd or command line. Padded to 16 bytes.
 * @see QEMU target/i386/sev.c (sev_add_kernel_loader_hashes)
 */
export async function sevKernelHashes(boot: DirectBoot): Promise<Bytes> {
  const line = concat(utf8(boot.commandLine), new Uint8Array(1))
  const entries = concat(
    entry(COMMAND_LINE, await digestOf('SHA-256', line)),
    entry(INITRD, await digestOf('SHA-256', boot.initrd)),
    entry(KERNEL, await digestOf('SHA-256', boot.kernel)),
  )
  const length = HEADER_BYTES + entries.length
  const padding = new Uint8Array((16 - (length % 16)) % 16)
  return concat(header(TABLE, length), entries, padding)
}

function entry(guid: Bytes, digest: Bytes): Bytes {
  return concat(header(guid, HEADER_BYTES + DIGEST_BYTES), digest)
}

function header(guid: Bytes, length: number): Bytes {
  return concat(guid, new Uint8Array([length & 0xff, length >> 8]))
}
