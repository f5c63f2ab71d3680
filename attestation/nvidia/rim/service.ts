import { type Bytes, equalBytes, fromHex, fromUtf8 } from '#base/bytes.ts'
import { digestOf } from '../../digest.ts'
import { demand, parsing } from '../../errors.ts'
import { base64Field, objectField, textField } from '../../fields.ts'

/** An answer of the RIM service. */
export interface RimAnswer {
  readonly id: string
  /** The signed XML document. */
  readonly xml: Bytes
  /** Its SHA-256, as the service says. */
  readonly sha256: Bytes
}

const MAX_XML_BYTES = 262_144
const MAX_ID_CHARS = 128
const SHA256_HEX_CHARS = 64

/** @see https://docs.attestation.nvidia.com (RIM service) */
export function parseRimAnswer(body: Bytes): RimAnswer {
  const value: unknown = parsing('RIM service answer', () => JSON.parse(fromUtf8(body)))
  const answer = objectField(value, 'RIM service answer')
  const sha256 = textField(answer['sha256'], 'RIM digest', SHA256_HEX_CHARS)
  return {
    id: textField(answer['id'], 'RIM id', MAX_ID_CHARS),
    xml: base64Field(answer['rim'], 'RIM', MAX_XML_BYTES),
    sha256: parsing('RIM digest', () => fromHex(sha256, { anyCase: true })),
  }
}

/** The document of an answer, which must be the one asked for and arrive whole. */
export async function openRimAnswer(body: Bytes, id: string): Promise<Bytes> {
  const answer = parseRimAnswer(body)
  demand(answer.id === id, 'rim-mismatch', `RIM service answered for another id than ${id}`)
  const digest = await digestOf('SHA-256', answer.xml)
  demand(equalBytes(digest, answer.sha256), 'rim-signature', 'RIM differs from its digest')
  return answer.xml
}
