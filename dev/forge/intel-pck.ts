import { type Bytes, fromHex } from '#base/bytes.ts'
import { bool, enumeration, int, octets, oid, seq } from './der.ts'
import type { IntelTcb } from './intel-tcb.ts'

/** What the SGX extension of a PCK certificate says. */
export interface PckFields {
  readonly ppid: Uint8Array
  readonly tcb: IntelTcb
  /** Hex. */
  readonly pceId: string
  /** Hex. */
  readonly fmspc: string
  readonly sgxType: number
  readonly platformInstance: Uint8Array
}

export const SGX_EXTENSION_OID = '1.2.840.113741.1.13.1'

/** One {OID, value} of the extension; suffixes count from the extension's own OID. */
export function pckEntry(suffix: string, value: Uint8Array): Bytes {
  return seq(oid(`${SGX_EXTENSION_OID}.${suffix}`), value)
}

/**
 * The entries of the extension in Intel's order, for tests that leave one out or repeat one.
 * @see Intel SGX PCK Certificate and CRL Profile, section 1.3.5
 */
export function pckEntries(fields: PckFields): Bytes[] {
  const { components, pceSvn } = fields.tcb
  const tcb = [
    ...components.map((svn, i) => pckEntry(`2.${i + 1}`, int(svn))),
    pckEntry('2.17', int(pceSvn)),
    pckEntry('2.18', octets(Uint8Array.from(components))),
  ]
  const configuration = seq(
    pckEntry('7.1', bool(true)),
    pckEntry('7.2', bool(false)),
    pckEntry('7.3', bool(true)),
  )
  return [
    pckEntry('1', octets(fields.ppid)),
    pckEntry('2', seq(...tcb)),
    pckEntry('3', octets(fromHex(fields.pceId))),
    pckEntry('4', octets(fromHex(fields.fmspc))),
    pckEntry('5', enumeration(fields.sgxType)),
    pckEntry('6', octets(fields.platformInstance)),
    pckEntry('7', configuration),
  ]
}
