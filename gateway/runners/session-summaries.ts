import type { SessionId } from '../db/ids.ts'
import type { RunnerStore, SessionHead } from './runner-store.ts'

/** What a list tells of a session: its document without the bulky evidence, so that it does not hash to its id. */
export type SessionSummary = Readonly<Record<string, unknown>>

/** Lists sessions. Everybody may ask, and a row has megabytes: each is read and parsed once, not at every question. */
export interface SessionSummaries {
  of(heads: readonly SessionHead[]): Promise<readonly SessionSummary[]>
}

/** Of some kilobytes each. */
const MAX_KEPT = 1_024

export function createSessionSummaries(store: Pick<RunnerStore, 'findSession'>): SessionSummaries {
  const kept = new Map<SessionId, SessionSummary>()

  async function summaryOf(id: SessionId): Promise<SessionSummary | undefined> {
    const known = kept.get(id)
    if (known !== undefined) return known
    const row = await store.findSession(id)
    if (row === undefined) return undefined
    // Sound: the row was written by register.ts from a session document.
    const { evidence, ...document } = JSON.parse(row.document) as {
      readonly evidence: { readonly digest: string }
    }
    const summary = { ...document, evidence: { digest: evidence.digest }, session_id: id }
    for (const oldest of kept.keys()) {
      if (kept.size < MAX_KEPT) break
      kept.delete(oldest)
    }
    kept.set(id, summary)
    return summary
  }

  return {
    async of(heads) {
      const listed: SessionSummary[] = []
      // One after the other: so that no more than one row is in memory.
      for (const { id, appraised, cut } of heads) {
        const summary = await summaryOf(id)
        if (summary === undefined) continue
        listed.push({ ...summary, appraised_at: Math.floor(appraised / 1000), cut })
      }
      return listed
    },
  }
}
