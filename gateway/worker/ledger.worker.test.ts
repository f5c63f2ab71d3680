import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { migrate } from '../db/migrate.ts'
import { createCore, type LedgerCore } from '../ledger/core.ts'
import type { Ledger, Op, ResultsOf } from '../ledger/port.ts'
import { describeLedger } from '../ledger/testing/conformance.ts'
import { ALICE, BOB, HOST, mirror, reserve, settle } from '../ledger/testing/fixtures.ts'
import type { OpenHarness } from '../ledger/testing/harness.ts'
import { keyWalks, walkKeys } from '../ledger/testing/key-walk.ts'
import { MIGRATIONS } from './migrations.ts'
import { objectStore } from './object-store.ts'
import { objectsOf } from './objects.ts'
import { routeLedger } from './route-ledger.ts'

let objects = 0

const open: OpenHarness = async (options) => {
  const stub = env.LEDGER.getByName(`conformance:${objects++}`)
  const start = (): Ledger => {
    let core: LedgerCore | undefined
    return {
      async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
        const outcome = await runInDurableObject(stub, (_, state) => {
          if (core === undefined) {
            const store = objectStore(state.storage)
            migrate(store, MIGRATIONS)
            core = createCore(store, options)
          }
          return core.apply([ops])[0]
        })
        if (!outcome?.ok) throw outcome?.error ?? new Error('no outcome')
        // Sound: the core answers each operation with its own kind of result, in order.
        return outcome.results as ResultsOf<Ops>
      },
    }
  }
  return { ledger: start(), restart: async () => start() }
}

describeLedger('a Durable Object', open)

test("an account's object delivers shares to the host's object by its alarm, once", async () => {
  const ledger = routeLedger(objectsOf(env).ledger)
  await ledger.commit([mirror(ALICE, 1_000n)])
  await ledger.commit([reserve(1, 100n)])
  await ledger.commit([settle(1, 10)])
  const earned = async () => {
    const [read] = await ledger.commit([{ op: 'read_host', payee: HOST }])
    return read.host.earned
  }
  expect(await earned()).toBe(0n)
  await runDurableObjectAlarm(env.LEDGER.getByName(`acct:${ALICE}`))
  expect(await earned()).toBe(63n)
  await runDurableObjectAlarm(env.LEDGER.getByName(`acct:${ALICE}`))
  expect(await earned()).toBe(63n)
})

test('a call that would need two objects is refused before either is touched', async () => {
  const ledger = routeLedger(() => {
    throw new Error('touched')
  })
  const both = [mirror(ALICE, 1n), mirror(BOB, 1n)] as const
  await expect(ledger.commit(both)).rejects.toMatchObject({ code: 'misrouted' })
  await expect(ledger.commit([{ op: 'audit' }])).rejects.toMatchObject({ code: 'misrouted' })
})

test('whatever accounts, keys and budgets do in an object, each answer and balance is the model’s', async () => {
  await fc.assert(
    fc.asyncProperty(keyWalks, (steps) => walkKeys(() => open({ hosts: 'here' }), steps)),
    { numRuns: 5 },
  )
})
