import { type Bytes, fromHex } from '#base/bytes.ts'
import { demand, parsing } from '../../errors.ts'
import { attribute, childElements, exactChildren, isElement, NS } from './elements.ts'
import { readXmlSignature, type XmlSignature } from './signature.ts'
import { parseXml, type XmlElement } from './xml.ts'

/** The reference value of one measurement: any of the alternatives is good. */
export interface ReferenceValue {
  readonly index: number
  readonly alternatives: readonly Bytes[]
}

/** A reference integrity manifest: the measurements that NVIDIA published for one driver or firmware. */
export interface RimManifest {
  /** Version of the driver or firmware that it describes. */
  readonly version: string
  /** Chip, "GH100". */
  readonly product: string
  /** "GPU" or "SWITCH" */
  readonly edition: string
  /** Values that must be compared; inactive ones are left out. */
  readonly active: readonly ReferenceValue[]
  /** The element tree that all of this was read from, and its signature. */
  readonly root: XmlElement
  readonly signature: XmlSignature
}

const MANUFACTURER = 'NVIDIA Corporation'
const MANUFACTURER_ID = '5703'
const MAX_INDEX = 255
const MAX_ALTERNATIVES = 16
const HASH_BYTES = 48

/**
 * Parses a manifest. Measurements are read from the very tree whose canonical form the signature covers, at fixed
 * places of it, so nothing outside what is signed can be taken for a measurement.
 * @throws AttestationError
 * @see ISO/IEC 19770-2:2015; TCG Reference Integrity Manifest Information Model 1.01
 */
export function parseRimManifest(xml: Bytes): RimManifest {
  const root = parseXml(xml)
  demand(isElement(root, NS.swid, 'SoftwareIdentity'), 'parse', 'RIM is not a SoftwareIdentity')
  const signature = readXmlSignature(root)
  const [entity, meta, payload] = exactBody(root, signature.element)
  const creator = attribute(entity, 'name') === MANUFACTURER
  demand(creator, 'rim-mismatch', 'RIM was not created by NVIDIA')
  const id = attribute(meta, 'FirmwareManufacturerId', NS.rim)
  demand(id === MANUFACTURER_ID, 'rim-mismatch', 'RIM is for another manufacturer')
  const product = attribute(meta, 'product') ?? ''
  demand(attribute(root, 'name') === product, 'rim-mismatch', 'RIM names two products')
  return {
    version: attribute(meta, 'colloquialVersion') ?? '',
    product,
    edition: attribute(meta, 'edition') ?? '',
    active: readPayload(payload),
    root,
    signature,
  }
}

/** Entity, Meta, Payload, each once; the signature may stand anywhere among them. */
function exactBody(root: XmlElement, signature: XmlElement) {
  const children = root.children.filter((child) => child !== signature)
  return exactChildren({ ...root, children }, NS.swid, ['Entity', 'Meta', 'Payload'])
}

function readPayload(payload: XmlElement): ReferenceValue[] {
  const seen = new Set<number>()
  const active: ReferenceValue[] = []
  for (const resource of childElements(payload)) {
    demand(isElement(resource, NS.swid, 'Resource'), 'parse', 'RIM payload holds something else')
    const value = readResource(resource)
    demand(!seen.has(value.index), 'parse', `RIM lists measurement ${value.index} twice`)
    seen.add(value.index)
    if (value.active) active.push(value)
  }
  // Nothing would be compared, which must not read as all being equal.
  demand(active.length > 0, 'rim-mismatch', 'RIM has no active measurement')
  return active
}

function readResource(resource: XmlElement): ReferenceValue & { readonly active: boolean } {
  const is = (name: string, value: string): boolean => attribute(resource, name) === value
  demand(resource.children.length === 0, 'parse', 'RIM measurement is not empty')
  demand(is('type', 'Measurement'), 'parse', 'RIM resource is not a measurement')
  demand(is('size', String(HASH_BYTES)), 'parse', 'RIM measurement size')
  demand(is('active', 'True') || is('active', 'False'), 'parse', 'RIM measurement state')
  const count = wholeNumber(attribute(resource, 'alternatives'), MAX_ALTERNATIVES)
  const hashes = resource.attributes.filter(({ uri }) => uri === NS.sha384)
  demand(count > 0 && hashes.length === count, 'parse', 'RIM alternatives and hashes differ')
  const alternatives = Array.from({ length: count }, (_, i) => {
    const hash = attribute(resource, `Hash${i}`, NS.sha384)
    demand(hash?.length === 2 * HASH_BYTES, 'parse', 'RIM hash is missing or has another length')
    return parsing('RIM hash', () => fromHex(hash, { anyCase: true }))
  })
  const index = wholeNumber(attribute(resource, 'index'), MAX_INDEX)
  return { index, alternatives, active: is('active', 'True') }
}

function wholeNumber(text: string | undefined, max: number): number {
  demand(text !== undefined && /^(0|[1-9]\d{0,2})$/.test(text), 'parse', 'RIM number')
  const value = Number(text)
  demand(value <= max, 'parse', `RIM number above ${max}`)
  return value
}
