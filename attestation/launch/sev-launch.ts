import { type Bytes, concat } from '#base/bytes.ts'
import { digestOf } from '../digest.ts'
import type { Firmware, SevLayout, SevSection } from './firmware.ts'
import { LaunchError } from './launch-error.ts'
import { type DirectBoot, sevKernelHashes } from './sev-kernel-hashes.ts'
import { sevVmsa } from './sev-vmsa.ts'

export interface SevMachine {
  readonly firmware: Firmware
  /** Measured by the firmware's table of hashes; undefined: the firmware boots what it finds. */
  readonly boot: DirectBoot | undefined
  readonly processors: number
  /** CPUID signature of the guest's CPU model. */
  readonly signature: number
  /** SEV_FEATURES. */
  readonly features: number
}

const PAGE = 4096
const DIGEST_BYTES = 48
const PAGE_INFO_BYTES = 0x70
const BOOT_ADDRESS = 0xfffffff0
/** The pages of processors are recorded at the highest page that 52 bits can name. */
const VMSA_GPA = 0xffff_ffff_f000
const MAX_PROCESSORS = 512

/** PAGE_TYPE of SNP_LAUNCH_UPDATE. @see SEV-SNP firmware ABI 1.55 table 66 */
const PAGE_TYPES = { normal: 1, vmsa: 2, zero: 3, secrets: 5, cpuid: 6 } as const
type PageType = keyof typeof PAGE_TYPES

const SECTION_PAGES: Readonly<Record<Exclude<SevSection['kind'], 'kernel-hashes'>, PageType>> = {
  memory: 'zero',
  caa: 'zero',
  secrets: 'secrets',
  cpuid: 'cpuid',
}

/**
 * The launch digest that a report will hold as MEASUREMENT when QEMU starts this machine: a hash chain over each
 * page in the order in which the monitor adds it.
 * @throws LaunchError `unsupported`, `bad_machine`
 * @see SEV-SNP firmware ABI 1.55 section 8.17.2 (PAGE_INFO) and 8.17.3
 */
export async function sevLaunchDigest(machine: SevMachine): Promise<Bytes> {
  const { firmware, processors } = machine
  const layout = layoutOf(machine)
  if (!Number.isInteger(processors) || processors < 1 || processors > MAX_PROCESSORS) {
    throw new LaunchError('bad_machine', `a machine has 1 to ${MAX_PROCESSORS} processors`)
  }
  const chain = new LaunchChain()
  await chain.addPages('normal', firmware.gpa, firmware.bytes)
  for (const section of layout.sections) await addSection(chain, section, layout, machine.boot)
  for (let index = 0; index < processors; index++) {
    const address = index === 0 ? BOOT_ADDRESS : layout.resetAddress
    await chain.addPages('vmsa', VMSA_GPA, sevVmsa({ ...machine, address }))
  }
  return chain.digest
}

function layoutOf({ firmware, boot }: SevMachine): SevLayout {
  const { sev } = firmware
  if (sev === undefined) throw new LaunchError('unsupported', 'this firmware has no SEV-SNP layout')
  const hasPlace = sev.sections.some(({ kind }) => kind === 'kernel-hashes')
  if (boot !== undefined && (!hasPlace || sev.hashTable === undefined)) {
    const message = 'this firmware has no place for kernel hashes: take an AmdSev build of OVMF'
    throw new LaunchError('unsupported', message)
  }
  return sev
}

async function addSection(
  chain: LaunchChain,
  section: SevSection,
  layout: SevLayout,
  boot: DirectBoot | undefined,
): Promise<void> {
  if (section.kind !== 'kernel-hashes') {
    await chain.addEmpty(SECTION_PAGES[section.kind], section)
  } else if (boot === undefined) {
    await chain.addEmpty('zero', section)
  } else {
    await chain.addPages('normal', section.gpa, await hashPage(section, layout, boot))
  }
}

async function hashPage(
  { size }: SevSection,
  { hashTable = 0 }: SevLayout,
  boot: DirectBoot,
): Promise<Bytes> {
  const table = await sevKernelHashes(boot)
  const offset = hashTable % PAGE
  if (offset + table.length > size) {
    throw new LaunchError('bad_firmware', 'the table of hashes does not fit its section')
  }
  const page = new Uint8Array(size)
  page.set(table, offset)
  return page
}

class LaunchChain {
  digest: Bytes = new Uint8Array(DIGEST_BYTES)

  async addPages(type: PageType, gpa: number, bytes: Bytes): Promise<void> {
    for (let at = 0; at < bytes.length; at += PAGE) {
      const contents = await digestOf('SHA-384', bytes.slice(at, at + PAGE))
      await this.#extend(type, type === 'vmsa' ? gpa : gpa + at, contents)
    }
  }

  /** Pages whose contents the processor makes, or that are empty. */
  async addEmpty(type: PageType, { gpa, size }: SevSection): Promise<void> {
    const none = new Uint8Array(DIGEST_BYTES)
    for (let at = 0; at < size; at += PAGE) await this.#extend(type, gpa + at, none)
  }

  async #extend(type: PageType, gpa: number, contents: Bytes): Promise<void> {
    // LENGTH, PAGE_TYPE, IMI_PAGE, permissions of VMPL 3 to 1 (none), GPA.
    const tail = new DataView(new ArrayBuffer(PAGE_INFO_BYTES - 2 * DIGEST_BYTES))
    tail.setUint16(0, PAGE_INFO_BYTES, true)
    tail.setUint8(2, PAGE_TYPES[type])
    tail.setBigUint64(8, BigInt(gpa), true)
    const info = concat(this.digest, contents, new Uint8Array(tail.buffer))
    this.digest = await digestOf('SHA-384', info)
  }
}
