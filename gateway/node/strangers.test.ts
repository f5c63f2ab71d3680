import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestWorld, type TestWorld } from '../testing/world.ts'

/** How often one client may ask for accounts, with and without a proxy in front. */
let world: TestWorld

beforeAll(async () => {
  world = await startTestWorld({ accountsPerHour: 2, trustedProxies: ['127.0.0.0/8'] })
})
afterAll(() => world?.close())

const ask = async (forwarded?: string, on = world) => {
  const response = await fetch(`${on.gateway.origin}/v1/accounts`, {
    method: 'POST',
    body: '{}',
    ...(forwarded === undefined ? {} : { headers: { 'x-forwarded-for': forwarded } }),
  })
  return response.status
}

describe('accounts of one client address', () => {
  test('behind a trusted proxy each client has its own count, whatever it wrote in front', async () => {
    expect([await ask('1.1.1.1'), await ask('1.1.1.1'), await ask('1.1.1.1')]).toEqual([
      400, 400, 429,
    ])
    expect(await ask('8.8.8.8, 1.1.1.1')).toBe(429)
    expect(await ask('2.2.2.2')).toBe(400)
  })

  test('from nobody trusted the header means nothing: it buys no further tries', async () => {
    const open = await startTestWorld({ accountsPerHour: 2 })
    try {
      const statuses = []
      for (const address of ['1.1.1.1', '2.2.2.2', '3.3.3.3'])
        statuses.push(await ask(address, open))
      expect(statuses).toEqual([400, 400, 429])
      expect(open.logged.join('\n')).not.toContain('1.1.1.1')
    } finally {
      await open.close()
    }
  })
})
