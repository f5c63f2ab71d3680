import { expect, test } from 'vitest'
import type { LedgerCore, Outcome } from '../ledger/core.ts'
import { LedgerError } from '../ledger/errors.ts'
import { openSqlite } from './open-sqlite.ts'
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
  const store = openSqlite(':memory:')
  const watched = watchStore(core, store, (level, message, fields) =>
    logged.push(`${level} ${message} ${fields?.code ?? ''}`.trim()),
  )
  const states = [1, 2, 3, 4].map(() => {
    watched.core.apply([[]])
    return watched.isWritable()
  })
  expect(states).toEqual([false, false, true, false])
  expect(logged).toEqual([
    'error the disk is full: free some space, and the gateway goes on by itself SQLITE_FULL',
    'info the database can be written again',
    'error the database is read-only: give the gateway its file and folder to write SQLITE_READONLY_DBMOVED',
  ])
})

test('what only reads succeeds, and shows nothing: the disk takes writes once one was written', () => {
  const outcomes = [failed('SQLITE_IOERR_WRITE')]
  const core: LedgerCore = { apply: () => [outcomes.shift() ?? ok] }
  const logged: string[] = []
  const store = openSqlite(':memory:')
  const watched = watchStore(core, store, (level) => logged.push(level))
  store.script('PRAGMA query_only = ON')
  for (let i = 0; i < 3; i++) watched.core.apply([[]])
  expect([watched.isWritable(), logged]).toEqual([false, ['error']])
  store.script('PRAGMA query_only = OFF')
  watched.core.apply([[]])
  expect([watched.isWritable(), logged]).toEqual([true, ['error', 'info']])
})
