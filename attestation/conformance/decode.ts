import { type Bytes, concat, fromBase64, fromHex, fromUtf8, utf8 } from '#base/bytes.ts'
import { AttestationError, demand, parsing } from '../errors.ts'

/** Decoders of the manifest's `encoding` tokens, by the name before the colon. */
const DECODERS: Readonly<
  Record<string, (bytes: Bytes, argument: string) => Bytes | Promise<Bytes>>
> = Object.assign(Object.create(null), {
  hex: (bytes: Bytes) => fromHex(asciiText(bytes), { anyCase: true }),
  base64: (bytes: Bytes) => fromBase64(asciiText(bytes)),
  url: (bytes: Bytes) => utf8(decodeURIComponent(fromUtf8(bytes))),
  gzip: gunzip,
  pem: (bytes: Bytes, index: string) => pemBlock(bytes, Number(index || '0')),
  'pem-from': (bytes: Bytes, index: string) => pemFrom(bytes, Number(index)),
  'json-field': jsonField,
  slice,
} satisfies Record<string, (bytes: Bytes, argument: string) => Bytes | Promise<Bytes>>)

/**
 * Applies an `encoding` ("json-field:a.b+base64+gzip") to a file's bytes, token by token.
 * @throws AttestationError for an unknown token or bytes that do not decode
 */
export async function decodeFile(bytes: Bytes, encoding: string | undefined): Promise<Bytes> {
  let decoded = bytes
  for (const token of encoding === undefined ? [] : encoding.split('+')) {
    const [name = '', ...rest] = token.split(':')
    const decode = DECODERS[name]
    demand(decode !== undefined, 'parse', `encoding ${name} is not known`)
    const input = decoded
    decoded = await parsing(`encoding ${token}`, () => decode(input, rest.join(':')))
  }
  return decoded
}

function asciiText(bytes: Bytes): string {
  return fromUtf8(bytes).replace(/\s+/g, '')
}

const MAX_INFLATED_BYTES = 4_194_304

async function gunzip(bytes: Bytes): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  const parts: Uint8Array[] = []
  let total = 0
  try {
    for await (const part of stream) {
      total += part.length
      demand(total <= MAX_INFLATED_BYTES, 'too-large', 'compressed file')
      parts.push(part)
    }
  } catch (cause) {
    if (cause instanceof AttestationError) throw cause
    throw new AttestationError('parse', 'gzip is malformed', { cause })
  }
  return concat(...parts)
}

const PEM_BLOCK = /-----BEGIN [^-]+-----([^-]*)-----END [^-]+-----/g

function pemBlocks(bytes: Bytes): RegExpMatchArray[] {
  return [...fromUtf8(bytes).matchAll(PEM_BLOCK)]
}

function pemBlock(bytes: Bytes, index: number): Bytes {
  const body = pemBlocks(bytes)[index]?.[1]
  demand(body !== undefined, 'parse', `no PEM block ${index}`)
  return fromBase64(body.replace(/\s+/g, ''))
}

function pemFrom(bytes: Bytes, index: number): Bytes {
  const block = pemBlocks(bytes)[index]
  demand(block !== undefined, 'parse', `no PEM block ${index}`)
  return utf8(fromUtf8(bytes).slice(block.index))
}

function jsonField(bytes: Bytes, path: string): Bytes {
  let value: unknown = JSON.parse(fromUtf8(bytes))
  for (const key of path.split('.')) {
    demand(typeof value === 'object' && value !== null, 'parse', `no JSON field ${path}`)
    // Sound: any object may be read by a string key; the value stays unknown.
    value = (value as Record<string, unknown>)[key]
  }
  demand(value !== undefined, 'parse', `no JSON field ${path}`)
  if (typeof value === 'string') return utf8(value)
  if (!isOctets(value)) return utf8(JSON.stringify(value))
  return Uint8Array.from(value)
}

function isOctets(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte < 256)
}

function slice(bytes: Bytes, argument: string): Bytes {
  const [start = '0', length = '*'] = argument.split(':')
  const from = Number(start)
  if (length === '*') return bytes.slice(from)
  const pointer = /^u32@(\d+)$/.exec(length)?.[1]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = pointer === undefined ? Number(length) : view.getUint32(Number(pointer), true)
  demand(from + count <= bytes.length, 'parse', 'slice runs past the end')
  return bytes.slice(from, from + count)
}
