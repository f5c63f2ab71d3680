import type { Bytes } from '#base/bytes.ts'
import { hex } from '#base/bytes.ts'
import { ByteReader, ReadError } from '#base/reader.ts'
import { QuoteError } from './quote-error.ts'

/** Certificates that the host put beside an SNP report. The verifier judges them; this only finds them. */
export interface AuxCertificates {
  readonly vek: Bytes | undefined
  /** ASK or ASVK, then ARK, as far as present. */
  readonly chain: readonly Bytes[]
}

/** GUIDs in the byte order of the table: the first three fields little-endian. @see GHCB 2.03, table 3 */
const GUIDS: ReadonlyMap<string, 'vek' | 'ask' | 'ark'> = new Map([
  ['8d75da6364e66445adc5f4b93be8accd', 'vek'],
  ['8a4b07a85ba25a3e8aae39c045a0b8a1', 'vek'],
  ['79b3b74aacbbe44fa02f05aef327c782', 'ask'],
  ['a406b4c003a8524997433fb6014cd0ae', 'ark'],
])
const END_GUID = '0'.repeat(32)
const ENTRY_BYTES = 24
const MAX_ENTRIES = 16
const MAX_CERTIFICATE_BYTES = 16 * 1024

/**
 * Reads the certificate table of an extended report (`auxblob`): 24-byte entries {GUID, offset, length},
 * ended by a zero entry, then the certificates.
 * @throws QuoteError `device_malformed`
 * @see GHCB specification 2.03, section 4.1.8.1
 */
export function readAuxCertificates(table: Bytes): AuxCertificates {
  if (table.length === 0) return { vek: undefined, chain: [] }
  const found = new Map<string, Bytes>()
  try {
    const reader = new ByteReader(table)
    for (let count = 0; ; count++) {
      const guid = hex(reader.take(16))
      const offset = reader.u32le()
      const length = reader.u32le()
      if (guid === END_GUID) break
      if (count >= MAX_ENTRIES) throw malformed('too many certificate entries')
      const name = GUIDS.get(guid)
      if (name !== undefined) found.set(name, certificate(table, offset, length))
    }
  } catch (error) {
    if (error instanceof ReadError) throw malformed('the certificate table has no end')
    throw error
  }
  const chain = ['ask', 'ark'].flatMap((name) => found.get(name) ?? [])
  return { vek: found.get('vek'), chain }
}

function certificate(table: Bytes, offset: number, length: number): Bytes {
  const isInside = offset >= ENTRY_BYTES && length > 0 && offset + length <= table.length
  if (!isInside || length > MAX_CERTIFICATE_BYTES) throw malformed('a certificate lies outside')
  return table.slice(offset, offset + length)
}

function malformed(message: string): QuoteError {
  return new QuoteError('device_malformed', message)
}
