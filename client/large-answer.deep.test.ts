import { expect, test } from 'vitest'
import { nodeProvider } from '#protocol/node'
import { GATEWAY, makeWorld } from './testing/lying-gateway.ts'
import { chunk, MODEL } from './testing/test-runner.ts'

const MIB = 1024 * 1024
const EVENT = chunk('x'.repeat(256 * 1024))

test('an answer of 1 GiB is read in memory bounded by its frames', async () => {
  const world = await makeWorld()
  const [runner] = world.runners
  if (runner === undefined) throw new Error('unreachable')
  async function* events() {
    for (let i = 0; i < 4_096; i++) yield EVENT
  }
  runner.behaviour = { events: events() }
  const cocoon = await world.connect({ provider: nodeProvider })
  // What the test's gateway "saw" is not the client's memory.
  world.seen.length = 10_000
  const response = await cocoon.fetch(`${GATEWAY}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: MODEL, stream: true, messages: [] }),
  })
  const before = process.memoryUsage().rss
  let length = 0
  let most = 0
  for await (const part of response.body ?? []) {
    length += part.length
    most = Math.max(most, process.memoryUsage().rss)
  }
  expect(length).toBeGreaterThan(1024 * MIB)
  expect((most - before) / MIB).toBeLessThan(300)
})
