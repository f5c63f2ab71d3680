import type { Bytes } from '#base/bytes.ts'

/** A vector as it stands in a manifest of schema `attestation-vectors/2`. */
export interface ManifestVector {
  readonly id: string
  readonly technology: string
  readonly subject: string
  /** For people. */
  readonly what: string
  readonly verdict: 'valid' | 'invalid'
  readonly clock: string
  readonly reject: readonly string[] | null
  readonly waive: readonly string[]
  readonly anchors: string
  readonly roles: Readonly<Record<string, string>>
  readonly encoding: Readonly<Record<string, string>>
  readonly devices?: readonly { readonly report: string; readonly chain: string }[]
  readonly expect: Readonly<Record<string, unknown>>
}

/** Vectors with the files that they name, by path below the manifest. */
export interface ForgedVectors {
  readonly vectors: readonly ManifestVector[]
  readonly files: ReadonlyMap<string, Bytes>
}
