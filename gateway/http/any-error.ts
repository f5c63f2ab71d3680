import { ProtocolError, toProblem } from '#protocol'
import { ApiError, errorAnswer, errorObject } from '../errors.ts'
import { LedgerError } from '../ledger/errors.ts'
import { codeOf } from '../log.ts'
import { fromAccountError } from './authenticate.ts'

export interface PlainErrorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The answer to anything thrown while a request was served. What is wrong with a sealed envelope is told as EHBP
 * demands (a problem document), with OpenAI's error object inside, so that both kinds of clients can read it.
 * @param bodyOf how the caller's API says it
 */
export function anyErrorAnswer(
  thrown: unknown,
  bodyOf?: (error: ApiError) => object,
): PlainErrorAnswer {
  if (thrown instanceof ProtocolError) return problemAnswer(thrown)
  if (isStoreFailure(thrown)) return errorAnswer(overloaded(CANNOT_WRITE, thrown), bodyOf)
  if (thrown instanceof LedgerError) {
    return errorAnswer(overloaded('The ledger is not available', thrown), bodyOf)
  }
  return errorAnswer(fromAccountError(thrown), bodyOf)
}

/** What SQLite says when a disk is full, read-only or busy: it passes, unlike a mistake of ours. */
const PASSING = /^SQLITE_(?:FULL|BUSY|LOCKED|READONLY|IOERR|CANTOPEN)/

const CANNOT_WRITE =
  'This gateway cannot write its books, so it sells nothing; its log tells its operator what to do. Try again later'

function isStoreFailure(thrown: unknown): boolean {
  const cause = thrown instanceof LedgerError ? thrown.cause : thrown
  return cause instanceof Error && PASSING.test(codeOf(cause))
}

function overloaded(message: string, cause: unknown): ApiError {
  return new ApiError('overloaded', message, { cause })
}

function problemAnswer(error: ProtocolError): PlainErrorAnswer {
  const problem = toProblem(error)
  const code = error.code === 'version_unsupported' ? error.code : 'seal_invalid'
  const told = errorObject(new ApiError(code, error.message))
  return {
    status: problem.status,
    headers: {
      'content-type': problem.contentType,
      'cache-control': 'no-store',
      'x-should-retry': 'false',
    },
    body: JSON.stringify({ ...told, ...problem.body }),
  }
}
