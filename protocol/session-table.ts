import { type Bytes, copyBytes } from '#base/bytes.ts'
import type { MacKey, Provider } from './crypto.ts'
import { MAX_COUNTER } from './envelope.ts'
import { ProtocolError } from './errors.ts'
import { EXPORT, INFO } from './labels.ts'
import type { ReplayGuard } from './replay.ts'
import { SECRET_BYTES, SESSION_SECONDS } from './session.ts'
import type { SealingKey } from './suite.ts'

/** How much longer than its opener a runner keeps a context: requests under way. */
const GRACE_SECONDS = 60
/** Contexts at once; one gateway needs one, a cluster one per process. */
const MAX_CONTEXTS = 1024
const FIRST_BITMAP_BYTES = 128

/** A context that a runner holds: its secret and the counters it has seen. */
export interface RunnerContext {
  readonly secret: MacKey
  /** @throws ProtocolError `counter_reused` */
  useCounter(counter: number): void
}

interface Entry {
  readonly context: Promise<RunnerContext>
  readonly expiresAt: number
}

/**
 * The runner's session contexts of one keyset. A context is set up at its first use, dropped at its expiry,
 * and never set up a second time: its encapsulated key stays in the replay guard (H11).
 * @see SPEC.md section 5.4
 */
export class SessionTable {
  readonly #entries = new Map<string, Entry>()
  readonly #guard: ReplayGuard
  readonly #maxContexts: number

  /** @param guard the keyset's replay guard, shared with its sealed requests */
  constructor(guard: ReplayGuard, maxContexts: number = MAX_CONTEXTS) {
    this.#guard = guard
    this.#maxContexts = maxContexts
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * The context of an encapsulated key, made on its first use; concurrent first uses share one.
   * @param input.now unix seconds
   * @throws ProtocolError `session_gone`, `session_limit`, `replay_full`
   */
  async context(
    provider: Provider,
    input: { enc: Bytes; encHash: Bytes; key: SealingKey; now: number },
  ): Promise<RunnerContext> {
    const name = provider.texts.hex(input.encHash)
    const known = this.#entries.get(name)
    if (known !== undefined && input.now < known.expiresAt) return known.context
    this.#expire(input.now)
    if (this.#entries.size >= this.#maxContexts) {
      throw new ProtocolError('session_limit', 'too many session contexts')
    }
    this.#admit(input.encHash)
    const entry: Entry = {
      context: setUp(provider, input),
      expiresAt: input.now + SESSION_SECONDS + GRACE_SECONDS,
    }
    this.#entries.set(name, entry)
    return await entry.context
  }

  #admit(encHash: Bytes): void {
    try {
      this.#guard.admit(encHash)
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'replayed') {
        throw new ProtocolError('session_gone', 'session context has expired')
      }
      throw error
    }
  }

  #expire(now: number): void {
    for (const [name, entry] of this.#entries) {
      if (entry.expiresAt <= now) this.#entries.delete(name)
    }
  }
}

async function setUp(
  provider: Provider,
  input: { enc: Bytes; key: SealingKey },
): Promise<RunnerContext> {
  let secret: Uint8Array
  try {
    const { suite, pair } = input.key
    const context = await suite.hpke.SetupRecipient(pair, input.enc, { info: INFO.session })
    secret = await context.Export(EXPORT.session, SECRET_BYTES)
  } catch (cause) {
    throw new ProtocolError('session_gone', 'session does not open with this key', { cause })
  }
  const used = new CounterSet()
  return {
    secret: provider.hashes.macKey(copyBytes(secret)),
    useCounter: (counter) => {
      if (!used.add(counter)) throw new ProtocolError('counter_reused', 'counter was used before')
    },
  }
}

/** A bitmap of used counters that grows to at most 128 KiB. */
class CounterSet {
  #bits: Bytes = new Uint8Array(FIRST_BITMAP_BYTES)

  /** @returns false when it was there */
  add(counter: number): boolean {
    if (!Number.isInteger(counter) || counter < 0 || counter >= MAX_COUNTER) return false
    const at = counter >>> 3
    if (at >= this.#bits.length) {
      const grown = new Uint8Array(
        Math.min(MAX_COUNTER / 8, Math.max(at + 1, 2 * this.#bits.length)),
      )
      grown.set(this.#bits)
      this.#bits = grown
    }
    const bit = 1 << (counter & 7)
    const byte = this.#bits[at] ?? 0
    this.#bits[at] = byte | bit
    return (byte & bit) === 0
  }
}
