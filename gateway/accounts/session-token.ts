import { jwtVerify, SignJWT } from 'jose'
import { type Clock, toSeconds, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { type AccountId, accountId } from '../db/ids.ts'
import { AccountError } from './errors.ts'

/** A session cannot be revoked, so that it is short. */
export const SESSION_SECONDS = 900

const ALGORITHM = 'HS256'
/** No other token of this kind is one of these. */
const TYPE = 'cocoon-session+jwt'
/** The longest of the shape below: one names the gateway's origin twice. */
export const MAX_SESSION_TOKEN_CHARS = 512 + 1 + 1_024 + 1 + 43
/** 43 characters hold two bits more than 32 bytes: they are zero, so that no token has a second spelling. */
const SHAPE = /^[\w-]{1,512}\.[\w-]{1,1024}\.[\w-]{42}[AEIMQUYcgkosw048]$/

export interface SessionTokensOptions {
  /** 32 bytes for this purpose alone. */
  readonly secret: Bytes
  /** This gateway's origin: a session of another one is none. */
  readonly gateway: string
  readonly clock: Clock
}

/** Sessions of owners who signed in: good for managing the account, never for inference. */
export interface SessionTokens {
  issue(account: AccountId, nonce: string): Promise<{ token: string; expiresAt: UnixSeconds }>
  /** @throws AccountError `invalid_key` */
  read(token: string): Promise<AccountId>
}

/** Whether a bearer credential has the form of a session: API keys never have. */
export function isSessionToken(text: string): boolean {
  return SHAPE.test(text)
}

export function createSessionTokens({
  secret,
  gateway,
  clock,
}: SessionTokensOptions): SessionTokens {
  return {
    async issue(account, nonce) {
      const now = toSeconds(clock())
      const expiresAt = unixSeconds(now + SESSION_SECONDS)
      const token = await new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setIssuer(gateway)
        .setAudience(gateway)
        .setSubject(account)
        .setJti(nonce)
        .setIssuedAt(now)
        .setExpirationTime(expiresAt)
        .sign(secret)
      return { token, expiresAt }
    },
    async read(token) {
      if (!SHAPE.test(token)) throw new AccountError('invalid_key', 'no session')
      try {
        const { payload } = await jwtVerify(token, secret, {
          algorithms: [ALGORITHM],
          typ: TYPE,
          issuer: gateway,
          audience: gateway,
          requiredClaims: ['sub', 'iat', 'exp', 'jti'],
          maxTokenAge: SESSION_SECONDS,
          currentDate: new Date(clock()),
        })
        return accountId(payload.sub ?? '')
      } catch (cause) {
        throw new AccountError('invalid_key', 'no session, or one that has ended', { cause })
      }
    },
  }
}
