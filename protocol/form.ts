import { fromUtf8 } from '#base/bytes.ts'
import { ProtocolError } from './errors.ts'

/** One part of a `multipart/form-data` body. */
export interface FormPart {
  readonly name: string
  /** Undefined for a field that is no file. */
  readonly filename: string | undefined
  readonly type: string | undefined
  /** A view into the body. */
  readonly bytes: Uint8Array
}

const MAX_PARTS = 64
const MAX_HEAD_BYTES = 2_048
const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d
/** @see RFC 2046 section 5.1.1 */
const DELIMITER = /^--[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/
const MAX_DELIMITER_BYTES = 72
const PARAMETER = /;\s*([a-z0-9*_-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/gi

/**
 * Reads a `multipart/form-data` body (RFC 7578). Its boundary stands in its own first line, since no header travels inside
 * a seal: gateway and runner read the same parts from the same bytes. What follows the closing delimiter is padding.
 * @throws ProtocolError `message_invalid`
 */
export function parseForm(body: Uint8Array): readonly FormPart[] {
  const delimiter = readDelimiter(body)
  const parts: FormPart[] = []
  let at = delimiter.length
  while (!isClose(body, at)) {
    if (parts.length === MAX_PARTS) throw invalid(`has more than ${MAX_PARTS} parts`)
    if (body[at] !== CR || body[at + 1] !== LF) throw invalid('has a malformed delimiter')
    const start = at + 2
    const headEnd = findBlankLine(body, start)
    const end = findDelimiter(body, headEnd, delimiter)
    parts.push({ ...readHead(body.subarray(start, headEnd)), bytes: body.subarray(headEnd, end) })
    at = end + 2 + delimiter.length
  }
  return parts
}

function readDelimiter(body: Uint8Array): Uint8Array {
  const end = body.subarray(0, MAX_DELIMITER_BYTES + 1).indexOf(CR)
  const line = body.subarray(0, Math.max(0, end))
  if (!DELIMITER.test(textOf(line))) throw invalid('does not begin with its boundary')
  return line
}

function isClose(body: Uint8Array, at: number): boolean {
  return body[at] === DASH && body[at + 1] === DASH
}

/** @returns where the part's content begins: after its header lines and the empty one */
function findBlankLine(body: Uint8Array, start: number): number {
  const head = body.subarray(start, start + MAX_HEAD_BYTES)
  for (let at = head.indexOf(CR); at >= 0; at = head.indexOf(CR, at + 1)) {
    if (head[at + 1] === LF && head[at + 2] === CR && head[at + 3] === LF) return start + at + 4
  }
  throw invalid('has a part without an end of its header')
}

/** @returns where the next line that is a delimiter begins, at its CR */
function findDelimiter(body: Uint8Array, start: number, delimiter: Uint8Array): number {
  for (let at = body.indexOf(CR, start); at >= 0; at = body.indexOf(CR, at + 1)) {
    if (body[at + 1] === LF && startsWith(body, at + 2, delimiter)) return at
  }
  throw invalid('has no closing delimiter')
}

function startsWith(body: Uint8Array, start: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) {
    if (body[start + i] !== expected[i]) return false
  }
  return true
}

function readHead(head: Uint8Array): Omit<FormPart, 'bytes'> {
  const lines = new Map<string, string>()
  for (const line of textOf(head).split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0)
      lines.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
  const disposition = lines.get('content-disposition') ?? ''
  const parameters = new Map<string, string>()
  for (const [, key = '', quoted, token] of disposition.matchAll(PARAMETER)) {
    const name = key.toLowerCase()
    if (parameters.has(name)) throw invalid('has a part with a repeated parameter')
    parameters.set(name, quoted?.replaceAll(/\\(.)/g, '$1') ?? token ?? '')
  }
  const name = parameters.get('name')
  if (!/^form-data\b/i.test(disposition) || name === undefined || name === '') {
    throw invalid('has a part without a name')
  }
  const filename = parameters.get('filename') ?? parameters.get('filename*')
  return { name, filename, type: lines.get('content-type') }
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    throw invalid('has a header that is not UTF-8')
  }
}

function invalid(what: string): ProtocolError {
  return new ProtocolError('message_invalid', `the multipart/form-data body ${what}`)
}
