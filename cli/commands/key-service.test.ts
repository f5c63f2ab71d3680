import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { fromHex } from '#base/bytes.ts'
import { simulationJson } from '#client'
import { makeSimulatedTee, simulatedQuoter, simulationOf } from '#dev/world/simulated-tee.ts'
import { fetchKeys } from '#gateway/node.ts'
import { generateSigner, nodeProvider } from '#protocol/node'
import { openDesk } from '../testing/run-command.ts'
import { testIo } from '../testing/test-io.ts'
import { keyService } from './key-service.ts'

const ORIGIN = 'https://gateway.example'
const desk = openDesk()
const tee = await makeSimulatedTee(Math.floor(Date.now() / 1000))
const simulation = await simulationOf(tee)
const image = simulation.images.join(',')
const common = `--gateway ${ORIGIN} --image ${image} --keys keys.env --signer service.key`

beforeAll(() => {
  const write = (name: string, text: string) =>
    writeFileSync(join(desk.folder, name), text, { mode: 0o600 })
  write('keys.env', `# of the gateway\nMETER_KEY=${'22'.repeat(32)}\n`)
  write('service.key', '33'.repeat(32))
  write('stray.env', 'NODE_OPTIONS=--inspect\n')
  const created = unixSeconds(Math.floor(Date.now() / 1000))
  write('simulation.json', JSON.stringify(simulationJson({ ...simulation, created })))
})
afterAll(() => desk.close())

test('what it prints is all that a gateway needs to get its keys', async () => {
  const stop = new AbortController()
  const lines: string[] = []
  const printed = Promise.withResolvers<void>()
  const io = testIo({
    args: `${common} --simulation simulation.json --port 0`.split(' '),
    env: { XDG_CACHE_HOME: desk.folder },
    cwd: desk.folder,
    out: (line) => {
      lines.push(line)
      if (line.startsWith('KEY_SERVICE_KEY=')) printed.resolve()
    },
    stopped: stop.signal,
  })
  const running = keyService.run(io)
  await Promise.race([printed.promise, running])
  const [url = '', key = ''] = lines.map((line) => line.slice(line.indexOf('=') + 1))
  const keys = await fetchKeys({
    machine: simulatedQuoter(tee, 1),
    service: { url, publicKey: fromHex(key) },
    origin: ORIGIN,
    makeSigner: () => generateSigner('gateway'),
    provider: nodeProvider,
    fetch,
    clock: () => unixMs(Date.now()),
  })
  expect(keys).toEqual({ METER_KEY: '22'.repeat(32) })
  stop.abort()
  expect(await running).toBe(0)
})

test.each([
  ['', /--gateway/],
  [`--gateway ${ORIGIN} --image nothing`, /cocoon measure/],
  [`--gateway ${ORIGIN} --image ${image}`, /--keys/],
  [`${common.replace('service.key', 'none.key')}`, /cannot read none.key/],
  [`${common.replace('keys.env', 'stray.env')}`, /takes only GATEWAY_SECRET/],
  [`${common} --simulation simulation.json --listen 0.0.0.0`, /loopback/],
])('%s: says what is missing', async (line, message) => {
  const { code, err } = await desk.run(keyService, line)
  expect(code).toBe(2)
  expect(err).toMatch(message)
})
