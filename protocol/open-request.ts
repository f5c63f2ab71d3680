import type { RecipientContext } from 'hpke'
import { type Bytes, concatAll, copyBytes } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import type { BodyKeys, CryptoMode, Provider } from './crypto.ts'
import type { Envelope } from './envelope.ts'
import { ProtocolError } from './errors.ts'
import { endAad, FrameDecoder, PREFIX_BYTES, TAG_BYTES } from './frame.ts'
import type { SealedHead } from './head.ts'
import { EXPORT, HEADER, INFO } from './labels.ts'
import type { ReplayGuard } from './replay.ts'
import { responseKeys } from './response.ts'
import { cocoonInfo } from './seal-request.ts'
import { SECRET_BYTES, sessionKeys } from './session.ts'
import type { SessionTable } from './session-table.ts'
import type { SealingKey, SuiteName } from './suite.ts'

/** What one keyset of a runner opens requests with. All of it is dropped when the keyset is. */
export interface RunnerKeys {
  readonly sealing: Readonly<Partial<Record<SuiteName, SealingKey>>>
  readonly guard: ReplayGuard
  readonly sessions: SessionTable
}

/** What the request really is, for the head to be compared with. */
export interface RequestFacts {
  readonly path: string
  /** The runner's model id. */
  readonly model: string
  /** From the allowance. */
  readonly session: string
  readonly attempt: number
  readonly maxCost: Nano
  /** Unix seconds. */
  readonly now: number
}

/** A request that is complete and authentic. */
export interface OpenedRequest {
  readonly kind: Envelope['kind']
  readonly plaintext: Bytes
  readonly commitmentKey: Bytes
  /** @param nonce 32 fresh random bytes, also sent in the `ehbp-response-nonce` header */
  respond(nonce: Bytes): { headers: Readonly<Record<string, string>>; keys: BodyKeys }
}

/**
 * Opens a whole request body.
 * 1. compare the head with what arrived (SPEC 3.2)  2. burn the key or counter (SPEC 4.2, 5.4)
 * 3. decrypt every frame and require the end (SPEC 1.3, 3.3)  4. derive what the answer is sealed with
 */
export async function openRequest(
  provider: Provider<CryptoMode>,
  input: { envelope: Envelope; body: Uint8Array; keys: RunnerKeys; facts: RequestFacts },
): Promise<OpenedRequest> {
  const { envelope, keys } = input
  if (envelope.kind !== 'ehbp') checkHead(envelope.head.head, envelope.suite.name, input.facts)
  const key = keys.sealing[envelope.suite.name]
  if (key === undefined)
    throw new ProtocolError('suite_unsupported', 'runner has no key of this suite')
  if (envelope.kind === 'session') {
    return await openInSession(provider, { ...input, envelope, key })
  }
  keys.guard.admit(envelope.encHash)
  return await openSealed(provider, { envelope, key, body: input.body })
}

function checkHead(head: SealedHead, suite: SuiteName, facts: RequestFacts): void {
  const mismatch = (
    [
      ['path', head.path === facts.path],
      ['model', head.model === facts.model],
      ['session', head.session === facts.session],
      ['suite', head.suite === suite],
    ] as const
  ).find(([, same]) => !same)
  if (mismatch !== undefined) {
    throw new ProtocolError('head_mismatch', `sealed head: ${mismatch[0]} differs`)
  }
  if (head.notAfter < facts.now) throw new ProtocolError('head_expired', 'sealed head has expired')
  if (facts.maxCost > head.maxCost) {
    throw new ProtocolError('cost_above_maximum', 'allowance exceeds the sealed maximum')
  }
}

