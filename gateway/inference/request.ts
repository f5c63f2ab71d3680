import type { UnixMs } from '#base/brand.ts'
import type { Identity } from '../accounts/authenticator.ts'
import type { RequestId } from '../db/ids.ts'
import type { Admission } from '../limits/limiter.ts'
import type { Client } from '../relay/ports.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import type { InferencePath } from './endpoints.ts'
import type { Journey } from './journey.ts'

/** An authenticated inference request, its body read whole. */
export interface InferenceRequest {
  readonly client: Client
  readonly path: InferencePath
  readonly identity: Identity
  /** The gateway's own id of it (H21). */
  readonly id: RequestId
  readonly body: Uint8Array
  readonly at: UnixMs
  readonly journey: Journey
  readonly admission: Admission
  /** Sees it for an attested gateway's own receipt. */
  readonly witness: Witness | undefined
  /** Headers of every answer: request id, CORS. */
  readonly headers: Readonly<Record<string, string>>
}

/** Sees one request through an attested gateway, for a receipt of the gateway's own. */
export interface Witness {
  /** The client, its answer hashed. */
  readonly client: Client
  /** An attempt begins; the last one is the one that answers. @param body as it goes to the runner */
  sends(attempt: {
    readonly number: number
    readonly runner: LiveRunner
    readonly body: Uint8Array
  }): void
  /** After it nothing is seen. */
  close(): void
}
