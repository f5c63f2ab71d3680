import { describe, expect, test } from 'vitest'
import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { nodeProvider } from '#protocol/node'
import { createRandom } from '../node/random.ts'
import { createChallenges, usedInMemory } from './challenges.ts'

const NOW = unixSeconds(1_800_000_000)
const LIFE = 300
const later = (seconds: number): UnixSeconds => unixSeconds(NOW + seconds)
const challengesOf = (key: number) =>
  createChallenges({
    mac: nodeProvider.hashes.macKey(new Uint8Array(32).fill(key)),
    random: createRandom(),
    used: usedInMemory(),
  })

describe('registration challenges', () => {
  test('are 32 bytes, good for one registration and for five minutes (H7)', async () => {
    const challenges = challengesOf(1)
    const { challenge, expiresAt } = challenges.issue(NOW)
    expect(challenge).toMatch(/^[0-9a-f]{64}$/)
    expect(expiresAt).toBe(NOW + LIFE)
    challenges.check(challenge, later(LIFE - 1))
    expect(() => challenges.check(challenge, later(LIFE))).toThrow(/expired/)
    await challenges.use(challenge, later(LIFE - 1))
    await expect(challenges.use(challenge, later(LIFE - 1))).rejects.toThrow(/used/)
    await expect(challengesOf(1).use(challenge, later(LIFE))).rejects.toThrow(/expired/)
  })

  test.each([
    ['of another gateway', challengesOf(2).issue(NOW).challenge],
    ['with a longer life', `ff${challengesOf(1).issue(NOW).challenge.slice(2)}`],
    ['of no digits', 'x'.repeat(64)],
    ['of no length', ''],
  ])('%s are refused', async (_, challenge) => {
    expect(() => challengesOf(1).check(challenge, NOW)).toThrow(/unknown/)
    await expect(challengesOf(1).use(challenge, NOW)).rejects.toThrow(/unknown/)
  })

  test('that strangers ask for in masses keep no host out, and none is given twice', async () => {
    const challenges = challengesOf(1)
    const first = challenges.issue(NOW).challenge
    const all = new Set(Array.from({ length: 50_000 }, () => challenges.issue(NOW).challenge))
    expect(all.size).toBe(50_000)
    await challenges.use(first, NOW)
  })
})
