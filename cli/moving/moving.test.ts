import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { type RunningWorkerd, startWorkerd } from '#dev/workerd/start-workerd.ts'
import { freePorts } from '#dev/world/ports.ts'
import { applyCall } from '#gateway/ledger/apply-call.ts'
import type { Op } from '#gateway/ledger/port.ts'
import {
  ALICE,
  BOB,
  HOST,
  mirror,
  NOW,
  OTHER_TERMS,
  reserve,
  settle,
} from '#gateway/ledger/testing/fixtures.ts'
import { exportGateway, exportSqlite } from './export-to-file.ts'
import { importGateway, importSqlite } from './import-from-file.ts'
import { openForMoving } from './sqlite.ts'

const ADMIN_KEY = 'an-operator-key-of-this-test-alone'
const SETTLEMENTS = 1_203

let folder: string
let workerd: RunningWorkerd
let access: { gateway: string; adminKey: string }
const file = (name: string): string => join(folder, name)

const env = (port: number, paused: string) => ({
  GATEWAY_ENV: 'development',
  PUBLIC_URL: `http://127.0.0.1:${port}`,
  GATEWAY_SECRET: '5e'.repeat(32),
  TON_ENDPOINT: 'http://127.0.0.1:9/',
  REGISTRY_ADDRESS: `0:${'11'.repeat(32)}`,
  ADMIN_KEY,
  PAUSED: paused,
  LOG_LEVEL: 'error',
})

let start: (paused?: string) => Promise<void>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cocoon-moving-'))
  const { gateway: port } = await freePorts()
  access = { gateway: `http://127.0.0.1:${port}`, adminKey: ADMIN_KEY }
  start = async (paused = 'true') => {
    const options = { folder: file('workerd'), host: '127.0.0.1', ports: [port] }
    workerd = await startWorkerd({ ...options, env: env(port, paused), texts: {} })
  }
  await start()
  fill(file('first.db'))
}, 60_000)
afterAll(async () => {
  await workerd?.stop()
  rmSync(folder, { recursive: true })
})

/** Two accounts, two hosts, keys, budgets, an exit that took too much, open holds, and more settlements than one unit has. */
function fill(path: string): void {
  const { store, core } = openForMoving(path)
  const run = (...ops: readonly Op[]) => applyCall(core, ops)
  run(mirror(ALICE, 10_000_000n), mirror(BOB, 5_000n))
  const used = Array.from({ length: SETTLEMENTS }, (_, i) => [
    reserve(i, 700n),
    settle(i, 1 + (i % 50)),
  ])
  run(...used.flat())
  const other = { account: BOB, terms: OTHER_TERMS }
  run(reserve(9_001, 700n, other))
  run(settle(9_001, 30, { account: BOB, runner: OTHER_TERMS.runner, payee: OTHER_TERMS.payee }))
  run(reserve(9_002, 500n, other), reserve(9_003, 600n))
  // The chain collected a part, a host was vouchered for it, and an exit paid out more than was left.
  run(mirror(ALICE, 10_000_000n, { debit: 2_000n as never, seqno: 2 }))
  const [{ host }] = run({ op: 'read_host', payee: HOST }) as unknown as [
    { host: { collected: never } },
  ]
  run({
    op: 'record_voucher',
    till: HOST,
    payee: HOST,
    cumulative: host.collected,
    signature: 'ab'.repeat(64),
    at: NOW,
  })
  run({ op: 'mirror_host', payee: HOST, redeemed: 100n as never, at: NOW })
  run(mirror(BOB, 5_000n, { paidOut: 5_000n as never, seqno: 2 }))
  run(mirror(BOB, 5_050n, { paidOut: 5_000n as never, seqno: 3 }))
  store.script(`INSERT INTO api_keys (id, account, hash, name, masked, sealed_only, created)
    VALUES ('key_00000000000000000000', '${ALICE}', '${'cd'.repeat(32)}', 'laptop', 'sk-coc-…abcd', 0, 1);
    INSERT INTO chain_cursors VALUES ('${HOST}', '00000000000000000007', '${'ef'.repeat(32)}')`)
  applyCall(core, [{ op: 'maintain', now: 1 as never }])
  store.close()
}

