import type { UnixSeconds } from '#base/brand.ts'
import { FAILURES, type FailureCode } from './codes.ts'
import { AttestationError } from './errors.ts'

/** One named check and how it ended. A skip is never a pass: it says why nothing was checked. */
export type Check = { readonly id: string; readonly spec: string } & (
  | { readonly status: 'pass' }
  | {
      readonly status: 'fail'
      readonly code: FailureCode
      readonly detail: string
      readonly remedy: string
    }
  | { readonly status: 'skip'; readonly reason: string }
)

/** Check id → section of the specification that demands it (vendor document or our check table). */
export type CheckTable = Readonly<Record<string, string>>

/** Ends a proof at its first cryptographic failure; what it means is already on the list. */
class Stopped extends Error {
  override readonly name = 'Stopped'
}

/**
 * Collects the checks of one verification. Cryptographic steps (`step`) stop at the first failure,
 * since nothing after it would be about authentic data; policy rules (`judge`) are all collected.
 */
export class Checklist<Table extends CheckTable> {
  readonly #table: Table
  readonly #checks: Check[] = []
  #failed = false
  #validUntil: UnixSeconds | undefined

  constructor(table: Table) {
    this.#table = table
  }

  get checks(): readonly Check[] {
    return this.#checks
  }

  get failed(): boolean {
    return this.#failed
  }

  /** The earliest end of anything that this list relied on; undefined when nothing expires. */
  get validUntil(): UnixSeconds | undefined {
    return this.#validUntil
  }

  /** Notes that the verdict relies on something that ends at `time`. */
  bound(time: UnixSeconds | undefined): void {
    if (time === undefined) return
    if (this.#validUntil === undefined || time < this.#validUntil) this.#validUntil = time
  }

  pass(id: keyof Table & string): void {
    this.#checks.push({ id, spec: this.#spec(id), status: 'pass' })
  }

  fail(id: keyof Table & string, code: FailureCode, detail: string): void {
    this.#failed = true
    const { remedy } = FAILURES[code]
    this.#checks.push({ id, spec: this.#spec(id), status: 'fail', code, detail, remedy })
  }

  skip(id: keyof Table & string, reason: string): void {
    this.#checks.push({ id, spec: this.#spec(id), status: 'skip', reason })
  }

  /** A policy rule: recorded as pass or fail, and the next rule runs either way. */
  judge(id: keyof Table & string, holds: boolean, code: FailureCode, detail: string): boolean {
    if (holds) this.pass(id)
    else this.fail(id, code, detail)
    return holds
  }

  /**
   * A step whose failure ends the proof: `run` throws AttestationError to fail the check. Anything
   * else that it throws is our bug; it fails the check too (closed) as `internal`.
   * @param idle why a result means that nothing was checked: the step is skipped, not passed
   */
  async step<T>(
    id: keyof Table & string,
    run: () => T | Promise<T>,
    idle: (value: T) => string | undefined = () => undefined,
  ): Promise<T> {
    try {
      const value = await run()
      const reason = idle(value)
      if (reason === undefined) this.pass(id)
      else this.skip(id, reason)
      return value
    } catch (cause) {
      if (cause instanceof Stopped) throw cause
      if (cause instanceof AttestationError) this.fail(id, cause.code, cause.message)
      else this.fail(id, 'internal', cause instanceof Error ? cause.name : 'unknown')
      throw new Stopped()
    }
  }

  #spec(id: keyof Table & string): string {
    return this.#table[id] ?? ''
  }
}

/** What a technology proved about its evidence, or the checks that show why it could not. */
export type Proof<Facts> =
  | {
      readonly proven: true
      readonly facts: Facts
      readonly checks: readonly Check[]
      readonly validUntil: UnixSeconds | undefined
    }
  | { readonly proven: false; readonly checks: readonly Check[] }

/** Runs a proof's numbered steps and gathers what they left on the list. */
export async function prove<Table extends CheckTable, Facts>(
  table: Table,
  steps: (list: Checklist<Table>) => Promise<Facts>,
): Promise<Proof<Facts>> {
  const list = new Checklist(table)
  try {
    const facts = await steps(list)
    if (list.failed) return { proven: false, checks: list.checks }
    return { proven: true, facts, checks: list.checks, validUntil: list.validUntil }
  } catch (cause) {
    if (cause instanceof Stopped) return { proven: false, checks: list.checks }
    throw cause
  }
}
