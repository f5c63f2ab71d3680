import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, test } from 'vitest'
import { accountWalks, walkAccounts } from '../ledger/testing/account-walk.ts'
import { describeLedger } from '../ledger/testing/conformance.ts'
import type { OpenHarness } from '../ledger/testing/harness.ts'
import { keyWalks, walkKeys } from '../ledger/testing/key-walk.ts'
import { describeParallel } from '../ledger/testing/parallel.ts'
import { walk, walks } from '../ledger/testing/random-walk.ts'
import { memoryHarness, openLedger } from './testing/open-ledger.ts'

const folder = mkdtempSync(join(tmpdir(), 'cocoon-ledger-'))
let files = 0
const opened: { close(): void }[] = []

afterAll(() => {
  for (const store of opened) store.close()
  rmSync(folder, { recursive: true })
})

const open: OpenHarness = async (options) => {
  const path = join(folder, `${files++}.db`)
  const start = () => {
    const { store, ledger } = openLedger(path, options)
    opened.push(store)
    return ledger
  }
  return { ledger: start(), restart: async () => start() }
}

describeLedger('better-sqlite3', open)
describeParallel('better-sqlite3', async () => (await open({ hosts: 'here' })).ledger)

test('whatever is asked in whatever order, the books add up to what was answered', async () => {
  await fc.assert(
    fc.asyncProperty(walks, (steps) => walk(() => memoryHarness({ hosts: 'here' }), steps)),
    { numRuns: 60 },
  )
})

test('whatever accounts, keys and budgets do, in whatever order, each answer and balance is the model’s', async () => {
  await fc.assert(
    fc.asyncProperty(keyWalks, (steps) => walkKeys(() => memoryHarness({ hosts: 'here' }), steps)),
    { numRuns: 10 },
  )
})

test('whatever caps, cheques, exits and webhooks do, in whatever order, each answer and balance is the model’s', async () => {
  await fc.assert(
    fc.asyncProperty(accountWalks, (steps) =>
      walkAccounts(() => memoryHarness({ hosts: 'here' }), steps),
    ),
    { numRuns: 15 },
  )
})
