import { equalBytes, fromUtf8 } from '#base/bytes.ts'
import type { MacKey, Provider } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { canonicalMessage } from './hash.ts'
import { requestId } from './ids.ts'
import { PURPOSE } from './labels.ts'
import {
  amount,
  exact,
  hexOf,
  integer,
  literal,
  type Parsed,
  parseJson,
  price,
  seconds,
  text,
} from './parse.ts'

const MAX_TOKENS = 100_000_000
export const MAX_ATTEMPT = 1000
const MAX_HEADER_CHARACTERS = 4096

export const prices = exact({ input: price, cached: price, output: price })

const wireParser = exact({
  purpose: literal(PURPOSE.allowance),
  request: requestId,
  /** 1 for the first runner that this request goes to. */
  attempt: integer(1, MAX_ATTEMPT),
  /** ACI session of the runner that may serve it. */
  session: hexOf(32),
  /** The body it is for: `Envelope.binding`. */
  enc: hexOf(32),
  max_prompt_tokens: integer(0, MAX_TOKENS),
  max_completion_tokens: integer(0, MAX_TOKENS),
  price: prices,
  max_cost: amount,
  expires: seconds,
  /** Opaque to the runner: the account, sealed under the gateway's own key. */
  ref: text(512, /^[A-Za-z0-9_-]+$/),
})

/** What a runner may produce for one body, and what it will be paid. @see SPEC.md section 7 */
export type Allowance = Omit<Parsed<typeof wireParser>, 'purpose'>

/** The value of `x-cocoon-allowance`: base64url(JCS) "." base64url(HMAC over the JCS bytes). */
export function sealAllowance(
  provider: Pick<Provider, 'texts'>,
  allowance: Allowance,
  key: MacKey,
): string {
  const { base64url } = provider.texts
  const body = canonicalMessage({ ...allowance, purpose: PURPOSE.allowance })
  return `${base64url(body)}.${base64url(key.mac(body))}`
}

/**
 * Authenticates an allowance before reading it, then checks that it is for this body and still open.
 * @param expected.binding `Envelope.binding` of the request that carries it
 * @param expected.now unix seconds
 */
export function openAllowance(
  provider: Pick<Provider, 'texts'>,
  header: string,
  key: MacKey,
  expected: { binding: string; now: number },
): Allowance {
  const { purpose: _, ...allowance } = wireParser(
    parseJson(authentic(provider, header, key)),
    'allowance',
  )
  if (allowance.enc !== expected.binding) {
    throw new ProtocolError('allowance_invalid', 'allowance is for another body')
  }
  if (allowance.expires < expected.now) {
    throw new ProtocolError('allowance_expired', 'allowance has expired')
  }
  return allowance
}

function authentic(provider: Pick<Provider, 'texts'>, header: string, key: MacKey): string {
  const { fromBase64url } = provider.texts
  const [body = '', mac = '', ...rest] = header.split('.')
  try {
    if (header.length > MAX_HEADER_CHARACTERS || rest.length > 0) throw new RangeError('form')
    const bytes = fromBase64url(body)
    if (!equalBytes(key.mac(bytes), fromBase64url(mac))) throw new RangeError('mac')
    return fromUtf8(bytes)
  } catch (cause) {
    throw new ProtocolError('allowance_invalid', 'allowance is not one of this gateway', { cause })
  }
}
