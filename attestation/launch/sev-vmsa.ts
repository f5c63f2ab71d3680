import type { Bytes } from '#base/bytes.ts'

const VMSA_BYTES = 4096

/** What a processor starts with. */
export interface StartState {
  /** CS base and IP in one. */
  readonly address: number
  /** CPUID signature of the guest's CPU model: in RDX at reset. */
  readonly signature: number
  /** SEV_FEATURES: bit 0 is SNP itself. */
  readonly features: number
}

interface Segment {
  readonly at: number
  readonly selector?: number
  readonly attributes: number
  readonly base?: number
}

/** Segment registers at reset, in the area's order; every limit is 64 KiB. */
const SEGMENTS: readonly Segment[] = [
  { at: 0x00, attributes: 0x93 }, // ES
  { at: 0x20, attributes: 0x93 }, // SS
  { at: 0x30, attributes: 0x93 }, // DS
  { at: 0x40, attributes: 0x93 }, // FS
  { at: 0x50, attributes: 0x93 }, // GS
  { at: 0x60, attributes: 0x00 }, // GDTR
  { at: 0x70, attributes: 0x82 }, // LDTR
  { at: 0x80, attributes: 0x00 }, // IDTR
  { at: 0x90, attributes: 0x8b }, // TR
]
const SEGMENT_LIMIT = 0xffff

/** Registers with a fixed value at reset under KVM: offset, bits, value. */
const REGISTERS: readonly (readonly [offset: number, value: bigint])[] = [
  [0xd0, 0x1000n], // EFER: SVME, which KVM sets
  [0x148, 0x40n], // CR4: MCE, which KVM sets
  [0x158, 0x10n], // CR0
  [0x160, 0x400n], // DR7
  [0x168, 0xffff0ff0n], // DR6
  [0x170, 0x2n], // RFLAGS
  [0x268, 0x7040600070406n], // G_PAT
  [0x3e8, 0x1n], // XCR0
]
const RIP = 0x178
const RDX = 0x310
const SEV_FEATURES = 0x3b0
const MXCSR = 0x408
const X87_FCW = 0x410

/**
 * The page of a processor's first state as QEMU and KVM make it. It is measured, one page a processor.
 * @see AMD64 APM volume 2 table B-4 (VMSA layout); QEMU target/i386/sev.c; Linux arch/x86/kvm/svm/sev.c
 */
export function sevVmsa({ address, signature, features }: StartState): Bytes {
  const page = new Uint8Array(VMSA_BYTES)
  const view = new DataView(page.buffer)
  const code = { at: 0x10, selector: 0xf000, attributes: 0x9b, base: (address & 0xffff0000) >>> 0 }
  for (const { at, selector = 0, attributes, base = 0 } of [...SEGMENTS, code]) {
    view.setUint16(at, selector, true)
    view.setUint16(at + 2, attributes, true)
    view.setUint32(at + 4, SEGMENT_LIMIT, true)
    view.setBigUint64(at + 8, BigInt(base), true)
  }
  for (const [offset, value] of REGISTERS) view.setBigUint64(offset, value, true)
  view.setBigUint64(RIP, BigInt(address & 0xffff), true)
  view.setBigUint64(RDX, BigInt(signature), true)
  view.setBigUint64(SEV_FEATURES, BigInt(features), true)
  view.setUint32(MXCSR, 0x1f80, true)
  view.setUint16(X87_FCW, 0x37f, true)
  return page
}
