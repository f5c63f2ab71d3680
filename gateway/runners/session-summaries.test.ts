import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { runnerId, type SessionId, sessionId } from '../db/ids.ts'
import { sessions } from '../db/schema.ts'
import { openLedger } from '../node/testing/open-ledger.ts'
import { createRunnerStore } from './runner-store.ts'
import { createSessionSummaries } from './session-summaries.ts'

const AT = unixMs(1_700_000_000_123)
const DIGEST = `sha256:${'ab'.repeat(32)}`

/** A store with so many sessions of one keyset, which counts how many whole rows were read. */
function open(count: number) {
  const { store } = openLedger(':memory:')
  const ids = Array.from({ length: count }, (_, i) => sessionId(String(i).padStart(64, '0')))
  for (const id of ids) {
    const document = { upstream_name: 'run_one', evidence: { data: 'bulk', digest: id } }
    store.db
      .insert(sessions)
      .values({
        ...{ id, runner: runnerId('run_one'), keyset_digest: DIGEST, cut: null, at: AT },
        ...{ document: JSON.stringify(document), evidence: '{}', collateral: '{}', appraised: AT },
      })
      .run()
  }
  const runners = createRunnerStore(store)
  let read = 0
  const findSession = (id: SessionId) => {
    read++
    return runners.findSession(id)
  }
  return { ids, runners, read: () => read, summaries: createSessionSummaries({ findSession }) }
}

test('a list asked for again reads no row again, and tells what has changed', async () => {
  const { ids, runners, read, summaries } = open(3)
  const list = async () => summaries.of(await runners.sessionsOfKeyset(DIGEST, 200))
  const first = await list()
  expect(first).toEqual(
    ids.map((id) => ({
      ...{ upstream_name: 'run_one', evidence: { digest: id }, session_id: id },
      ...{ appraised_at: 1_700_000_000, cut: null },
    })),
  )
  expect(read()).toBe(3)
  const [one] = ids
  if (one === undefined) throw new TypeError('no session')
  await runners.noteAppraisal(one, unixMs(AT + 60_000), '{}')
  await runners.cutSession(one, 'tcb')
  expect((await list())[0]).toEqual({ ...first[0], appraised_at: 1_700_000_060, cut: 'tcb' })
  for (let i = 0; i < 100; i++) await list()
  expect(read()).toBe(3)
})

test('what is kept of them is bounded', async () => {
  const { ids, read, summaries } = open(1_100)
  const heads = ids.map((id) => ({ id, appraised: AT, cut: null }))
  await summaries.of(heads)
  await summaries.of(heads.slice(-1_000))
  expect(read()).toBe(1_100)
  await summaries.of(heads.slice(0, 1))
  expect(read()).toBe(1_101)
})
