import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expectTest, hasTitle, type NamedTest, namedTests } from './support/named-tests.ts'

const ROOT = join(import.meta.dirname, '..')
const document = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')

interface Row {
  readonly id: string
  readonly state: string
  readonly tests: readonly NamedTest[]
}

const ROW = /^\| ([CHM][0-9]+) \| [^|]+ \| [^|]+ \| ([^|]+) \| ([^|]+) \|$/gm

const rows: readonly Row[] = [...document.matchAll(ROW)].map(
  ([, id = '', state = '', mounted = '']) => ({
    id,
    state,
    tests: namedTests(mounted),
  }),
)

const STATES = ['held', 'partly', 'not stopped', 'not built yet']
const series = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)

describe('SECURITY.md', () => {
  test('has one row for each attack, in order', () => {
    const ids = [...series('C', 5), ...series('H', 22), ...series('M', 18)]
    expect(rows.map(({ id }) => id)).toEqual(ids)
  })

  test.each(rows)('$id: its state is one of the four, and no claim is without a test', (row) => {
    expect(STATES).toContain(row.state)
    if (row.state === 'held') expect(row.tests).not.toEqual([])
  })

  test.each(rows.flatMap(({ id, tests }) => tests.map((named) => ({ id, ...named }))))(
    '$id: $file has “$title”',
    (named) => expectTest(named),
  )

  test('says of each attack who mounts it, and of attackers only what the table has', () => {
    const attackers = document.slice(
      document.indexOf('## Who attacks'),
      document.indexOf('**Supply chain.**'),
    )
    const named = new Set(attackers.match(/\b[CHM][0-9]+\b/g))
    expect([...named].sort()).toEqual(rows.map(({ id }) => id).sort())
  })

  const prose = document.slice(0, document.indexOf('## Attacks'))
  test.each(namedTests(prose))('its text names $file “$title”', (named) => expectTest(named))

  test('names nothing as mounted that the table cannot parse', () => {
    const named = document.slice(document.indexOf('## Attacks')).match(/“/g)?.length ?? 0
    expect(rows.flatMap(({ tests }) => tests)).toHaveLength(named)
  })

  test('a title that nobody wrote is noticed', () => {
    expect(hasTitle("test('holds water', …)", 'holds water')).toBe(true)
    expect(hasTitle("test('holds water', …)", 'holds')).toBe(false)
  })

  test('its links lead somewhere', () => {
    for (const [, target = ''] of document.matchAll(/\]\(([^)#:]+)\)/g)) {
      expect(existsSync(join(ROOT, target)), target).toBe(true)
    }
  })
})
