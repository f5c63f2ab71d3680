import type { UnixMs } from '#base/brand.ts'
import type { RegistrySnapshot } from '#contracts'
import { MoneyError } from '#gateway/money/errors.ts'

const NO_META = '00'.repeat(32)

interface Entry {
  readonly activeFrom: number
  readonly revokedAt: number
  readonly meta: string
}

type Images = ReadonlyMap<string, Entry>

/** The allowlist on chain: images that may run, and a version that only grows. Its provider may fail, or show an old one. */
export class RegistryModel {
  /** Of each version, from the first. */
  readonly #versions: Images[] = [new Map()]
  /** Readings that will fail. */
  unavailable = 0
  /** The gateway is shown the list as it was so many versions ago. */
  behind = 0
  /** When it was read, by the reader's clock as it went then. */
  readonly readings: UnixMs[] = []

  get #images(): Images {
    return this.#versions.at(-1) ?? new Map()
  }

  #put(image: string, entry: Entry): void {
    this.#versions.push(new Map(this.#images).set(image, entry))
  }

  add(image: string, activeFrom: number): void {
    this.#put(image, { activeFrom, revokedAt: 0, meta: NO_META })
  }

  revoke(image: string, now: number): void {
    const entry = this.#images.get(image)
    if (entry === undefined || entry.revokedAt !== 0) return
    this.#put(image, { ...entry, revokedAt: now })
  }

  /** An image that was revoked stays so. */
  isActive(image: string, now: number): boolean {
    const entry = this.#images.get(image)
    return entry !== undefined && entry.revokedAt === 0 && entry.activeFrom <= now
  }

  /** What its provider answers. @throws MoneyError */
  show(at: UnixMs): RegistrySnapshot {
    if (this.unavailable > 0) {
      this.unavailable--
      throw new MoneyError('unavailable', 'simulated')
    }
    const version = Math.max(1, this.#versions.length - this.behind)
    this.readings.push(at)
    const image = new Map(this.#versions[version - 1])
    const entries = { image, model: new Map(), platform: new Map() }
    // Sound: the gateway reads these three kinds only.
    return { version, entries } as unknown as RegistrySnapshot
  }
}
