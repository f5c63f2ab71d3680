import { type ErrorClass, Violation } from './target.ts'

/** V8's own complaints begin with a capital letter; ours, and those of `base/`, never do. */
const ENGINE_MADE = /^(?:[A-Z"'`]|\(|[\w$.]+ is not |[\w$.]+ is (?:null|undefined))/
/** How platforms say that a text is no UTF-8, no JSON, no key: part of their contract, not an accident. */
const EXPECTED = new Set(['ERR_ENCODING_INVALID_ENCODED_DATA', 'ERR_INVALID_URL'])
/** WebCrypto of a point that is on no curve. */
const EXPECTED_MESSAGES = new Set(['Invalid key data'])
const MOST_CAUSES = 8

/**
 * Why what was thrown is a finding, or undefined when it is a refusal.
 *
 * A typed error is not enough: many parsers turn whatever happens inside them into one, so its causes are looked at too.
 */
export function judge(error: unknown, allowed: readonly ErrorClass[]): string | undefined {
  if (error instanceof Violation) return error.message
  if (!(error instanceof Error)) return `threw ${typeof error}, which is no Error`
  if (!allowed.some((type) => error instanceof type)) return `threw ${describe(error)}`
  let cause: unknown = error
  for (let depth = 0; depth < MOST_CAUSES && cause instanceof Error; depth++) {
    if (isAccident(cause)) return `hides ${describe(cause)}`
    cause = cause.cause
  }
  return undefined
}

function isAccident(error: Error): boolean {
  const isOfEngine =
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
  if (!isOfEngine) return false
  if ('code' in error && typeof error.code === 'string' && EXPECTED.has(error.code)) return false
  if (EXPECTED_MESSAGES.has(error.message)) return false
  // A library that complains in its own way about what it was given has been asked whether that is well-formed.
  if (frameOf(error).includes('/node_modules/')) return false
  return ENGINE_MADE.test(error.message)
}

/** Of an error of ours: where it came from says more than its text. */
function describe(error: Error): string {
  return `${error.name}: ${error.message.slice(0, 200)} ${frameOf(error)}`
}

/** Where it was thrown, but for the platform's own code. */
function frameOf(error: Error): string {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return frames.find((line) => !/\(?node:|<anonymous>\)?$/.test(line))?.trim() ?? ''
}
