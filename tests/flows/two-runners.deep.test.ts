import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePorts } from '#dev/world/ports.ts'
import { startWorld, type World } from '#dev/world/world.ts'
import { type Payer, readyPayer, until } from '../support/account.ts'
import {
  canMakeNetworks,
  type OtherNetwork,
  openOtherNetwork,
} from '../support/network-namespace.ts'
import { newFolder, SCRIPTED, WORLD_START_MS } from '../support/open-world.ts'
import { readStream, tokensIn } from '../support/read-stream.ts'
import { awaitAvailable } from '../support/real-runner.ts'

/**
 * Two runners of one model: one is called by the gateway, the other stands in a network of its own into which nothing
 * leads, and dials out. Without root there is no such network: then this says so and both stand here.
 */
let world: World
let network: OtherNetwork | undefined
let payer: Payer
let direct: string
let dialling: string

beforeAll(async () => {
  const ports = await freePorts()
  if (canMakeNetworks) network = await openOtherNetwork(ports.gateway)
  else process.stdout.write('not root: the second runner has no network of its own\n')
  world = await startWorld({
    ports,
    folder: newFolder(),
    machines: 2,
    engine: SCRIPTED,
    minChargeTon: '1000',
    ...(network === undefined ? {} : { elsewhere: network }),
  })
  payer = readyPayer(world)
  direct = world.info.runnerId
  const both = await awaitAvailable(world.info.webUrl, 2)
  dialling = both.find((id) => id !== direct) ?? ''
}, WORLD_START_MS)
afterAll(async () => {
  await world?.stop()
  await network?.close()
})

const ask = (script: string, runner?: string) =>
  payer.chat({
    model: SCRIPTED.model,
    stream: true,
    messages: [{ role: 'user', content: script }],
    ...(runner === undefined ? {} : { provider: { order: [runner] } }),
  })

describe('two runners behind one gateway', () => {
  test('both serve, though nobody listens in the network of the second', async () => {
    for (const runner of [direct, dialling]) {
      const response = await ask('c10g0', runner)
      expect(response.headers.get('x-cocoon-runner')).toBe(runner)
      expect(tokensIn(await readStream(response).rest())).toBe(10)
    }
    expect(network?.listeners() ?? []).toEqual([])
  })

  test.each([
    ['that dials out', () => dialling, () => world.secondRunner, () => world.restartSecondRunner()],
    ['that is called', () => direct, () => world.runner, () => world.restartRunner()],
  ])(
    'the one %s dies in mid-stream: an error event, and new requests go to the other',
    async (_, victim, part, restart) => {
      const streams = await Promise.all(
        Array.from({ length: 5 }, async () => readStream(await ask('c100000g5', victim()))),
      )
      for (const stream of streams) await stream.until((text) => tokensIn(text) > 2)
      const began = performance.now()
      await part()?.kill()
      const next = await ask('c3g0')
      const moved = performance.now() - began
      expect(next.headers.get('x-cocoon-runner')).not.toBe(victim())
      expect(tokensIn(await readStream(next).rest())).toBe(3)
      for (const stream of streams) {
        const text = await stream.rest()
        expect(text).toContain('"code":"runner_lost"')
        expect(text).not.toContain('[DONE]')
      }
      process.stdout.write(`the next request was answered after ${Math.round(moved)} ms\n`)
      // A second is promised; ten times that on a busy machine.
      expect(moved).toBeLessThan(10_000)
      await restart()
      await awaitAvailable(world.info.webUrl, 2)
    },
    120_000,
  )

  test('their receipts arrive after the gateway’s restart', async () => {
    await payer.until('what died owes nothing more', ({ held }) => held >= 0n)
    const before = await payer.read()
    const streams = await Promise.all(
      [direct, dialling].map(async (id) => readStream(await ask('c100000g5', id))),
    )
    for (const stream of streams) await stream.until((text) => tokensIn(text) > 2)
    const cut = streams.map((stream) => stream.rest().catch(() => 'cut'))
    await world.restartGateway()
    await Promise.all(cut)
    await payer.until(
      'both cut answers are settled',
      ({ held, settled }) => held <= before.held && settled > before.settled,
    )
    await awaitAvailable(world.info.webUrl, 2)
    // One that was just killed may still rest after its failures, and the other answers for it meanwhile.
    for (const runner of [direct, dialling]) {
      await until(
        'it serves again',
        async () => (await ask('c3g0', runner)).headers.get('x-cocoon-runner'),
        (served) => served === runner,
      )
    }
  }, 120_000)
})
