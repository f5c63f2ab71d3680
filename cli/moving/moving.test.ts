import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { type RunningWorkerd, startWorkerd } from '#dev/workerd/start-workerd.ts'
import { freePorts } from '#dev/world/ports.ts'
import { applyCall } from '#gateway/ledger/apply-call.ts'
import { ALICE, mirror } from '#gateway/ledger/testing/fixtures.ts'
import { exportGateway, exportSqlite } from './export-to-file.ts'
import { importGateway, importSqlite } from './import-from-file.ts'
import { openForMoving } from './own-store.ts'
import { type Alter, alteredGateway } from './testing/altered-gateway.ts'
import { facts, fill, SETTLEMENTS, TODAY } from './testing/two-accounts.ts'

const ADMIN_KEY = 'an-operator-key-of-this-test-alone'

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
  await fill(file('first.db'))
}, 60_000)
afterAll(async () => {
  await workerd?.stop()
  rmSync(folder, { recursive: true })
})

test('everything moves from SQLite to Durable Objects and back, to the nanoTON and to the key', async () => {
  const exported = await exportSqlite(file('first.db'), file('first.stream'), TODAY)
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
  const back = await importSqlite(file('back.stream'), file('back.db'), TODAY)
  expect(back).toMatchObject({ skipped: 0, differences: [], totals: exported })
  const before = facts(file('first.db'))
  expect(before.settlements).toHaveLength(SETTLEMENTS + 1)
  expect(facts(file('back.db'))).toEqual(before)
}, 60_000)

/** Of what the test before brought. */
async function exportAltered(name: string, alter: Alter): Promise<string> {
  const way = await alteredGateway(access.gateway, alter)
  try {
    return await exportGateway({ ...access, gateway: way.url }, file(name)).then(
      () => 'exported',
      (error: Error) => error.message,
    )
  } finally {
    way.close()
  }
}

/** The n-th page of an audit with an amount that is one more. */
function oneMore(member: 'clearing' | 'available', nth: number): Alter {
  let seen = 0
  return (path, answer) => {
    if (!path.startsWith('/admin/audit') || ++seen !== nth) return answer
    const told = JSON.parse(answer)
    return JSON.stringify({ ...told, [member]: (BigInt(told[member]) + 1n).toString() })
  }
}

test('a gateway whose hosts wait for shares, or whose books change meanwhile, is not exported', async () => {
  expect(await exportAltered('early.stream', oneMore('clearing', 1))).toContain('on their way')
  expect(await exportAltered('late.stream', oneMore('clearing', 2))).toContain('on their way')
  expect(await exportAltered('altered.stream', oneMore('available', 2))).toContain(
    'the books changed meanwhile (available: ',
  )
  for (const name of ['early', 'late', 'altered']) {
    expect(existsSync(file(`${name}.stream`))).toBe(false)
  }
  expect(existsSync(file('altered.stream.part'))).toBe(false)
}, 60_000)

test('an export that broke off goes on after its last whole page', async () => {
  const asked: string[] = []
  const cut: Alter = (path, answer) => {
    if (path.endsWith('/export')) asked.push(answer)
    return asked.length === 3 ? undefined : answer
  }
  expect(await exportAltered('resumed.stream', cut)).not.toBe('exported')
  appendFileSync(file('resumed.stream.part'), 'a page that was cut ')
  const count = (path: string, answer: string) => {
    if (path.endsWith('/export')) asked.push(answer)
    return answer
  }
  expect(await exportAltered('resumed.stream', count)).toBe('exported')
  // The page that was lost once more, and none of those before.
  expect(asked[3]).toBe(asked[2])
  expect(new Set(asked).size).toBe(asked.length - 1)
  await importSqlite(file('resumed.stream'), file('resumed.db'), TODAY)
  expect(facts(file('resumed.db'))).toEqual(facts(file('first.db')))
}, 60_000)

test('names move as they are, whatever they hold', async () => {
  const { store, core, close } = openForMoving(file('names.db'), TODAY)
  const name = 'a\u2028b\u2029c\u0085d\ne\rf'
  store
    .prepare(`INSERT INTO api_keys (id, account, hash, name, masked, sealed_only, created)
      VALUES ('key_00000000000000000000', ?, ?, ?, 'sk-coc-…abcd', 0, 1)`)
    .run(ALICE, 'cd'.repeat(32), name)
  applyCall(core, [mirror(ALICE, 5n)])
  await close()
  await exportSqlite(file('names.db'), file('names.stream'), TODAY)
  await importSqlite(file('names.stream'), file('named.db'), TODAY)
  expect(facts(file('named.db')).keys).toMatchObject([{ name }])
})

test('an import never mixes two gateways', async () => {
  const { core, close } = openForMoving(file('busy.db'), TODAY)
  applyCall(core, [mirror(ALICE, 5n, { at: unixMs(1) })])
  await close()
  await expect(importSqlite(file('first.stream'), file('busy.db'), TODAY)).rejects.toThrow(
    'is here',
  )
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
