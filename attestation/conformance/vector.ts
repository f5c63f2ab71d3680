import type { UnixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'

/** One vector of a manifest of schema `attestation-vectors/2`; keys as in the file. */
export interface Vector {
  readonly id: string
  readonly technology: string
  readonly subject: string
  readonly verdict: string
  readonly clock: string | null
  readonly reject: readonly string[] | null
  readonly waive: readonly string[]
  readonly anchors: string
  /** File key (`path#label`) → role. */
  readonly roles: Readonly<Record<string, string>>
  readonly encoding: Readonly<Record<string, string>>
  readonly devices: readonly { readonly report: string; readonly chain: string }[]
  readonly collateral_set: string | undefined
  readonly input_policy: Readonly<Record<string, unknown>>
  readonly expect: Readonly<Record<string, unknown>>
}

/** A vector with its files read and decoded: all that a technology's runner may look at. */
export interface VectorInput {
  readonly vector: Vector
  /** The instant to inject; undefined for parse-only and data. */
  readonly now: UnixSeconds | undefined
  /** Decoded bytes of the one file with this role; undefined when the vector has none. */
  role(role: string): Bytes | undefined
  /** All files with this role, in the order given. */
  roles(role: string): readonly Bytes[]
  /** Decoded bytes of a key of `roles` (for `devices`). */
  file(key: string): Bytes
  /** The injected anchor, or undefined for the pinned ones. */
  readonly anchor: Bytes | undefined
  waived(check: string): boolean
}

/** What our verifier made of a vector. */
export interface VectorResult {
  readonly verdict: 'valid' | 'invalid' | 'parse-only' | 'data'
  /** Classes of the failed checks, first failure first. */
  readonly classes: readonly string[]
  /** Facts by the manifest's `expect` keys; compared for every key present in both. */
  readonly facts: Readonly<Record<string, unknown>>
}

export type VectorRunner = (input: VectorInput) => Promise<VectorResult>

/** Thrown by a runner for a vector that asks for nothing which we do. */
export class VectorSkipped extends Error {
  override readonly name = 'VectorSkipped'
}

/** The one file of a role without which a vector asks for nothing. @throws VectorSkipped */
export function requiredFile(input: VectorInput, role: string): Bytes {
  const bytes = input.role(role)
  if (bytes === undefined) throw new VectorSkipped(`the vector has no ${role}`)
  return bytes
}
