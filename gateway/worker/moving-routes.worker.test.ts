import { env } from 'cloudflare:workers'
import { beforeAll, expect, test } from 'vitest'
import { anyErrorAnswer } from '../http/any-error.ts'
import { BOB, HOST, mirror } from '../ledger/testing/fixtures.ts'
import type { Unit } from '../moving/unit.ts'
import { ledgerOf } from './ledger-of.ts'
import { listLedgers } from './list-ledgers.ts'
import { movingRoutes } from './moving-routes.ts'
import { objectsOf } from './objects.ts'

/** What an operator's own `cocoon import` never sends, and a damaged copy of it might. */

const ADMIN_KEY = 'an-operator-key-of-the-tests'
const DIGEST = 'd'.repeat(64)
const objects = objectsOf(env)
const app = movingRoutes({ objects, adminKey: ADMIN_KEY, migrations: [], isPaused: true })
app.onError((error) => {
  const { status, headers, body } = anyErrorAnswer(error)
  return new Response(body, { status, headers })
})

async function importing(body: unknown): Promise<unknown> {
  const answer = await app.request('/admin/moving/import', {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
    body: JSON.stringify(body),
  })
  // Sound: an answer of this route has one of these members.
  const told = (await answer.json()) as { written?: boolean; error?: { code: string } }
  return [answer.status, told.written ?? told.error?.code]
}

const INVALID = [400, 'invalid_request']
const tables = {}
const rows = (name: string, columns: string[], cells: unknown[]) => {
  return { kind: 'rows', id: 'rows', tables: { [name]: { columns, rows: [cells] } } }
}

let account: Unit
beforeAll(async () => {
  await ledgerOf(objects).commit([mirror(BOB, 1_000n)])
  const [found] = await objects.ledger(`acct:${BOB}`).exportUnits(0, 1)
  if (found === undefined) throw new TypeError('it has a unit')
  account = found
})

test.each<[string, unknown]>([
  ['nothing', null],
  ['a list', []],
  ['no unit', { digest: DIGEST }],
  ['a unit that is a text', { unit: 'account', digest: DIGEST }],
  ['a unit of no kind', { unit: { id: BOB, tables }, digest: DIGEST }],
  ['an account without tables', { unit: { kind: 'account', id: BOB }, digest: DIGEST }],
  [
    'an account that has no such id',
    { unit: { kind: 'history', id: 'x', tables }, digest: DIGEST },
  ],
  [
    'a host that has no address',
    { unit: { kind: 'host', id: 'x', commission: '0', tables }, digest: DIGEST },
  ],
  [
    'a host without rows',
    { unit: { kind: 'host', id: HOST, commission: '0', tables }, digest: DIGEST },
  ],
  [
    'an amount that is none',
    { unit: { kind: 'host', id: HOST, commission: 1, tables }, digest: DIGEST },
  ],
  [
    'history of an account that is not here',
    { unit: { kind: 'history', id: 'C'.repeat(32), tables }, digest: DIGEST },
  ],
  ['a cell that is an object', { unit: rows('marks', ['name'], [{}]), digest: DIGEST }],
  [
    'a cell that is no base64',
    { unit: rows('marks', ['name'], [{ base64: '?' }]), digest: DIGEST },
  ],
  ['a table that is not moved', { unit: rows('accounts', ['no'], [1]), digest: DIGEST }],
  ['columns of another version', { unit: rows('marks', ['names'], ['x']), digest: DIGEST }],
  ['a row that breaks a rule', { unit: rows('models', ['id'], ['x']), digest: DIGEST }],
  ['no digest', { unit: rows('marks', ['name', 'value'], ['x', 1]) }],
])('%s is a 400', async (_, body) => {
  expect(await importing(body)).toEqual(INVALID)
})

test('what is refused makes no ledger', async () => {
  const before = (await listLedgers(objects, '', 100)).names
  await importing({ unit: { kind: 'history', id: 'x', tables }, digest: DIGEST })
  expect((await listLedgers(objects, '', 100)).names).toEqual(before)
})

test('an account that is here already, from elsewhere, is a 409', async () => {
  expect(await importing({ unit: account, digest: 'e'.repeat(64) })).toEqual([409, 'conflict'])
})

test('a unit is written once', async () => {
  const unit = rows('marks', ['name', 'value'], ['registry_version', 1])
  expect(await importing({ unit, digest: 'f'.repeat(64) })).toEqual([200, true])
  expect(await importing({ unit, digest: 'f'.repeat(64) })).toEqual([200, false])
})
