import type { Bytes } from '#base/bytes.ts'
import type { SevProduct } from '../anchors.ts'
import { demand } from '../errors.ts'

/** The security version numbers of a TCB_VERSION; `fmc` exists from Turin on. */
export interface SevTcb {
  readonly fmc: number
  readonly bl: number
  readonly tee: number
  readonly snp: number
  readonly ucode: number
}

export type TcbPart = keyof SevTcb

const TCB_PARTS: readonly TcbPart[] = ['fmc', 'bl', 'tee', 'snp', 'ucode']

/** Byte → component; bytes without one are reserved. @see AMD 56860, TCB_VERSION */
const LEGACY: readonly (TcbPart | undefined)[] = [
  'bl',
  'tee',
  undefined,
  undefined,
  undefined,
  undefined,
  'snp',
  'ucode',
]
const LAYOUTS: Readonly<Record<SevProduct, readonly (TcbPart | undefined)[]>> = {
  Milan: LEGACY,
  Genoa: LEGACY,
  Turin: ['fmc', 'bl', 'tee', 'snp', undefined, undefined, undefined, 'ucode'],
}

/** Decodes the 8 stored bytes by the product's layout; reserved bytes must be zero. */
export function decodeTcb(raw: Bytes, product: SevProduct): SevTcb {
  const tcb = { fmc: 0, bl: 0, tee: 0, snp: 0, ucode: 0 }
  for (const [i, part] of LAYOUTS[product].entries()) {
    const byte = raw[i] ?? 0
    if (part !== undefined) tcb[part] = byte
    else demand(byte === 0, 'reserved-bits', `reserved TCB byte ${i} is set`)
  }
  return tcb
}

/** The inverse of `decodeTcb`. */
export function encodeTcb(tcb: SevTcb, product: SevProduct): Bytes {
  return Uint8Array.from(LAYOUTS[product], (part) => (part === undefined ? 0 : tcb[part]))
}

/** Parts of `tcb` that are below `floor`: a TCB is never one number. */
export function partsBelow(tcb: SevTcb, floor: SevTcb): TcbPart[] {
  return TCB_PARTS.filter((part) => tcb[part] < floor[part])
}

/** "bl 10, tee 0, snp 23, ucode 84" */
export function tcbText(tcb: SevTcb): string {
  return TCB_PARTS.map((part) => `${part} ${tcb[part]}`).join(', ')
}
