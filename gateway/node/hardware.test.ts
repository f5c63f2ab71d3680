import { afterAll, beforeAll, expect, test } from 'vitest'
import { RegistrationRefused } from '../testing/register-runner.ts'
import { startTestRunner } from '../testing/test-runner.ts'
import { ADMIN_KEY, startTestWorld, type TestWorld } from '../testing/world.ts'

let world: TestWorld

beforeAll(async () => {
  world = await startTestWorld({ gpu: 'optional' })
})
afterAll(async () => {
  await world?.close()
})

test('a machine that leaves its GPU out stays the same runner, with the same score and denial (H7)', async () => {
  const whole = await startTestRunner(world)
  await whole.close()
  const bare = await startTestRunner(world, { withoutGpu: true })
  await bare.close()
  expect(bare.id).toBe(whole.id)

  await fetch(`${world.gateway.origin}/admin/runners/${whole.id}/deny`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  })
  for (const withoutGpu of [true, false]) {
    const refusal = await startTestRunner(world, { withoutGpu }).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(RegistrationRefused)
    expect(refusal).toMatchObject({ status: 403, error: { code: 'runner_denied' } })
  }
})
