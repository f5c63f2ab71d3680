import { describe, expect, test } from 'vitest'
import { DELAY, RegistryWorld } from './testing/registry-world.ts'
import { REGISTRY_RULES } from './testing/rules/registry.ts'

describe('Registry', () => {
  for (const { title, run } of REGISTRY_RULES) {
    test(title, () => run((options) => RegistryWorld.create(options)))
  }

  test('shows its delay and an empty list before the first entry', async () => {
    const { registry } = await RegistryWorld.create()
    expect(await registry.getDelay()).toBe(DELAY)
    expect(await registry.getUri()).toBe(null)
    const { version, entries } = await registry.getSnapshot()
    expect(version).toBe(0)
    expect(Object.values(entries).map(({ size }) => size)).toEqual([0, 0, 0, 0, 0])
  })
})
