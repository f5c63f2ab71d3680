import { CodedError } from '#base/coded-error.ts'
import { ReadError } from '#base/reader.ts'
import type { FailureCode } from './codes.ts'

/**
 * The one error of this folder: evidence or collateral is not what it must be. Its code is the code
 * of the failed check and `FAILURES[code].remedy` says what the caller does about it. Verifiers turn
 * it into a failed check; only parsers used alone let it through.
 */
export class AttestationError extends CodedError<FailureCode> {
  override readonly name = 'AttestationError'
}

/** Throws unless the condition holds. `detail` holds sizes, ids and public values only. */
export function demand(condition: boolean, code: FailureCode, detail: string): asserts condition {
  if (!condition) throw new AttestationError(code, detail)
}

/** Runs a parser so that each way of being malformed surfaces as an AttestationError. */
export function parsing<T>(what: string, parse: () => T, code: FailureCode = 'parse'): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof AttestationError) throw cause
    if (cause instanceof ReadError || cause instanceof RangeError || cause instanceof SyntaxError) {
      throw new AttestationError(code, `${what} is malformed`, { cause })
    }
    // TextDecoder reports ill-formed UTF-8 by a TypeError.
    if (cause instanceof TypeError || cause instanceof URIError) {
      throw new AttestationError(code, `${what} is malformed`, { cause })
    }
    throw cause
  }
}
