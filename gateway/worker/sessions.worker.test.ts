import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { runnerId, sessionId, tonAddress } from '../db/ids.ts'
import { migrate } from '../db/migrate.ts'
import { createRunnerStore, type RunnerStore } from '../runners/runner-store.ts'
import { boundedSessions } from './bounded-sessions.ts'
import { MIGRATIONS } from './migrations.ts'
import { objectStore } from './object-store.ts'

/** As recorded from an H100: report, certificates and nonce of one GPU; a RIM in the service's JSON, of driver or VBIOS. */
const GPU_CHARS = 12_266
const RIM_CHARS = 28_584
/** Keyset, quote and event log of the processor. */
const CPU_CHARS = 80_000

const stub = env.INDEX.getByName('sessions of a test')
const id = runnerId(`run_${'7'.repeat(20)}`)
const session = sessionId('5e'.repeat(32))

function inStore<T>(work: (store: RunnerStore) => T): Promise<T> {
  return runInDurableObject(stub, (_, { storage }) => {
    const db = objectStore(storage)
    migrate(db, MIGRATIONS)
    return work(boundedSessions(createRunnerStore(db)))
  })
}

function entry(gpus: number): Parameters<RunnerStore['register']>[0] {
  const at = unixMs(1)
  const evidence = 'e'.repeat(CPU_CHARS + gpus * GPU_CHARS)
  const payee = tonAddress(`0:${'11'.repeat(32)}`)
  const keyset_digest = `sha256:${'ab'.repeat(32)}`
  const model = 'a-model'
  return {
    runner: {
      id,
      payee,
      hardware: 'chip',
      model,
      state: 'admitted',
      sequence: 1,
      created: at,
      seen: at,
    },
    session: {
      id: session,
      runner: id,
      keyset_digest,
      // The report again, in base64.
      document: 'd'.repeat(Math.ceil((evidence.length * 4) / 3) + 20_000),
      evidence,
      // Should no two GPUs share their VBIOS.
      collateral: 'c'.repeat((gpus + 1) * RIM_CHARS),
      at,
      appraised: at,
      cut: null,
    },
    lease: {
      runner: id,
      session,
      keyset: '{}',
      keyset_digest,
      transport: 'https://runner.example',
      origin: 'https://origin.example',
      context_length: 1,
      max_output_tokens: 1,
      price_coefficient_bps: 10_000,
      capacity: 1,
      allowance_key: new Uint8Array(32),
      expires: unixSeconds(2_000_000_000),
      at,
      capabilities: null,
    },
  }
}

test('the evidence of eight GPUs is kept and comes back whole', async () => {
  const made = entry(8)
  await inStore((store) => store.register(made))
  await evictDurableObject(stub)
  const [kept] = await inStore((store) => store.leased())
  expect(kept?.session).toEqual(made.session)
})

test('evidence that no row can hold is refused with the way out, and nothing is written', async () => {
  const [before] = await inStore((store) => store.leased())
  await expect(inStore((store) => store.register(entry(40)))).rejects.toThrow(
    /register at a gateway on Node/,
  )
  expect(await inStore((store) => store.leased())).toEqual([before])
})
