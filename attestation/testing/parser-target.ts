import type { Bytes } from '#base/bytes.ts'

/** A parser of hostile bytes with well-formed inputs to start mutating from. Tests only: `tests/fuzz` runs them. */
export interface ParserTarget {
  readonly name: string
  /** Of this folder. */
  readonly file: string
  readonly grammar?: 'der' | 'json'
  readonly dictionary?: readonly string[]
  readonly parse: (bytes: Bytes) => unknown
  readonly seeds: readonly Bytes[]
}

/** A check of a signature: takes what was signed and nothing else. */
export interface SignedTarget extends ParserTarget {
  /** What it was told, as text; a change that leaves this as it was is none. */
  readonly parse: (bytes: Bytes) => Promise<string>
}