/** What an owner or a host could miss, free of the numbers that a store gives to its rows. */
function facts(path: string) {
  const db = new Database(path, { readonly: true })
  const all = (sql: string): unknown[] => db.prepare(sql).all()
  const found = {
    accounts: all('SELECT * FROM accounts ORDER BY id').map((row) => ({
      ...(row as object),
      no: 0,
    })),
    keys: all('SELECT * FROM api_keys ORDER BY id'),
    usage: all('SELECT day, key, model, requests, cost FROM usage_days ORDER BY 1, 2, 3, 5'),
    holds: all(
      'SELECT request, attempt, state, amount, runner, deadline FROM holds h JOIN terms t ON t.id = h.terms ORDER BY 1',
    ),
    settlements: all(
      `SELECT a.id, request, attempt, cost, commission, cumulative, runner, payee, document FROM settlements s
       JOIN accounts a ON a.no = s.account JOIN terms t ON t.id = s.terms JOIN receipts r ON r.settlement = s.id
       ORDER BY 2, 3`,
    ),
    hosts: all('SELECT * FROM hosts ORDER BY payee'),
    vouchers: all('SELECT till, payee, cumulative, signature FROM vouchers ORDER BY 2, 3'),
    cursors: all('SELECT * FROM chain_cursors'),
  }
  db.close()
  return found
}

test('everything moves from SQLite to Durable Objects and back, to the nanoTON and to the key', async () => {
  const exported = exportSqlite(file('first.db'), file('first.stream'))
  expect(statSync(file('first.stream')).mode & 0o777).toBe(0o600)
  // A file that was cut off or changed writes nothing.
  const text = readFileSync(file('first.stream'), 'utf8')
  writeFileSync(file('cut.stream'), text.split('\n').slice(0, -2).join('\n'))
  await expect(importGateway(file('cut.stream'), access)).rejects.toThrow('no end')
  writeFileSync(file('changed.stream'), text.replace('"laptop"', '"Laptop"'))
  await expect(importGateway(file('changed.stream'), access)).rejects.toThrow('was changed')
  expect((await (await audit()).json()).accounts).toBe(0)

  const there = await importGateway(file('first.stream'), access)
  expect(there).toMatchObject({ skipped: 0, differences: [], totals: exported })
  // The same file once more, as after a failure, and after a crash of the target.
  await workerd.stop()
  await start()
  const again = await importGateway(file('first.stream'), access)
  expect(again).toMatchObject({ written: 0, skipped: there.written, differences: [] })

  expect(await exportGateway(access, file('back.stream'))).toEqual(exported)
  const back = await importSqlite(file('back.stream'), file('back.db'))
  expect(back).toMatchObject({ skipped: 0, differences: [], totals: exported })
  const before = facts(file('first.db'))
  expect(before.settlements).toHaveLength(SETTLEMENTS + 1)
  expect(facts(file('back.db'))).toEqual(before)
}, 60_000)

test('an import never mixes two gateways', async () => {
  const { store, core } = openForMoving(file('busy.db'))
  applyCall(core, [mirror(ALICE, 5n, { at: unixMs(1) })])
  store.close()
  await expect(importSqlite(file('first.stream'), file('busy.db'))).rejects.toThrow('is here')
})

test('a request to move that is none is refused', async () => {
  for (const path of ['export', 'import']) {
    expect((await moving(path, '{"part":')).status).toBe(400)
  }
})

test('a stranger moves nothing', async () => {
  const stranger = { ...access, adminKey: 'somebody else with a key of theirs' }
  await expect(exportGateway(stranger, file('stolen.stream'))).rejects.toThrow('401')
})

/** Last: it starts the target anew. */
test('a gateway that serves cannot be moved', async () => {
  await workerd.stop()
  await start('false')
  for (const path of ['schema', 'export', 'import', 'end']) {
    const response = await moving(path, path === 'schema' ? undefined : '{}')
    expect(response.status).toBe(409)
    expect((await response.json()).error.code).toBe('conflict')
  }
}, 60_000)

function moving(path: string, body: string | undefined): Promise<Response> {
  return fetch(`${access.gateway}/admin/moving/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
    ...(body === undefined ? {} : { body }),
  })
}

function audit(): Promise<Response> {
  return fetch(`${access.gateway}/admin/audit`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  })
}
