import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, test } from 'vitest'
import { migrate } from '../db/migrate.ts'
import { createCore } from '../ledger/core.ts'
import { groupCommit } from '../ledger/group-commit.ts'
import { describeLedger, type OpenHarness } from '../ledger/testing/conformance.ts'
import { walk, walks } from '../ledger/testing/random-walk.ts'
import { openSqlite } from './open-sqlite.ts'

const INIT = {
  name: '0000_init',
  sql: readFileSync(join(import.meta.dirname, '../../migrations/0000_init.sql'), 'utf8'),
}
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
    const store = openSqlite(path)
    opened.push(store)
    migrate(store, [INIT])
    return groupCommit(createCore(store, options), setImmediate)
  }
  return { ledger: start(), restart: async () => start() }
}

describeLedger('better-sqlite3', open)

test('whatever is asked in whatever order, the books add up to what was answered', async () => {
  await fc.assert(
    fc.asyncProperty(walks, (steps) => walk(() => open({ hosts: 'here' }), steps)),
    { numRuns: 60 },
  )
})
