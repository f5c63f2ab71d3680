import { type Bytes, concat } from '#base/bytes.ts'
import type { Aead, Bodies, BodyKeys, BodyOpener, BodySealer, FrameObserver } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import {
  endAad,
  FrameDecoder,
  MAX_PLAINTEXT_BYTES,
  nonceAt,
  PREFIX_BYTES,
  TAG_BYTES,
  writePrefix,
} from './frame.ts'

const NO_AAD: Bytes = new Uint8Array(0)
const NO_BYTES: Bytes = new Uint8Array(0)

/** Frames of one body over a synchronous AEAD. @see SPEC.md sections 1.3 and 3.3 */
export function syncBodies(aeadOf: (key: Bytes) => Aead<'sync'>): Bodies<'sync'> {
  const sealer = (keys: BodyKeys, observer?: FrameObserver): BodySealer<'sync'> => {
    const aead = aeadOf(keys.key)
    const steps = new SealSteps(keys)
    const run = ({ nonce, aad }: SealStep, plaintext: Uint8Array): Bytes =>
      writePrefix(aead.seal(nonce, aad, plaintext, PREFIX_BYTES))
    return {
      seal: (plaintext) => {
        if (plaintext.length === 0) return NO_BYTES
        const frame = run(steps.data(plaintext.length), plaintext)
        observer?.frame(plaintext, frame)
        return frame
      },
      end: () => (keys.end ? run(steps.end(), NO_BYTES) : NO_BYTES),
    }
  }
  return {
    sealer,
    sealWhole: (keys, plaintext) => {
      const body = sealer(keys)
      return concat(body.seal(plaintext), body.end())
    },
    opener: (keys, observer) => new SyncOpener(aeadOf(keys.key), keys, observer),
  }
}

/** The same frames over an asynchronous AEAD, for browsers and Workers. */
export function asyncBodies(aeadOf: (key: Bytes) => Aead<'async'>): Bodies<'async'> {
  const sealer = (keys: BodyKeys, observer?: FrameObserver): BodySealer<'async'> => {
    const aead = aeadOf(keys.key)
    const steps = new SealSteps(keys)
    const run = async ({ nonce, aad }: SealStep, plaintext: Uint8Array): Promise<Bytes> =>
      writePrefix(await aead.seal(nonce, aad, plaintext, PREFIX_BYTES))
    return {
      seal: async (plaintext) => {
        if (plaintext.length === 0) return NO_BYTES
        const frame = await run(steps.data(plaintext.length), plaintext)
        observer?.frame(plaintext, frame)
        return frame
      },
      end: async () => (keys.end ? await run(steps.end(), NO_BYTES) : NO_BYTES),
    }
  }
  return {
    sealer,
    sealWhole: async (keys, plaintext) => {
      const body = sealer(keys)
      return concat(await body.seal(plaintext), await body.end())
    },
    opener: (keys, observer) => new AsyncOpener(aeadOf(keys.key), keys, observer),
  }
}

interface SealStep {
  readonly nonce: Bytes
  readonly aad: Bytes
}

/** Which nonce and AAD the next frame takes: the order of frames, without the cryptography. */
class SealSteps {
  readonly #keys: BodyKeys
  #frames = 0
  #ended = false

  constructor(keys: BodyKeys) {
    this.#keys = keys
  }

