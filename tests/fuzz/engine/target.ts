export type Bytes = Uint8Array<ArrayBuffer>

/** How inputs are changed: as bytes, as the tree of a DER object, or as the tree of a JSON document. */
export type Grammar = 'bytes' | 'der' | 'json'

/** One parser of bytes from outside. */
export interface FuzzTarget {
  readonly name: string
  /** Where the parser is. */
  readonly file: string
  readonly grammar: Grammar
  /** Well-formed inputs, forged or recorded: each must be taken. */
  readonly corpus: readonly Bytes[]
  /** Words of its format. */
  readonly dictionary: readonly string[]
  /** The errors that it may throw. */
  readonly errors: readonly ErrorClass[]
  readonly maxBytes: number
  /**
   * Parses an input and holds what came of it to the target's rule.
   * @throws one of `errors`, which is a refusal; Violation when the rule is broken
   */
  readonly run: (input: Bytes) => unknown
  /** Inputs of a full run, where a signature makes a million of them too dear. */
  readonly inputs: number
}

// An error class of any module: their constructors take what they like.
// biome-ignore lint/suspicious/noExplicitAny: parameters of a constructor are contravariant, `unknown` would fit none.
export type ErrorClass = abstract new (...args: any[]) => Error

/** What a parser let through against its target's rule. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export interface TargetFields<Value> {
  readonly name: string
  readonly file: string
  readonly grammar?: Grammar
  readonly corpus: readonly Bytes[]
  readonly dictionary?: readonly string[]
  readonly errors: readonly ErrorClass[]
  readonly maxBytes?: number
  readonly inputs?: number
  readonly parse: (input: Bytes) => Value | Promise<Value>
  /** Throws a Violation when this value must not come of this input. */
  readonly rule?: (value: Value, input: Bytes) => void | Promise<void>
}

export const FULL_RUN = 1_000_000
const SMALL = 4_096

/** A target with its defaults; inputs may grow to four times the largest well-formed one. */
export function target<Value>(fields: TargetFields<Value>): FuzzTarget {
  const { parse, rule, corpus } = fields
  const largest = corpus.reduce((most, { length }) => Math.max(most, length), 0)
  return {
    grammar: 'bytes',
    dictionary: [],
    maxBytes: Math.max(SMALL, 4 * largest),
    inputs: FULL_RUN,
    ...fields,
    run: (input) => {
      const value = parse(input)
      if (value instanceof Promise) return value.then((given) => rule?.(given, input))
      return rule?.(value, input)
    },
  }
}

/** The rule of a verifier: whatever it takes says exactly what one of the genuine inputs says. */
export function saysWhatWasSigned<Value>(
  genuine: readonly Value[],
  show: (value: Value) => string,
) {
  const known = new Set(genuine.map(show))
  return (value: Value): void => {
    if (!known.has(show(value))) throw new Violation('took what was never signed')
  }
}

/** The rule of an inverse pair: what was read and written again reads the same. */
export function staysTheSame<Value>(
  write: (value: Value) => Bytes,
  read: (bytes: Bytes) => Value,
  show: (value: Value) => string,
) {
  return (value: Value): void => {
    if (show(read(write(value))) !== show(value))
      throw new Violation('reads otherwise once written')
  }
}
