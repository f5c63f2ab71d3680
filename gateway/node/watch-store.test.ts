import { expect, test } from 'vitest'
import type { LedgerCore, Outcome } from '../ledger/core.ts'
import { LedgerError } from '../ledger/errors.ts'
import { watchStore } from './watch-store.ts'

const ok: Outcome = { ok: true, results: [] }
const failed = (code: string): Outcome => ({
  ok: false,
  error: new LedgerError('unavailable', 'could not apply', {
    cause: Object.assign(new Error('text of SQLite'), { code }),
  }),
})

test('what keeps the ledger from writing is told once, with what to do, and once that it is over', () => {
  const outcomes = [
    failed('SQLITE_FULL'),
    failed('SQLITE_FULL'),
    ok,
    failed('SQLITE_READONLY_DBMOVED'),
  ]
  const core: LedgerCore = { apply: () => [outcomes.shift() ?? ok] }
  const logged: string[] = []
  const watched = watchStore(core, (level, message, fields) =>
    logged.push(`${level} ${message} ${fields?.code ?? ''}`.trim()),
  )
  for (let i = 0; i < 4; i++) watched.apply([[]])
  expect(logged).toEqual([
    'error the disk is full: free some space, and the gateway goes on by itself SQLITE_FULL',
    'info the database can be written again',
    'error the database is read-only: give the gateway its file and folder to write SQLITE_READONLY_DBMOVED',
  ])
})
