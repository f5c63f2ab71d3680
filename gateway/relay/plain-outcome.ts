import type { Bytes } from '#base/bytes.ts'
import type { ProtocolErrorCode } from '#protocol'
import type { Failure as AnyFailure, Unanswered } from './attempt.ts'

/** How an attempt ended, and whether the client has got anything of it. */
export type PlainOutcome = PlainAnswer | Unanswered<Failure>

export type PlainAnswer =
  /** Complete and authentic, and handed to the client. */
  | { readonly kind: 'answered'; readonly status: number; readonly bytes: number }
  /** A sealed 5xx, held back: another runner may do better. */
  | { readonly kind: 'failed_sealed'; readonly status: number; readonly body: Bytes }
  /** Answered outside the seal, before the body was opened. The client has got nothing. */
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly code: ProtocolErrorCode | undefined
    }

export type Failure = AnyFailure | 'unauthentic'
