import { expect, test } from 'vitest'
import type { Statement, Store } from '../db/db.ts'
import { ALICE, BOB, HOST, mirror, NOW_S, reserve, settle } from '../ledger/testing/fixtures.ts'
import { openLedger } from '../node/testing/open-ledger.ts'
import { readStore } from './read-store.ts'
import { readAccount } from './read-units.ts'
import { unitPage } from './unit-page.ts'
import { writeUnit } from './write-unit.ts'

/** More than two units of history. */
const SETTLEMENTS = 1_100

async function filled(): Promise<Store> {
  const { store, ledger } = openLedger(':memory:')
  await ledger.commit([mirror(ALICE, 10_000_000n), mirror(BOB, 10_000n)])
  const used = Array.from({ length: SETTLEMENTS }, (_, i) => [reserve(i, 100n), settle(i, 1)])
  await ledger.commit(used.flat())
  await ledger.commit([{ op: 'maintain', now: NOW_S }])
  return store
}

/** The same store, which tells of every statement and how many rows it gave. */
function watched(store: Store, tell: (sql: string, rows: number) => void): Store {
  const prepare = (sql: string): Statement => {
    const { run, get, all } = store.prepare(sql)
    return {
      run,
      get: (...params) => {
        tell(sql, 1)
        return get(...params)
      },
      all: (...params) => {
        const rows = all(...params)
        tell(sql, rows.length)
        return rows
      },
    }
  }
  return { ...store, prepare }
}

test('no account of an export is looked for in what all accounts have', async () => {
  const store = await filled()
  const asked = new Set<string>()
  const units = readAccount(
    watched(store, (sql) => asked.add(sql)),
    ALICE,
  )
  const sizes = [...units].map((read) => [read().kind, asked.size])
  expect(sizes.map(([kind]) => kind)).toEqual(['account', ...Array(3).fill('history')])
  // A database keeps each text that it was asked: there are as many for any number of pages.
  expect(sizes[3]).toEqual(sizes[1])
  const scans = [...asked]
    .filter((sql) => !sql.includes('pragma'))
    .flatMap((sql) => {
      const holes = sql.match(/\?/g) ?? []
      return store.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...holes.map(() => 0))
    })
    .map(([, , , what]) => String(what))
    .filter((what) => /^SCAN (settlements|receipts|transfers|accounts|usage_days)/.test(what))
  expect(scans).toEqual([])
})

test('who goes on in the middle reads no receipt of what came before', async () => {
  const store = await filled()
  let receipts = 0
  const counting = watched(store, (sql, rows) => {
    if (sql.includes('FROM receipts')) receipts += rows
  })
  const whole = [...readAccount(store, ALICE)].map((read) => read())
  expect(unitPage(readAccount(counting, ALICE), 3, 8)).toEqual(whole.slice(3))
  expect(receipts).toBe(SETTLEMENTS - 1_000)
})

test('hours that a cluster counted for longer than an hour move, as one hour', async () => {
  const { store } = openLedger(':memory:')
  const columns = ['runner', 'hour', 'watched', 'up', 'answered']
  const rows = [['run_1', 1, 3_605, 3_602, 7]]
  const unit = { kind: 'rows', id: 'hours', tables: { runner_hours: { columns, rows } } } as const
  expect(writeUnit(store, unit, { digest: 'd', hosts: 'here' })).toBe(true)
  expect(store.prepare('SELECT watched, up, answered FROM runner_hours').all()).toEqual([
    [3_600, 3_600, 7],
  ])
})

test('every host is read with what the operator got of its settlements, and no other’s', async () => {
  const store = await filled()
  const hosts = [...readStore(store)].map((read) => read()).filter(({ kind }) => kind === 'host')
  const [fees] =
    store
      .prepare("SELECT CAST(SUM(amount) AS INTEGER) FROM transfers WHERE target = 'fees'")
      .get() ?? []
  expect(hosts).toMatchObject([{ id: HOST, commission: String(fees) }])
})
