import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import { ProtocolError } from './errors.ts'
import { exact, hexOf, optional, parseJson, text } from './parse.ts'
import { SUITE_FACTS } from './suite.ts'

/** What opens one answer: EHBP's session recovery token, and for cocoon/1 what it adds. SPEC 1.6 */
export interface RecoveryToken {
  readonly secret: Bytes
  readonly enc: Bytes
  /** Whether the answer must end with an END frame. */
  readonly end: boolean
  readonly commitmentKey?: Bytes
}

const parser = exact({
  exportedSecret: hexOf(32),
  requestEnc: text(2 * 1120, /^(?:[0-9a-f]{2})+$/),
  /** Present in cocoon/1 only: the answer must then end with END. */
  cocoonCommitmentKey: optional(hexOf(32)),
})

/** The token as JSON; the plain form is the one that EHBP clients exchange. */
export function formatRecoveryToken(token: RecoveryToken): string {
  return JSON.stringify({
    exportedSecret: hex(token.secret),
    requestEnc: hex(token.enc),
    ...(token.end && token.commitmentKey !== undefined
      ? { cocoonCommitmentKey: hex(token.commitmentKey) }
      : {}),
  })
}

export function parseRecoveryToken(source: string): RecoveryToken {
  const fields = parser(parseJson(source), 'token')
  const enc = fromHex(fields.requestEnc)
  if (!SUITE_FACTS.some(({ encLength }) => encLength === enc.length)) {
    throw new ProtocolError('message_invalid', 'token: requestEnc has the length of no suite')
  }
  const key = fields.cocoonCommitmentKey
  const secret = fromHex(fields.exportedSecret)
  if (key === undefined) return { secret, enc, end: false }
  return { secret, enc, end: true, commitmentKey: fromHex(key) }
}
