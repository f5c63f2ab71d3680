import type { Store } from '../db/db.ts'
import type { RequestId } from '../db/ids.ts'
import { numberIn, textIn } from '../db/row.ts'

/**
 * The newest settlements, which are not in the indexes yet. Their attempts are kept in memory, so that none is reserved
 * or settled twice meanwhile.
 */
export interface Tail {
  /** A settlement was appended. */
  add(request: RequestId, attempt: number): void
  /** Whether the attempt has been settled, now or ever. */
  isSettled(request: RequestId, attempt: number): boolean
  /** Sorts the tail into the indexes and sums it up by day; whoever reads these calls it first. */
  index(): void
  reset(): void
}

const DAY_MS = 86_400_000
const INDEXED = "SELECT value FROM marks WHERE name = 'indexed'"

export function openTail(store: Store): Tail {
  const find = store.prepare('SELECT 1 FROM settlement_attempts WHERE request = ? AND attempt = ?')
  const each = store.prepare(`SELECT request, attempt FROM settlements WHERE id > (${INDEXED})`)
  const steps = [
    `INSERT INTO settlement_attempts (request, attempt, settlement)
     SELECT request, attempt, id FROM settlements WHERE id > (${INDEXED}) ORDER BY request, attempt`,
    `INSERT INTO settlement_accounts (account, cumulative, settlement)
     SELECT account, cumulative, id FROM settlements WHERE id > (${INDEXED}) ORDER BY account, cumulative, id`,
    `INSERT INTO usage_days (account, day, key, model, requests, prompt_tokens, cached_tokens, completion_tokens,
       reasoning_tokens, cost)
     SELECT s.account, s.at / ${DAY_MS}, COALESCE(s.key, ''), t.model, COUNT(*), SUM(s.prompt_tokens),
       SUM(s.cached_tokens), SUM(s.completion_tokens), SUM(s.reasoning_tokens), SUM(s.cost)
     FROM settlements s JOIN terms t ON t.id = s.terms WHERE s.id > (${INDEXED}) GROUP BY 1, 2, 3, 4
     ON CONFLICT (account, day, key, model) DO UPDATE SET requests = usage_days.requests + excluded.requests,
       prompt_tokens = usage_days.prompt_tokens + excluded.prompt_tokens,
       cached_tokens = usage_days.cached_tokens + excluded.cached_tokens,
       completion_tokens = usage_days.completion_tokens + excluded.completion_tokens,
       reasoning_tokens = usage_days.reasoning_tokens + excluded.reasoning_tokens, cost = usage_days.cost + excluded.cost`,
    "UPDATE marks SET value = (SELECT MAX(id) FROM settlements) WHERE name = 'indexed'",
  ].map((sql) => store.prepare(sql))
  let settled: Set<string> | undefined

  // Read on first use: a transaction that was undone, or a restart, leaves only what the table says.
  function attempts(): Set<string> {
    settled ??= new Set(
      each.all().map(([request, attempt]) => nameOf(textIn(request), numberIn(attempt))),
    )
    return settled
  }

  return {
    add: (request, attempt) => {
      attempts().add(nameOf(request, attempt))
    },
    isSettled: (request, attempt) =>
      attempts().has(nameOf(request, attempt)) || find.get(request, attempt) !== undefined,
    index() {
      if (attempts().size === 0) return
      for (const step of steps) step.run()
      attempts().clear()
    },
    reset() {
      settled = undefined
    },
  }
}

function nameOf(request: string, attempt: number): string {
  return attempt === 1 ? request : `${request}.${attempt}`
}
