import { type Bytes, concat, fromHex, utf8 } from '#base/bytes.ts'
import type { Signer } from './der.ts'

/** Field type → raw value; the order is the order on the wire. */
export type OpaqueValues = Readonly<Record<number, Uint8Array>>

/** Everything in a transcript; each part can be overridden before or after signing. */
export interface TranscriptFields {
  /** The request's nonce, 32 bytes. */
  readonly nonce: Uint8Array
  readonly responseNonce: Uint8Array
  /** Blocks 1 to n. */
  readonly measurements: readonly Uint8Array[]
  readonly opaque: OpaqueValues
  readonly signer: Signer
  /** Edits the signed bytes before they are signed. */
  readonly edit?: (signed: Bytes) => Bytes
  /** Edits the whole transcript after signing. */
  readonly tamper?: (whole: Bytes) => Bytes
}

/** An SPDM 1.1 GET_MEASUREMENTS request and its signed answer. @see DMTF DSP0274 section 10.11 */
export async function writeTranscript(fields: TranscriptFields): Promise<Bytes> {
  const { nonce, responseNonce, measurements, signer } = fields
  const blocks = concat(...measurements.map((value, i) => block(i + 1, value)))
  const tlvs = Object.entries(fields.opaque).map(([type, value]) =>
    concat(u16(Number(type)), u16(value.length), value),
  )
  const opaque = concat(...tlvs)
  const written = concat(
    Uint8Array.of(0x11, 0xe0, 0x01, 0xff),
    nonce,
    Uint8Array.of(0),
    Uint8Array.of(0x11, 0x60, 0, 0, measurements.length),
    u16(blocks.length & 0xffff),
    Uint8Array.of(blocks.length >> 16),
    blocks,
    responseNonce,
    u16(opaque.length),
    opaque,
  )
  const signed = fields.edit?.(written) ?? written
  const whole = concat(signed, await signer.signRaw(signed))
  return fields.tamper?.(whole) ?? whole
}

function block(index: number, value: Uint8Array): Bytes {
  return concat(
    Uint8Array.of(index, 1),
    u16(value.length + 3),
    Uint8Array.of(1),
    u16(value.length),
    value,
  )
}

export function u16(value: number): Bytes {
  return Uint8Array.of(value & 0xff, value >> 8)
}

const text = (value: string): Bytes => utf8(`${value}\0`)

export interface GpuVersions {
  readonly driver: string
  /** "96.00.9F.00.04" */
  readonly vbios: string
  readonly project: string
  readonly projectSku: string
  readonly chipSku: string
}

/** The opaque fields that a Hopper GPU with a current driver sends. */
export function gpuOpaque(versions: GpuVersions, fwid: Uint8Array): OpaqueValues {
  const { driver, vbios, project, projectSku, chipSku } = versions
  const [d = 0, c = 0, b = 0, a = 0, e = 0] = fromHex(vbios.replaceAll('.', '').toLowerCase())
  return {
    3: text(driver),
    6: Uint8Array.of(a, b, c, d, e, 0, 0, 0),
    11: Uint8Array.of(0x55),
    15: text(chipSku),
    17: text(project),
    18: text(projectSku),
    20: fwid,
    21: Uint8Array.of(0x55),
    34: u16(1),
    36: u16(0),
  }
}

/** The opaque fields of an LS10 switch: its id, its BIOS, and the GPUs that it sees. */
export function switchOpaque(
  bios: string,
  id: Uint8Array,
  gpuIds: readonly Uint8Array[],
  fwid: Uint8Array,
): OpaqueValues {
  return { 6: utf8(bios), 20: fwid, 22: id, 26: concat(...gpuIds) }
}