  data(length: number): SealStep {
    if (this.#ended) throw new ProtocolError('bad_input', 'sealing after the end')
    if (length > MAX_PLAINTEXT_BYTES) throw new ProtocolError('bad_input', 'frame exceeds 64 MiB')
    return { nonce: nonceAt(this.#keys.nonce, this.#frames++), aad: NO_AAD }
  }

  end(): SealStep {
    if (this.#ended) throw new ProtocolError('bad_input', 'ended twice')
    this.#ended = true
    return { nonce: nonceAt(this.#keys.nonce, this.#frames), aad: endAad(this.#frames) }
  }
}

interface OpenStep extends SealStep {
  readonly wire: Uint8Array
  readonly ciphertext: Uint8Array
  readonly isEnd: boolean
}

/** What each arriving frame must be: the state of an opener, without the cryptography. */
class OpenSteps {
  readonly #keys: BodyKeys
  readonly #decoder = new FrameDecoder()
  #frames = 0
  #failed = false
  ended = false

  constructor(keys: BodyKeys) {
    this.#keys = keys
  }

  *push(chunk: Uint8Array): Generator<OpenStep> {
    if (this.#failed) throw new ProtocolError('frame_unauthentic', 'body already failed')
    // Cleared only when every frame of this chunk has opened: an error leaves the body broken.
    this.#failed = true
    if (this.ended && chunk.length > 0) throw trailing()
    for (const wire of this.#decoder.push(chunk)) {
      const step = this.#step(wire)
      // Nothing may follow END, not even a zero frame: its place would depend on the chunking.
      if (step.isEnd && this.#decoder.rest > 0) throw trailing()
      yield step
    }
    this.#failed = false
  }

  #step(wire: Uint8Array): OpenStep {
    const ciphertext = wire.subarray(PREFIX_BYTES)
    // Between our peers no data frame is empty, so that a bare tag can only be END.
    const isEnd = this.#keys.end && ciphertext.length === TAG_BYTES
    const aad = isEnd ? endAad(this.#frames) : NO_AAD
    return { wire, ciphertext, isEnd, aad, nonce: nonceAt(this.#keys.nonce, this.#frames++) }
  }

  end(): void {
    if (this.#failed) throw new ProtocolError('frame_unauthentic', 'body already failed')
    this.#decoder.end()
    if (this.#keys.end && !this.ended) {
      throw new ProtocolError('end_missing', 'body ended without its END frame')
    }
  }
}

function trailing(): ProtocolError {
  return new ProtocolError('end_trailing', 'bytes after the END frame')
}

function unauthentic(cause: unknown): ProtocolError {
  return new ProtocolError('frame_unauthentic', 'frame does not authenticate', { cause })
}

class SyncOpener implements BodyOpener<'sync'> {
  readonly #aead: Aead<'sync'>
  readonly #steps: OpenSteps
  readonly #observer: FrameObserver | undefined

  constructor(aead: Aead<'sync'>, keys: BodyKeys, observer: FrameObserver | undefined) {
    this.#aead = aead
    this.#steps = new OpenSteps(keys)
    this.#observer = observer
  }

  get ended(): boolean {
    return this.#steps.ended
  }

  push(chunk: Uint8Array): Bytes[] {
    const opened: Bytes[] = []
    for (const step of this.#steps.push(chunk)) {
      const plaintext = this.#open(step)
      if (step.isEnd) this.#steps.ended = true
      else if (plaintext.length > 0) {
        this.#observer?.frame(plaintext, step.wire)
        opened.push(plaintext)
      }
    }
    return opened
  }

  #open({ nonce, aad, ciphertext }: OpenStep): Bytes {
    try {
      return this.#aead.open(nonce, aad, ciphertext)
    } catch (cause) {
      throw unauthentic(cause)
    }
  }

  end(): void {
    this.#steps.end()
  }
}

class AsyncOpener implements BodyOpener<'async'> {
  readonly #aead: Aead<'async'>
  readonly #steps: OpenSteps
  readonly #observer: FrameObserver | undefined

  constructor(aead: Aead<'async'>, keys: BodyKeys, observer: FrameObserver | undefined) {
    this.#aead = aead
    this.#steps = new OpenSteps(keys)
    this.#observer = observer
  }

  get ended(): boolean {
    return this.#steps.ended
  }

  async push(chunk: Uint8Array): Promise<Bytes[]> {
    const opened: Bytes[] = []
    for (const step of this.#steps.push(chunk)) {
      const plaintext = await this.#open(step)
      if (step.isEnd) this.#steps.ended = true
      else if (plaintext.length > 0) {
        this.#observer?.frame(plaintext, step.wire)
        opened.push(plaintext)
      }
    }
    return opened
  }

  async #open({ nonce, aad, ciphertext }: OpenStep): Promise<Bytes> {
    try {
      return await this.#aead.open(nonce, aad, ciphertext)
    } catch (cause) {
      throw unauthentic(cause)
    }
  }

  end(): void {
    this.#steps.end()
  }
}
