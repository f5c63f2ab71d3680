import type { RegistrySnapshot } from '#contracts'

const NO_META = '00'.repeat(32)

/** The allowlist on chain: images that may run, and a version that only grows. */
export class RegistryModel {
  readonly #images = new Map<string, { activeFrom: number; revokedAt: number; meta: string }>()
  #version = 1

  add(image: string, activeFrom: number): void {
    this.#images.set(image, { activeFrom, revokedAt: 0, meta: NO_META })
    this.#version++
  }

  revoke(image: string, now: number): void {
    const entry = this.#images.get(image)
    if (entry === undefined || entry.revokedAt !== 0) return
    this.#images.set(image, { ...entry, revokedAt: now })
    this.#version++
  }

  revoked(): readonly string[] {
    return [...this.#images].filter(([, { revokedAt }]) => revokedAt !== 0).map(([image]) => image)
  }

  /** An image that was revoked stays so. */
  isActive(image: string, now: number): boolean {
    const entry = this.#images.get(image)
    return entry !== undefined && entry.revokedAt === 0 && entry.activeFrom <= now
  }

  snapshot(): RegistrySnapshot {
    const entries = { image: new Map(this.#images), model: new Map(), platform: new Map() }
    // Sound: the gateway reads these three kinds only.
    return { version: this.#version, entries } as unknown as RegistrySnapshot
  }
}
