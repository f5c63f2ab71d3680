import type { Caller } from './require-account.ts'

/** What Hono carries through one request. */
export interface AppEnv {
  readonly Variables: {
    readonly requestId: string
    readonly caller: Caller
  }
  readonly Bindings: {
    /** Whether the other end of the connection is this machine; absent where that cannot be known. */
    readonly isLocal?: boolean
    /** Address of the other end of the connection. */
    readonly remote?: string | undefined
  }
}
