import type { AccountId } from '../db/ids.ts'
import type { Caller } from './caller.ts'

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
    /**
     * Takes room in memory for a body of so many bytes, for an account or, without one, for the address that it comes from.
     * Absent where the platform itself holds requests to their memory. @throws ApiError `overloaded`
     */
    readonly takeBody?: (bytes: number, account: AccountId | undefined) => void
  }
}
