import { type Bytes, concat, copyBytes, putUint32 } from '#base/bytes.ts'
import { MAX_ATTEMPT } from './allowance.ts'
import type {
  BodyKeys,
  BodyOpener,
  CryptoMode,
  FrameObserver,
  MacKey,
  Provider,
  Result,
} from './crypto.ts'
import { MAX_COUNTER, sessionBinding, u64 } from './envelope.ts'
import { ProtocolError } from './errors.ts'
import { NONCE_BYTES } from './frame.ts'
import { type EncodedHead, encodeHead, type HeadInput } from './head.ts'
import { EXPORT, HEADER, INFO, SESSION_LABEL } from './labels.ts'
import { padJson } from './padding.ts'
import { RESPONSE_NONCE_BYTES, responseKeys } from './response.ts'
import type { Suite, SuiteName } from './suite.ts'
import { VERSION } from './version.ts'

/** How long the opener of a context uses it. */
export const SESSION_SECONDS = 300
export const SECRET_BYTES = 32
const CONTEXT_ID_BYTES = 16
const ZERO_NONCE: Bytes = new Uint8Array(NONCE_BYTES)
const LAST_BLOCK = Uint8Array.of(1)

/** Keys of one request under a session secret. @see SPEC.md section 5.3 */
export interface SessionKeys {
  readonly request: BodyKeys
  readonly commitmentKey: Bytes
  /** Names the request: also the salt of its response's keys. */
  readonly name: Bytes
  /** 32 bytes that response keys are made from. */
  responseSecret(): Bytes
}

/** Derives the keys of one (counter, attempt, head); both sides run this. */
export function sessionKeys(
  hashes: Provider['hashes'],
  secret: MacKey,
  input: { encHash: Bytes; counter: number; attempt: number; head: EncodedHead },
): SessionKeys {
  const attempt = new Uint8Array(4)
  putUint32(attempt, 0, input.attempt)
  const name = concat(
    input.encHash.subarray(0, CONTEXT_ID_BYTES),
    u64(input.counter),
    attempt,
    hashes.sha256(input.head.canonical),
  )
  // HKDF-Expand of one block: HMAC(secret, label || name || 0x01).
  const expand = (label: Bytes): Bytes => secret.mac(label, name, LAST_BLOCK)
  return {
    name,
    // One key per (context, counter, attempt, direction): frames count up from nonce zero.
    request: { key: expand(SESSION_LABEL.request), nonce: ZERO_NONCE, end: true },
    commitmentKey: expand(SESSION_LABEL.commitment),
    responseSecret: () => expand(SESSION_LABEL.response),
  }
}

/** One request of a session, ready to be sealed. */
export interface SessionRequest<Mode extends CryptoMode> {
  /** Headers to send with the body, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** What the allowance of this request names as `enc`. */
  readonly binding: string
  /** Key of the receipt's plaintext commitments. */
  readonly commitmentKey: Bytes
  /** Pads and seals the whole body: one data frame and END. Once. */
  sealBody(body: Uint8Array): Result<Mode, Bytes>
  /** @param responseNonce value of the `ehbp-response-nonce` header */
  opener(responseNonce: string, observer?: FrameObserver): BodyOpener<Mode>
}

/** The gateway's side of a session context to one runner (H11). @see SPEC.md section 5 */
export class Session<Mode extends CryptoMode> {
  readonly suite: SuiteName
  readonly #provider: Provider<Mode>
  readonly #secret: MacKey
  readonly #enc: string
  readonly #encHash: Bytes
  readonly #closesAt: number
  readonly #uses: number
  #counter = 0

  constructor(
    provider: Provider<Mode>,
    opened: { suite: SuiteName; enc: Bytes; secret: Bytes; closesAt: number; uses: number },
  ) {
    this.suite = opened.suite
    this.#provider = provider
    this.#secret = provider.hashes.macKey(opened.secret)
    this.#enc = provider.texts.hex(opened.enc)
    this.#encHash = provider.hashes.sha256(opened.enc)
    this.#closesAt = opened.closesAt
    this.#uses = opened.uses
  }

  /** @param now unix seconds */
  usable(now: number): boolean {
    return now < this.#closesAt && this.#counter < this.#uses
  }

  /**
   * Takes the next counter. Every attempt takes its own, whatever became of the last one.
   * @param input.now unix seconds
   * @throws ProtocolError `session_gone`: open another
   */
  next(input: { head: HeadInput; attempt: number; now: number }): SessionRequest<Mode> {
    if (!this.usable(input.now)) throw new ProtocolError('session_gone', 'session is used up')
    if (!Number.isInteger(input.attempt) || input.attempt < 1 || input.attempt > MAX_ATTEMPT) {
      throw new ProtocolError('bad_input', 'attempt out of range')
    }
    const counter = this.#counter++
    const head = encodeHead(this.#provider.texts, input.head, this.suite)
    const encHash = this.#encHash
    const { attempt } = input
    const named = { encHash, counter, attempt, head }
    const keys = sessionKeys(this.#provider.hashes, this.#secret, named)
    return {
      headers: {
        [HEADER.version]: String(VERSION),
        [HEADER.head]: head.header,
        [HEADER.session]: this.#enc,
        [HEADER.counter]: String(counter),
      },
      binding: sessionBinding(this.#provider, encHash, counter),
      commitmentKey: keys.commitmentKey,
      sealBody: this.#sealOnce(keys),
      opener: (responseNonce, observer) => this.#opener(keys, responseNonce, observer),
    }
  }

  #sealOnce(keys: SessionKeys): SessionRequest<Mode>['sealBody'] {
    let isSealed = false
    return (body) => {
      // A second body under one key would repeat its nonces.
      if (isSealed) throw new ProtocolError('bad_input', 'a request seals one body')
      isSealed = true
      return this.#provider.bodies.sealWhole(keys.request, padJson(body))
    }
  }

  #opener(keys: SessionKeys, responseNonce: string, observer?: FrameObserver): BodyOpener<Mode> {
    const own = responseKeys(this.#provider.hashes, {
      secret: keys.responseSecret(),
      salt: keys.name,
      nonce: readResponseNonce(this.#provider, responseNonce),
      end: true,
    })
    return this.#provider.bodies.opener(own, observer)
  }
}

/** Sets up a context to a runner's attested key. @param now unix seconds */
export async function openSession<Mode extends CryptoMode>(
  provider: Provider<Mode>,
  input: { suite: SuiteName; publicKey: Bytes; now: number },
): Promise<Session<Mode>> {
  const suite: Suite = provider.suites[input.suite]
  const key = await suite.hpke.DeserializePublicKey(input.publicKey)
  const { encapsulatedSecret, ctx } = await suite.hpke.SetupSender(key, { info: INFO.session })
  return new Session(provider, {
    suite: input.suite,
    enc: copyBytes(encapsulatedSecret),
    secret: copyBytes(await ctx.Export(EXPORT.session, SECRET_BYTES)),
    closesAt: input.now + SESSION_SECONDS,
    uses: MAX_COUNTER,
  })
}

/** Parses the `ehbp-response-nonce` header: 64 hex digits, once. */
export function readResponseNonce(provider: Pick<Provider, 'texts'>, text: string): Bytes {
  if (text.length !== 2 * RESPONSE_NONCE_BYTES) {
    throw new ProtocolError('header_invalid', 'response nonce is not 64 hex digits')
  }
  try {
    return provider.texts.fromHex(text)
  } catch {
    throw new ProtocolError('header_invalid', 'response nonce is not 64 hex digits')
  }
}
