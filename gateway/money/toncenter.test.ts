import { expect, test } from 'vitest'
import { tonAddress } from '../db/ids.ts'
import type { Chain } from './chain.ts'
import { openJsonRpc } from './json-rpc.ts'
import { readTill } from './read-till.ts'
import { toncenter } from './toncenter.ts'

const ADDRESS = tonAddress(`0:${'ab'.repeat(32)}`)
const ANCHOR = { lt: 5n, hash: 'cd'.repeat(32) }

/** A provider that answers everything with the same. */
function answering(body: unknown, status = 200): { chain: Chain; calls: () => number } {
  let calls = 0
  const fetch = (async () => {
    calls++
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status })
  }) as unknown as typeof globalThis.fetch
  const rpc = openJsonRpc({
    endpoint: 'http://provider.invalid',
    fetch,
    wait: () => Promise.resolve(),
    chance: () => 0,
    callsPerSecond: 1_000,
  })
  return { chain: toncenter(rpc), calls: () => calls }
}

const ok = (result: unknown) => ({ ok: true, result })

test.each([
  ['not JSON', '<html>'],
  ['another envelope', { result: {} }],
  ['a missing field', ok({ balance: '1' })],
  ['a float as balance', ok({ balance: 1.5, state: 'active' })],
])('an answer that is %s is refused as such, not retried', async (_, body) => {
  const { chain, calls } = answering(body)
  await expect(chain.head(ADDRESS)).rejects.toMatchObject({ code: 'bad_answer' })
  expect(calls()).toBe(1)
})

test('an empty page is a gap, not the end of history', async () => {
  const { chain } = answering(ok([]))
  await expect(chain.transactions(ADDRESS, ANCHOR, 10)).rejects.toMatchObject({ code: 'gap' })
})

test('what is not a transaction is refused, whatever the provider calls it', async () => {
  const page = [{ data: 'AAAA', transaction_id: { lt: '5', hash: 'zc3N' } }]
  const { chain } = answering(ok(page))
  await expect(chain.transactions(ADDRESS, ANCHOR, 10)).rejects.toMatchObject({
    code: 'bad_answer',
  })
})

test('a get-method that fails is refused', async () => {
  const { chain } = answering(ok({ exit_code: 11, stack: [], gas_used: 1 }))
  await expect(chain.runGet(ADDRESS, 'account', [])).rejects.toMatchObject({ code: 'refused' })
})

test.each([
  ['fewer members than the Till answers', [['num', '0x1']]],
  ['other members than the Till answers', Array.from({ length: 8 }, () => ['null', null])],
])('a get-method that answers with %s is refused as no answer of a Till', async (_, stack) => {
  const { chain } = answering(ok({ exit_code: 0, stack, gas_used: 1 }))
  const till = readTill(chain, ADDRESS)
  const refused = { code: 'bad_answer' }
  await expect(till.totals()).rejects.toMatchObject(refused)
  await expect(till.status()).rejects.toMatchObject(refused)
  await expect(till.dailyCap()).rejects.toMatchObject(refused)
})

test.each([
  [429, 'rate_limited'],
  [503, 'unavailable'],
])('status %i is tried again and then given up as %s', async (status, code) => {
  const { chain, calls } = answering('', status)
  await expect(chain.head(ADDRESS)).rejects.toMatchObject({ code })
  expect(calls()).toBe(5)
})

test('a message is handed over once, whatever comes back', async () => {
  const { chain, calls } = answering('', 503)
  await expect(chain.send('te6c')).rejects.toMatchObject({ code: 'unavailable' })
  expect(calls()).toBe(1)
})

test('every page is asked for from an archive', async () => {
  const asked: unknown[] = []
  const rpc = {
    call: async (_method: string, params: object) => {
      asked.push(params)
      return []
    },
    callOnce: async () => undefined,
  }
  await expect(toncenter(rpc).transactions(ADDRESS, ANCHOR, 10)).rejects.toThrow()
  expect(asked).toMatchObject([{ archival: true, limit: 10, lt: '5', hash: ANCHOR.hash }])
})
