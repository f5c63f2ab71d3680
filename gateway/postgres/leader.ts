import type { Client } from 'pg'
import { connect } from './connect.ts'
import { OURS } from './locks.ts'

const LEADER = `pg_try_advisory_lock(${OURS}, 1)`
/** How soon another gateway takes over from one that died, once the server knows that it did. */
export const CLAIM_MS = 2_000

/** Which of several gateways does what must be done once. */
export interface Leader {
  leads(): boolean
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

  function lose(): void {
    leads = false
    client = undefined
  }

  async function open(): Promise<Client> {
    if (client !== undefined) return client
    const opened = await connect(url, 'leader')
    opened.on('end', () => {
      if (client === opened) lose()
    })
    client = opened
    return opened
  }

  return {
    leads: () => leads,
    async claim() {
      try {
        const connection = await open()
        // Whoever leads asks too: an answer shows that the connection lives.
        const sql = leads ? 'SELECT true AS mine' : `SELECT ${LEADER} AS mine`
        const { rows } = await connection.query<{ mine: number | boolean }>(sql)
        leads = client === connection && Boolean(rows[0]?.mine)
      } catch (error) {
        const broken = client
        lose()
        await broken?.end().catch(() => {})
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
