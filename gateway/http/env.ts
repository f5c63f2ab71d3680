import type { Identity } from '../accounts/authenticator.ts'

/** What Hono carries through one request. */
export interface AppEnv {
  readonly Variables: {
    readonly requestId: string
    readonly identity: Identity
  }
  readonly Bindings: {
    /** Whether the other end of the connection is this machine; absent where that cannot be known. */
    readonly isLocal?: boolean
  }
}
