import { type Bytes, concat, utf8 } from '#base/bytes.ts'
import { digestOf } from '../digest.ts'
import { authenticodeDigest } from './authenticode.ts'
import { qemuKernel } from './qemu-kernel.ts'
import type { DirectBoot } from './sev-kernel-hashes.ts'

export interface TdxRegisters {
  readonly rtmr1: Bytes
  readonly rtmr2: Bytes
}

const REGISTER_BYTES = 48
/** What OVMF appends to the load options when there is an initrd. */
const INITRD_OPTION = ' initrd=initrd'

/** EV_EFI_ACTION and EV_SEPARATOR events around a boot. @see TCG PC Client Platform Firmware Profile 1.06 section 10.4.4 */
const CALLING = utf8('Calling EFI Application from Boot Option')
const SEPARATOR = new Uint8Array(4)
const EXITING = utf8('Exit Boot Services Invocation')
const EXITED = utf8('Exit Boot Services Returned with Success')

/**
 * RTMR1 and RTMR2 after OVMF booted a kernel directly.
 * 1. RTMR1: the kernel as a PE image, then the firmware's milestones  2. RTMR2: what Linux's EFI stub measures, its
 * command line in UTF-16 and the initrd
 * @throws LaunchError `bad_kernel`
 * @see TDVF design guide section 8 (measurement and attestation); Linux drivers/firmware/efi/libstub
 */
export async function tdxRegisters(boot: DirectBoot): Promise<TdxRegisters> {
  const { kernel, initrd, commandLine } = boot
  const image = await authenticodeDigest('SHA-384', qemuKernel(kernel, initrd.length))
  const milestones = [CALLING, SEPARATOR, EXITING, EXITED]
  const options = initrd.length === 0 ? commandLine : `${commandLine}${INITRD_OPTION}`
  const inputs = [utf16(`${options}\0`), ...(initrd.length === 0 ? [] : [initrd])]
  return {
    rtmr1: await replay([image, ...(await digests(milestones))]),
    rtmr2: await replay(await digests(inputs)),
  }
}

function digests(inputs: readonly Bytes[]): Promise<Bytes[]> {
  return Promise.all(inputs.map((input) => digestOf('SHA-384', input)))
}

/** A register after it was extended by each digest in turn. */
async function replay(events: readonly Bytes[]): Promise<Bytes> {
  let register: Bytes = new Uint8Array(REGISTER_BYTES)
  for (const event of events) register = await digestOf('SHA-384', concat(register, event))
  return register
}

function utf16(text: string): Bytes {
  const bytes = new Uint8Array(2 * text.length)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true)
  return bytes
}
