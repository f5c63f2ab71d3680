import type { Client } from 'pg'
import type { StoreState } from '../deps.ts'
import { connect } from './connect.ts'
import { OURS } from './locks.ts'

/** A standby, or a server that was told to take nothing. */
const READ_ONLY = "current_setting('transaction_read_only') = 'on'"
const LEADER = `pg_try_advisory_lock(${OURS}, 1)`
/** How soon another gateway takes over from one that died, once the server knows that it did. */
export const CLAIM_MS = 2_000
/** A server that is silent for so long is not there. */
const ANSWER_MS = 4_000

/** Which of several gateways does what must be done once. */
export interface Leader {
  leads(): boolean
  /** How the server answered the last time. */
  state(): StoreState
  /** Tries to become it, or finds out whether it still is. A job calls it. */
  claim(): Promise<void>
  /** Lets another one lead. */
  close(): Promise<void>
}

/**
 * The gateway whose connection holds the lock leads: the server gives it to one alone, and takes it back when that
 * connection ends, whatever ended it.
 */
export function createLeader(url: string): Leader {
  let client: Client | undefined
  let leads = false
  let state: StoreState = 'unreachable'

  function lose(): void {
    leads = false
    state = 'unreachable'
    client = undefined
  }

  async function open(): Promise<Client> {
    if (client !== undefined) return client
    const opened = await connect(url, 'leader', ANSWER_MS)
    opened.on('end', () => {
      if (client === opened) lose()
    })
    client = opened
    return opened
  }

  return {
    leads: () => leads,
    state: () => state,
    async claim() {
      try {
        const connection = await open()
        // Whoever leads asks too: an answer shows that the connection lives.
        const text = `SELECT ${leads ? 'true' : LEADER} AS mine, ${READ_ONLY} AS read_only`
        const { rows } = await connection.query<Record<'mine' | 'read_only', number>>(text)
        if (client !== connection) return
        leads = Boolean(rows[0]?.mine)
        state = rows[0]?.read_only ? 'read_only' : 'ok'
      } catch (error) {
        const broken = client
        lose()
        // Nobody waits for it: a server that hangs does not answer this either.
        broken?.end().catch(() => {})
        throw error
      }
    },
    async close() {
      const ending = client
      lose()
      await ending?.end().catch(() => {})
    },
  }
}
