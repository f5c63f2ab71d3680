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
      readonly code: ProtocolErrorCode | 'busy' | undefined
    }

/**
 * It has too much to do: by its own word, of its places before it opened the request or of its engine inside the seal, or
 * because its connection has no room.
 */
export function isBusy(outcome: PlainOutcome): boolean {
  switch (outcome.kind) {
    case 'refused':
      return outcome.status === 503 && outcome.code === 'busy'
    case 'failed_sealed':
      return outcome.status === 503
    case 'failed':
      return outcome.how === 'full'
    default:
      return false
  }
}

export type Failure = AnyFailure | 'unauthentic'
