import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expectTest, namedTests } from './support/named-tests.ts'

const document = readFileSync(join(import.meta.dirname, '../docs/chain-rules.md'), 'utf8')
const rows = [...document.matchAll(/^\| ([AC][0-9]+) +\| ([^|]+) \| ([^|]+) \|$/gm)].map(
  ([, id = '', , held = '']) => ({ id, held: held.trim(), tests: namedTests(held) }),
)
/** Rules that nothing can hold here, each with its reason in the table. */
const WITHOUT = ['A21', 'A23', 'A27', 'A29', 'A30', 'A31']

test('every rule has its row, in order', () => {
  const series = (letter: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)
  expect(rows.map(({ id }) => id)).toEqual([...series('A', 31), ...series('C', 4)])
})

test('every rule names a test, but for those that say why there is none', () => {
  expect(rows.filter(({ tests }) => tests.length === 0).map(({ id }) => id)).toEqual(WITHOUT)
  for (const { id, held } of rows) expect(held.length, id).toBeGreaterThan(20)
})

test.each(rows.flatMap(({ id, tests }) => tests.map((named) => ({ id, ...named }))))(
  '$id: $file has “$title”',
  (named) => expectTest(named),
)
