import { ProtocolError } from './errors.ts'
import { modelId, tonAddress } from './ids.ts'
import { digest, exact, literal, type Parser, text } from './parse.ts'

/**
 * What a runner claims to be, inside its keyset and so under its quote: one canonical text, so that no
 * second reading of it exists (H18).
 * @see SPEC.md section 6.2
 */
export interface Subject {
  /** Hex SHA-256 of the GPU evidence, or `none`. */
  readonly gpu: string
  readonly model: string
  /** Raw TON address of the host. */
  readonly payee: string
  /** Digest of the weights: `sha256:<hex>`. */
  readonly weights: string
}

const PREFIX = 'cocoon-runner://v1?'
const MAX_CHARACTERS = 1024

const gpu: Parser<string> = (value, path) =>
  value === 'none' ? literal('none')(value, path) : text(64, /^[0-9a-f]{64}$/)(value, path)

const parser = exact({ gpu, model: modelId, payee: tonAddress, weights: digest })

export function formatSubject(subject: Subject): string {
  const { gpu, model, payee, weights } = parser(subject, 'subject')
  const query = Object.entries({ gpu, model, payee, weights })
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join('&')
  return PREFIX + query
}

/** Parses a subject and refuses any text but the canonical one. */
export function parseSubject(source: string): Subject {
  if (source.length > MAX_CHARACTERS || !source.startsWith(PREFIX)) {
    throw new ProtocolError('message_invalid', 'subject: not a cocoon-runner v1 subject')
  }
  const members: [string, string][] = source
    .slice(PREFIX.length)
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=')
      return [pair.slice(0, at), decode(pair.slice(at + 1))]
    })
  // A repeated or misplaced key, or another spelling, fails the comparison below.
  const subject = parser(Object.fromEntries(members), 'subject')
  if (formatSubject(subject) !== source) {
    throw new ProtocolError('message_invalid', 'subject: not in canonical form')
  }
  return subject
}

function decode(source: string): string {
  try {
    return decodeURIComponent(source)
  } catch {
    throw new ProtocolError('message_invalid', 'subject: bad percent-encoding')
  }
}