async function openSealed(
  provider: Provider<CryptoMode>,
  input: {
    envelope: Exclude<Envelope, { kind: 'session' }>
    key: SealingKey
    body: Uint8Array
  },
): Promise<OpenedRequest> {
  const { envelope, key } = input
  const end = envelope.kind === 'cocoon'
  const info = envelope.kind === 'cocoon' ? cocoonInfo(provider, envelope.head) : INFO.ehbp
  const context = await setUp(key, envelope.enc, info)
  const plaintext = await openFrames(context, input.body, end)
  const secret = copyBytes(await context.Export(EXPORT.response, SECRET_BYTES))
  return {
    kind: envelope.kind,
    plaintext,
    commitmentKey: copyBytes(await context.Export(EXPORT.commitment, SECRET_BYTES)),
    respond: responder(provider, { secret, salt: envelope.enc, end }),
  }
}

async function setUp(key: SealingKey, enc: Bytes, info: Bytes): Promise<RecipientContext> {
  try {
    return await key.suite.hpke.SetupRecipient(key.pair, enc, { info })
  } catch (cause) {
    throw new ProtocolError('key_stale', 'encapsulated key does not open', { cause })
  }
}

async function openFrames(
  context: RecipientContext,
  body: Uint8Array,
  end: boolean,
): Promise<Bytes> {
  const decoder = new FrameDecoder()
  const parts: Uint8Array[] = []
  let frames = 0
  let ended = false
  for (const frame of decoder.push(body)) {
    const ciphertext = frame.subarray(PREFIX_BYTES)
    ended = end && ciphertext.length === TAG_BYTES
    if (ended && decoder.rest > 0) {
      throw new ProtocolError('end_trailing', 'bytes after the END frame')
    }
    parts.push(await openFrame(context, ciphertext, ended ? endAad(frames) : undefined, frames))
    frames++
  }
  decoder.end()
  if (end && !ended) throw new ProtocolError('end_missing', 'body ended without its END frame')
  return concatAll(parts)
}

async function openFrame(
  context: RecipientContext,
  ciphertext: Uint8Array,
  aad: Bytes | undefined,
  index: number,
): Promise<Uint8Array> {
  try {
    return await context.Open(ciphertext, aad)
  } catch (cause) {
    // A first frame that does not open is most likely sealed to an older key: SPEC 4.3.
    const code = index === 0 ? 'key_stale' : 'frame_unauthentic'
    throw new ProtocolError(code, 'frame does not authenticate', { cause })
  }
}

async function openInSession(
  provider: Provider<CryptoMode>,
  input: {
    envelope: Extract<Envelope, { kind: 'session' }>
    key: SealingKey
    body: Uint8Array
    keys: RunnerKeys
    facts: RequestFacts
  },
): Promise<OpenedRequest> {
  const { envelope, key, facts } = input
  const { enc, encHash, counter, head } = envelope
  const context = await input.keys.sessions.context(provider, { enc, encHash, key, now: facts.now })
  context.useCounter(counter)
  const { attempt } = facts
  const own = sessionKeys(provider.hashes, context.secret, { encHash, counter, attempt, head })
  return {
    kind: 'session',
    plaintext: await openSessionBody(provider, own.request, input.body),
    commitmentKey: own.commitmentKey,
    respond: responder(provider, { secret: own.responseSecret(), salt: own.name, end: true }),
  }
}

async function openSessionBody(
  provider: Provider<CryptoMode>,
  keys: BodyKeys,
  body: Uint8Array,
): Promise<Bytes> {
  const opener = provider.bodies.opener(keys)
  let parts: Bytes[]
  try {
    parts = await opener.push(body)
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'frame_unauthentic') {
      throw new ProtocolError('key_stale', 'body is not sealed in this context', { cause: error })
    }
    throw error
  }
  opener.end()
  const [only] = parts
  return only !== undefined && parts.length === 1 ? only : concatAll(parts)
}

function responder(
  provider: Provider<CryptoMode>,
  input: { secret: Bytes; salt: Bytes; end: boolean },
): OpenedRequest['respond'] {
  return (nonce) => ({
    headers: { [HEADER.responseNonce]: provider.texts.hex(nonce) },
    keys: responseKeys(provider.hashes, { ...input, nonce }),
  })
}
