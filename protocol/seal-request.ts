import { type Bytes, concat, copyBytes } from '#base/bytes.ts'
import type { BodyOpener, CryptoMode, FrameObserver, Provider } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { endAad, MAX_PLAINTEXT_BYTES, PREFIX_BYTES, writePrefix } from './frame.ts'
import { type EncodedHead, encodeHead, type HeadInput } from './head.ts'
import { EXPORT, HEADER, INFO } from './labels.ts'
import { padJson } from './padding.ts'
import type { RecoveryToken } from './recovery-token.ts'
import { responseKeys } from './response.ts'
import { readResponseNonce } from './session.ts'
import type { SuiteName } from './suite.ts'
import { VERSION } from './version.ts'

const SECRET_BYTES = 32
const NO_BYTES: Bytes = new Uint8Array(0)

/** A request sealed to one runner, and what its answer is opened with. */
export interface SealedRequest<Mode extends CryptoMode> {
  /** Headers to send with the body, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Bytes
  /** Key of the receipt's plaintext commitments. */
  readonly commitmentKey: Bytes
  /** Opens the answer after a crash of this process; keep it as secret as the body. */
  readonly recovery: RecoveryToken
  /** @param responseNonce value of the `ehbp-response-nonce` header */
  opener(responseNonce: string, observer?: FrameObserver): BodyOpener<Mode>
}

/**
 * Seals one body to a runner's key: cocoon/1 when a head is given, plain EHBP otherwise.
 * 1. bind the head into the HPKE info (SPEC 3.2)  2. pad and seal the body  3. seal END (SPEC 3.3)
 * 4. export what the answer and its commitments are keyed by
 */
export async function sealRequest<Mode extends CryptoMode>(
  provider: Provider<Mode>,
  input: { suite: SuiteName; publicKey: Bytes; head?: HeadInput; body: Uint8Array },
): Promise<SealedRequest<Mode>> {
  const suite = provider.suites[input.suite]
  const head =
    input.head === undefined ? undefined : encodeHead(provider.texts, input.head, input.suite)
  const end = head !== undefined
  const info = head === undefined ? INFO.ehbp : cocoonInfo(provider, head)
  const recipient = await suite.hpke.DeserializePublicKey(input.publicKey)
  const { encapsulatedSecret, ctx } = await suite.hpke.SetupSender(recipient, { info })

  const plaintext = end ? padJson(input.body) : input.body
  if (plaintext.length > MAX_PLAINTEXT_BYTES) {
    throw new ProtocolError('bad_input', 'body exceeds 64 MiB')
  }
  const data = plaintext.length === 0 ? NO_BYTES : framed(await ctx.Seal(plaintext))
  const last = end
    ? framed(await ctx.Seal(NO_BYTES, endAad(plaintext.length === 0 ? 0 : 1)))
    : NO_BYTES

  const enc = copyBytes(encapsulatedSecret)
  const secret = copyBytes(await ctx.Export(EXPORT.response, SECRET_BYTES))
  const commitmentKey = copyBytes(await ctx.Export(EXPORT.commitment, SECRET_BYTES))
  const recovery = { secret, enc, end, commitmentKey }
  return {
    headers: {
      [HEADER.encapsulatedKey]: provider.texts.hex(enc),
      ...(head === undefined
        ? {}
        : { [HEADER.version]: String(VERSION), [HEADER.head]: head.header }),
    },
    body: concat(data, last),
    commitmentKey,
    recovery,
    opener: (nonce, observer) => openerFromToken(provider, recovery, nonce, observer),
  }
}

/** Opens an answer from its first frame on, with a token kept by an earlier process. SPEC 1.6 */
export function openerFromToken<Mode extends CryptoMode>(
  provider: Provider<Mode>,
  token: RecoveryToken,
  responseNonce: string,
  observer?: FrameObserver,
): BodyOpener<Mode> {
  const { secret, enc: salt, end } = token
  const nonce = readResponseNonce(provider, responseNonce)
  return provider.bodies.opener(
    responseKeys(provider.hashes, { secret, salt, nonce, end }),
    observer,
  )
}

/** HPKE info of a cocoon/1 body: the runner recomputes it from the head it was sent (H8). */
export function cocoonInfo(provider: Pick<Provider, 'hashes'>, head: EncodedHead): Bytes {
  return concat(INFO.cocoon, provider.hashes.sha256(head.canonical))
}

function framed(ciphertext: Uint8Array): Bytes {
  const frame = new Uint8Array(PREFIX_BYTES + ciphertext.length)
  frame.set(ciphertext, PREFIX_BYTES)
  return writePrefix(frame)
}
