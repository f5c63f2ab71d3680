import { afterAll, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { openScout } from './scout.ts'

const scout = openScout()
afterAll(() => scout.close())

test('the other thread knows the targets and counts what an input costs them', async () => {
  const [short, long] = [
    await scout.steps('networks of proxies', utf8('10.0.0.0/8')),
    await scout.steps('networks of proxies', utf8('10.0.0.0/8,'.repeat(9))),
  ]
  expect(short).toBeGreaterThan(0)
  expect(long).toBeGreaterThan(short)
  const { ran, kept, lit } = await scout.guide('amount', { seed: 1, most: 2_000 })
  expect({ ran, findsMore: kept.length > 0 }).toEqual({ ran: 2_000, findsMore: true })
  expect(lit).toBeGreaterThan(5)
})

test('a target that it does not know fails the question', async () => {
  await expect(scout.steps('no such', utf8(''))).rejects.toThrow('no target is named no such')
})
