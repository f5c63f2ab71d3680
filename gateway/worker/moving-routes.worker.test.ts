import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, expect, test } from 'vitest'
import { anyErrorAnswer } from '../http/any-error.ts'
import { BOB, HOST, mirror } from '../ledger/testing/fixtures.ts'
import type { Unit } from '../moving/unit.ts'
import { indexOf } from './index-object.ts'
import { ledgerOf } from './ledger-of.ts'
import { listLedgers } from './list-ledgers.ts'
import { EXPORT_START, type ExportCursor, type ExportPage, exportPage } from './moving.ts'
import { movingRoutes } from './moving-routes.ts'
import { type Objects, objectsOf } from './objects.ts'

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

/** What one object may answer another. */
const MAX_ANSWER_CHARS = 32 * 1024 * 1024

async function pagesOf(from: Objects, begin: ExportCursor): Promise<readonly ExportPage[]> {
  const pages: ExportPage[] = []
  for (let cursor: ExportCursor | null = begin; cursor?.part === begin.part; ) {
    const page: ExportPage = await exportPage(from, cursor)
    pages.push(page)
    cursor = page.next
  }
  return pages
}

test('sessions as large as a row may be leave the market in answers that it may give', async () => {
  const sessions = 18
  await runInDurableObject(env.MARKET.getByName('market'), (_, { storage }) => {
    for (let i = 0; i < sessions; i++) {
      storage.sql.exec(
        `INSERT INTO sessions VALUES (?, 'run_1', 'digest', printf('%.*c', 1900000, 'x'), '', '', 1, 1, NULL)`,
        `large-${i}`,
      )
    }
  })
  const pages = await pagesOf(objects, EXPORT_START)
  const found = pages.flatMap(({ units }) =>
    units.flatMap(({ tables }) => tables['sessions']?.rows ?? []),
  )
  expect(found).toHaveLength(sessions)
  for (const { units } of pages) {
    expect(JSON.stringify(units).length).toBeLessThan(MAX_ANSWER_CHARS)
  }
}, 60_000)

test('a page holds receipts of few thousand requests, however many an account made', async () => {
  const units: readonly Unit[] = [
    ...Array.from({ length: 7 }, (): Unit => ({ kind: 'rows', id: 'small', tables })),
    ...Array.from({ length: 50 }, (): Unit => ({ kind: 'history', id: BOB, tables })),
  ]
  const name = `acct:${BOB}`
  const large = {
    index: (index: string) => ({
      list: async (after: string) => (index === indexOf(name) && after === '' ? [name] : []),
    }),
    ledger: () => ({
      exportUnits: async (at: number, limit: number) => units.slice(at, at + limit),
    }),
  }
  // Sound: an export of ledgers asks for nothing else.
  const pages = await pagesOf(large as unknown as Objects, { ...EXPORT_START, part: 99 })
  expect(pages.flatMap((page) => page.units)).toEqual(units)
  for (const page of pages) expect(page.units.length).toBeLessThanOrEqual(16)
})

test('a unit is written once', async () => {
  const unit = rows('marks', ['name', 'value'], ['registry_version', 1])
  expect(await importing({ unit, digest: 'f'.repeat(64) })).toEqual([200, true])
  expect(await importing({ unit, digest: 'f'.repeat(64) })).toEqual([200, false])
})
