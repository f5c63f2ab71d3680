import { expect, test } from 'vitest'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { runnerId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { Client, Incoming } from '../relay/ports.ts'
import { createWatchdog } from '../relay/watchdog.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { createRelayGet } from './relay-get.ts'

function open() {
  const underWay: Incoming[] = []
  const relay = createRelayGet({
    upstream: {
      send(_, incoming) {
        underWay.push(incoming)
        return { pause: () => {}, resume: () => {}, abort: () => {} }
      },
    },
    watchdog: createWatchdog(),
    clock: () => unixMs(1_000),
  })
  // Sound for this test: a quote is asked of these members alone.
  const runner = {
    id: runnerId('run_1'),
    state: 'admitted',
    standing: { appraised: unixSeconds(0), validUntil: unixSeconds(100) },
    lease: { expires: unixSeconds(100), target: { kind: 'tunnel', runner: 'run_1' } },
  } as unknown as LiveRunner
  const client = { gone: false, listen: () => {} } as Partial<Client> as Client
  const ask = (from: string): Promise<unknown> =>
    relay({
      client,
      runner,
      path: '/v1/aci/attestation',
      query: new URLSearchParams(),
      from,
      headers: {},
    }).catch((error: unknown) => (error instanceof ApiError ? error.code : error))
  return { ask, underWay }
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
