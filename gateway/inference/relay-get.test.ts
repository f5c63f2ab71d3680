import { expect, test } from 'vitest'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { runnerId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { Client, Incoming } from '../relay/ports.ts'
import { createWatchdog } from '../relay/watchdog.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { createQuotesUnderWay } from './quotes-under-way.ts'
import { createRelayGet } from './relay-get.ts'

function open() {
  let now = 1_000
  const clock = () => unixMs(now)
  const underWay: Incoming[] = []
  const deps = {
    quotes: createQuotesUnderWay(clock),
    upstream: {
      send(_: unknown, incoming: Incoming) {
        underWay.push(incoming)
        return { pause: () => {}, resume: () => {}, abort: () => {} }
      },
    },
    watchdog: createWatchdog(),
    clock,
  } as const
  // Sound for this test: a quote is asked of these members alone.
  const runner = {
    id: runnerId('run_1'),
    state: 'admitted',
    standing: { appraised: unixSeconds(0), validUntil: unixSeconds(1_000) },
    lease: { expires: unixSeconds(1_000), target: { kind: 'tunnel', runner: 'run_1' } },
  } as unknown as LiveRunner
  const client = { gone: false, listen: () => {} } as Partial<Client> as Client
  // A Worker makes one for each request.
  const ask = (from: string): Promise<unknown> =>
    createRelayGet(deps)({
      client,
      runner,
      path: '/v1/aci/attestation',
      query: new URLSearchParams(),
      from,
      headers: {},
    }).catch((error: unknown) => (error instanceof ApiError ? error.code : error))
  const pass = (seconds: number): void => {
    now += seconds * 1_000
  }
  return { ask, underWay, pass }
}

test('one address has a share of a runner’s quotes, and all together no more than it may be asked', async () => {
  const { ask, underWay } = open()
  const first = Array.from({ length: 8 }, () => ask('1.1.1.1'))
  expect(await ask('1.1.1.1')).toBe('overloaded')
  for (let n = 0; n < 8; n++) void ask('2.2.2.2')
  expect(underWay).toHaveLength(16)
  expect(await ask('5.5.5.5')).toBe('overloaded')
  underWay[0]?.broken('broken')
  expect(await first[0]).toBe('runner_unreachable')
  void ask('1.1.1.1')
  expect(underWay).toHaveLength(17)
})

test('one that was cut off without a word is not counted for ever', async () => {
  const { ask, underWay, pass } = open()
  for (let n = 0; n < 16; n++) void ask(`1.1.1.${n % 2}`)
  pass(299)
  expect(await ask('2.2.2.2')).toBe('overloaded')
  pass(1)
  for (let n = 0; n < 8; n++) void ask('2.2.2.2')
  expect(underWay).toHaveLength(24)
  // One that is past counting takes nobody's place when it ends.
  underWay[0]?.broken('broken')
  await Promise.resolve()
  expect(await ask('2.2.2.2')).toBe('overloaded')
})
