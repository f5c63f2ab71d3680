import type { Bytes } from '#base/bytes.ts'
import { ProtocolError } from './errors.ts'

/** Encapsulated keys that one keyset takes before it must be rotated: about 100 MB of text keys. */
const REPLAY_CAPACITY = 1_000_000

/**
 * The encapsulated keys that a keyset has seen, by the hash of their decoded bytes. Nothing is ever
 * evicted: when the set is full the runner rotates its keyset (M4). One guard lives as long as one keyset.
 * @see SPEC.md section 4.2
 */
export class ReplayGuard {
  readonly #seen = new Set<string>()
  readonly #capacity: number

  constructor(capacity: number = REPLAY_CAPACITY) {
    this.#capacity = capacity
  }

  /** Share of the capacity used, 0 to 1: rotate well before 1. */
  get load(): number {
    return this.#seen.size / this.#capacity
  }

  /**
   * Admits a key once, before anything is decrypted with it.
   * @throws ProtocolError `replayed`, or `replay_full`: rotate the keyset
   */
  admit(encHash: Bytes): void {
    // 32 characters, one per byte: half the size of hex.
    const key = String.fromCharCode(...encHash)
    if (this.#seen.has(key)) throw new ProtocolError('replayed', 'encapsulated key was used before')
    if (this.#seen.size >= this.#capacity) {
      throw new ProtocolError('replay_full', 'replay set is full: rotate the keyset')
    }
    this.#seen.add(key)
  }
}
