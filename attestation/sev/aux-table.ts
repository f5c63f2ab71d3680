import { type Bytes, hex } from '#base/bytes.ts'
import { demand } from '../errors.ts'

/** GUIDs in the mixed-endian byte order in which the table stores them. @see GHCB specification 2.03 section 4.1.8.1 */
const KINDS: Readonly<Record<string, CertificateKind>> = {
  '8d75da6364e66445adc5f4b93be8accd': 'vcek',
  c24b07a85aa23e48aae639c045a0b8a1: 'vlek',
  '79b3b74aacbbe44fa02f05aef327c782': 'ask',
  a406b4c003a8524997433fb6014cd0ae: 'ark',
  c31bf89211583d4d97ffd19f88dc67ea: 'crl',
}

export type CertificateKind = 'vcek' | 'vlek' | 'ask' | 'ark' | 'crl'

const MAX_TABLE_BYTES = 65_536
const ENTRY_BYTES = 24
const MAX_ENTRIES = 32

/**
 * Parses the certificate table that the host hands to the guest beside a report. The host may put anything
 * in it: bounds, overlaps and duplicates are checked, unknown GUIDs are left out, an empty table is legal.
 */
export function parseCertificateTable(
  table: Bytes,
): Readonly<Partial<Record<CertificateKind, Bytes>>> {
  demand(table.length <= MAX_TABLE_BYTES, 'too-large', `certificate table of ${table.length} bytes`)
  if (table.length === 0) return {}
  const entries = readEntries(table)
  const header = (entries.length + 1) * ENTRY_BYTES
  const found: Partial<Record<CertificateKind, Bytes>> = {}
  let end = header
  for (const { guid, offset, length } of entries.toSorted((a, b) => a.offset - b.offset)) {
    demand(offset >= end, 'parse', 'certificate table entries overlap')
    // Both are below 2^32, so the sum is exact: no 32-bit overflow.
    end = offset + length
    demand(end <= table.length, 'parse', 'certificate table entry runs past the end')
    const kind = Object.hasOwn(KINDS, guid) ? KINDS[guid] : undefined
    if (kind !== undefined) found[kind] = table.slice(offset, end)
  }
  return found
}

interface Entry {
  readonly guid: string
  readonly offset: number
  readonly length: number
}

function readEntries(table: Bytes): Entry[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength)
  const entries: Entry[] = []
  for (let at = 0; ; at += ENTRY_BYTES) {
    demand(at + ENTRY_BYTES <= table.length, 'parse', 'certificate table has no terminator')
    const row = table.subarray(at, at + ENTRY_BYTES)
    if (row.every((byte) => byte === 0)) return entries
    const guid = hex(row.subarray(0, 16))
    demand(!entries.some((entry) => entry.guid === guid), 'parse', 'duplicate GUID in the table')
    demand(entries.length < MAX_ENTRIES, 'parse', 'certificate table has too many entries')
    entries.push({
      guid,
      offset: view.getUint32(at + 16, true),
      length: view.getUint32(at + 20, true),
    })
  }
}
