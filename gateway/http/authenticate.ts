import type { Authenticator, Identity } from '../accounts/authenticator.ts'
import { AccountError, type AccountErrorCode } from '../accounts/errors.ts'
import { MAX_SESSION_TOKEN_CHARS } from '../accounts/session-token.ts'
import { ApiError, type ApiErrorCode } from '../errors.ts'

/** A session is the longest credential. */
const BEARER = new RegExp(`^Bearer +([^\\s]{1,${MAX_SESSION_TOKEN_CHARS}})$`, 'i')

/** Reads a key as OpenAI's SDKs send it, or as Anthropic's do. @throws ApiError `invalid_api_key` */
export function readKey(authorization: string | undefined, apiKey: string | undefined): string {
  const key = authorization === undefined ? apiKey : BEARER.exec(authorization)?.[1]
  if (key === undefined || key === '') {
    throw new ApiError(
      'invalid_api_key',
      'You did not provide an API key: send it as Authorization: Bearer sk-coc-…',
    )
  }
  return key
}

/** @throws ApiError */
export async function authenticate(authenticator: Authenticator, key: string): Promise<Identity> {
  try {
    return await authenticator.authenticate(key)
  } catch (error) {
    throw fromAccountError(error)
  }
}

const CODES = {
  invalid_key: ['invalid_api_key', 'Incorrect API key provided'],
  revoked_key: ['invalid_api_key', 'This API key was revoked'],
  expired_key: ['invalid_api_key', 'This API key has expired'],
  bad_request: ['invalid_request', undefined],
  bad_signature: ['signature_invalid', undefined],
  stale_statement: ['invalid_request', undefined],
  account_exists: ['account_exists', undefined],
  unknown_account: ['account_not_found', undefined],
  unknown_key: ['key_not_found', 'No such key'],
  too_many_keys: [
    'conflict',
    'This account has as many keys as it may: revoke one that is not needed',
  ],
  key_is_revoked: ['conflict', 'This key was revoked: make another one'],
  too_many_wallets: ['conflict', undefined],
  unknown_wallet: ['not_found', undefined],
} as const satisfies Record<AccountErrorCode, readonly [ApiErrorCode, string | undefined]>

/** An account's error as the API answers it; anything else stays what it is. */
export function fromAccountError(error: unknown): unknown {
  if (!(error instanceof AccountError)) return error
  const [code, message] = CODES[error.code]
  return new ApiError(code, message ?? error.message, { cause: error })
}
