import type { Bytes } from '#base/bytes.ts'
import type { ProtocolErrorCode } from '#protocol'
import type { Breakage } from './ports.ts'

/** How an attempt ended, and whether the client has got anything of it. */
export type PlainOutcome =
  /** Complete and authentic, and handed to the client. */
  | { readonly kind: 'answered'; readonly status: number }
  /** A sealed 5xx, held back: another runner may do better. */
  | { readonly kind: 'failed_sealed'; readonly status: number; readonly body: Bytes }
  /** Answered outside the seal, before the body was opened. The client has got nothing. */
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly code: ProtocolErrorCode | undefined
    }
  /** No usable answer; the client has got nothing. */
  | { readonly kind: 'failed'; readonly how: Failure }
  /** The runner was lost in the middle; the client was told. */
  | { readonly kind: 'lost'; readonly how: Failure }
  /** The client left; the runner was told to stop, if it had been asked at all. */
  | { readonly kind: 'gone'; readonly sent: boolean }

export type Failure = Breakage | 'unauthentic' | 'timeout'
