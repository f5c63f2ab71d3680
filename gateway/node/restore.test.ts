import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { migrate } from '../db/migrate.ts'
import { applyCall } from '../ledger/apply-call.ts'
import { createCore, type LedgerCore } from '../ledger/core.ts'
import type { Op } from '../ledger/port.ts'
import { ALICE, BOB, HOST, mirror, NOW, reserve, settle } from '../ledger/testing/fixtures.ts'
import { startTestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'
import { openSqlite, type SqliteStore } from './open-sqlite.ts'
import { MIGRATIONS } from './testing/open-ledger.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'cocoon-restore-'))
afterAll(() => rmSync(folder, { recursive: true }))

function auditOf(core: LedgerCore) {
  const [{ broken, ...totals }] = applyCall(core, [{ op: 'audit' }])
  return { broken, totals }
}

/** What docs/operators.md tells to type, with `sqlite3` played by the SQLite of this package in a process of its own. */
async function backUp(from: string, to: string): Promise<void> {
  const page = readFileSync(join(ROOT, 'docs/operators.md'), 'utf8')
  const [, statement] = /^sqlite3 \S+ "([^"]+)"$/m.exec(page) ?? []
  const sql = statement?.replace(/'[^']+'/, `'${to}'`)
  const program = `require('better-sqlite3')(process.argv[1]).exec(process.argv[2])`
  await promisify(execFile)(process.execPath, ['-e', program, from, sql ?? ''], { cwd: ROOT })
}

async function chat(world: TestWorld, { key }: TestAccount): Promise<string> {
  const answer = await fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: MODEL, messages: [], max_tokens: 100 }),
  })
  expect(answer.status, await answer.text()).toBe(200)
  return answer.headers.get('x-receipt-id') ?? ''
}

describe('a copy taken while the gateway serves', () => {
  test('restores to a gateway that keeps accounts, keys, balances and receipts', async () => {
    const world = await startTestWorld()
    const runner = await startTestRunner(world)
    const copy = join(folder, 'copy.db')
    const [quiet, busy] = [await world.account(1_000_000_000n), await world.account(5_000n)]
    const receipt = await chat(world, quiet)
    const before = await quiet.balance()
    let copied = false
    const backup = backUp(world.config.databasePath, copy).finally(() => {
      copied = true
    })
    do await chat(world, busy)
    while (!copied)
    await backup
    const { secret, chain } = world.config
    await runner.close()

    const changes = { secret, chain, databasePath: copy }
    const restored = await startTestWorld(changes, world.tee)
    const again = await startTestRunner(restored)
    const get = (path: string) =>
      fetch(`${restored.gateway.origin}${path}`, {
        headers: { authorization: `Bearer ${quiet.key}` },
      })
    const { balance } = await (await get('/v1/account')).json()
    expect(balance).toMatchObject({ available: String(before.available), held: '0' })
    expect((await get(`/v1/aci/receipts/${receipt}`)).status).toBe(200)
    await chat(restored, quiet)
    const store = openSqlite(copy)
    expect(auditOf(createCore(store, { hosts: 'here' })).broken).toEqual([])
    store.close()

    await again.close()
    await restored.close()
    await world.close()
  }, 60_000)
})

/** Books with money in every place that the first release knew. */
function fill(core: LedgerCore): void {
  const run = (...ops: readonly Op[]) => applyCall(core, ops)
  run(mirror(ALICE, 10_000_000n), mirror(BOB, 5_000n))
  run(reserve(1, 700n), settle(1, 20), reserve(2, 600n), reserve(3, 700n), settle(3, 50))
  run(mirror(ALICE, 10_000_000n, { debit: 100n as never, seqno: 2 }))
  run(mirror(BOB, 5_000n, { paidOut: 5_000n as never, seqno: 2 }))
  run({ op: 'mirror_host', payee: HOST, redeemed: 10n as never, at: NOW })
}

/** The rows of every table of the first schema, taken from books of today. */
function copyRows(store: SqliteStore, from: string): readonly string[] {
  const all = (sql: string, ...params: string[]) => store.prepare(sql).all(...params)
  store.script(`ATTACH '${from}' AS today`)
  const tables = all(
    "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT IN ('migrations', 'sqlite_sequence')",
  )
    .flat()
    .filter((table) => all(`SELECT 1 FROM today.${table} LIMIT 1`).length > 0)
  for (const table of tables) {
    const columns = all('SELECT name FROM pragma_table_info(?)', String(table)).flat().join(', ')
    store.script(
      `INSERT OR REPLACE INTO main.${table} (${columns}) SELECT ${columns} FROM today.${table}`,
    )
  }
  store.script('DETACH today')
  return tables.map(String)
}

describe('a database of the first schema', () => {
  test('comes up whole: the same books, and an audit without a finding', () => {
    const [today, first] = [join(folder, 'today.db'), join(folder, 'first.db')]
    const now = openSqlite(today)
    migrate(now, MIGRATIONS)
    fill(createCore(now, { hosts: 'here' }))
    const kept = auditOf(createCore(now, { hosts: 'here' }))
    expect(kept.broken).toEqual([])
    now.close()

    const store = openSqlite(first)
    migrate(store, MIGRATIONS.slice(0, 1))
    const copied = copyRows(store, today)
    expect(copied).toEqual(expect.arrayContaining(['accounts', 'settlements', 'transfers']))
    store.script(`INSERT INTO api_keys (id, account, hash, name, masked, sealed_only, created)
      VALUES ('key_old', '${ALICE}', '${'cd'.repeat(32)}', 'laptop', 'sk-coc-…abcd', 0, 1)`)
    store.close()

    const upgraded = openSqlite(first)
    migrate(upgraded, MIGRATIONS)
    const applied = upgraded.prepare('SELECT name FROM migrations ORDER BY name').all().flat()
    expect(applied).toEqual(MIGRATIONS.map(({ name }) => name))
    const core = createCore(upgraded, { hosts: 'here' })
    expect(auditOf(core)).toEqual(kept)
    const keys = upgraded.prepare('SELECT id, account, revoked FROM api_keys').all()
    expect(keys).toEqual([['key_old', ALICE, null]])
    applyCall(core, [reserve(4, 700n), settle(4, 10)])
    expect(auditOf(core).broken).toEqual([])
    upgraded.close()
  })
})
