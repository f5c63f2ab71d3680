import { type Bytes, equalBytes } from '#base/bytes.ts'
import { demand } from '../errors.ts'
import { DerReader, readDer, TAG } from './reader.ts'
import { oid, text } from './values.ts'

/** Attribute types by their RFC 4519 short names. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
}

const MAX_ATTRIBUTES = 16

/** A name's attributes in order; types without a short name appear by OID. */
export function nameAttributes(name: Bytes): readonly (readonly [type: string, value: string])[] {
  const attributes: [string, string][] = []
  const sets = new DerReader(readDer(name, TAG.sequence).content)
  while (!sets.done) {
    const set = sets.enter(TAG.set)
    const pair = set.enter()
    const type = oid(pair.next())
    attributes.push([ATTRIBUTES[type] ?? type, text(pair.next())])
    pair.end()
    // A multi-valued RDN would let two readers disagree about a name; no vendor uses one.
    set.end()
    demand(attributes.length <= MAX_ATTRIBUTES, 'parse', 'name has too many attributes')
  }
  return attributes
}

/** The one common name of a name; undefined when it has none or several. */
export function commonName(name: Bytes): string | undefined {
  const values = nameAttributes(name).filter(([type]) => type === 'CN')
  return values.length === 1 ? values[0]?.[1] : undefined
}

/** Whether two raw names are the same bytes, the only comparison that chains use here. */
export function sameName(a: Bytes, b: Bytes): boolean {
  return equalBytes(a, b)
}
