import { expect, test } from 'vitest'
import { workerdProvider } from '#protocol/workerd'
import { GATEWAY, makeWorld } from './testing/lying-gateway.ts'
import { MODEL } from './testing/test-runner.ts'

/** The client inside workerd: it verifies, seals, opens and checks as it does on Node. */
test('the client connects, seals and streams in workerd', async () => {
  const world = await makeWorld({ provider: workerdProvider })
  const cocoon = await world.connect()
  expect(cocoon.verification).toMatchObject({
    status: 'simulated',
    runners: [{ suite: 'ehbp-mlkem768-x25519' }],
  })
  const body = JSON.stringify({ model: MODEL, stream: true, messages: [] })
  const response = await cocoon.fetch(`${GATEWAY}/v1/chat/completions`, { method: 'POST', body })
  expect(await response.text()).toContain('data: [DONE]')
  const receipt = await cocoon.receiptOf(response)
  expect(receipt?.usage.completion_tokens).toBe(2)
})

test('a lie is refused there too', async () => {
  const world = await makeWorld({ provider: workerdProvider })
  world.lies = { json: (path) => (path.includes('/sessions/') ? { forged: true } : undefined) }
  await expect(world.connect()).rejects.toMatchObject({ code: 'session_mismatch' })
})
