import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const document = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')

interface Row {
  readonly id: string
  readonly state: string
  readonly tests: readonly { readonly file: string; readonly title: string }[]
}

const ROW = /^\| ([CHM][0-9]+) \| [^|]+ \| [^|]+ \| ([^|]+) \| ([^|]+) \|$/gm
const MOUNTED = /`([^`]+\.ts)` “([^”]+)”/g

const rows: readonly Row[] = [...document.matchAll(ROW)].map(
  ([, id = '', state = '', mounted = '']) => ({
    id,
    state,
    tests: [...mounted.matchAll(MOUNTED)].map(([, file = '', title = '']) => ({ file, title })),
  }),
)

const STATES = ['held', 'partly', 'not stopped', 'not built yet']
const series = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)

/** Tests that are written as data or as a suite run by several tests: what runs each. */
const RUN_BY: readonly (readonly [prefix: string, runner: string, mention: string])[] = [
  [
    'contracts/testing/rules/registry.ts',
    'contracts/registry.test.ts',
    './testing/rules/registry.ts',
  ],
  ['contracts/testing/rules/', 'contracts/till.test.ts', './testing/rules/till.ts'],
  ['gateway/ledger/testing/conformance.ts', 'gateway/node/ledger.test.ts', '/conformance.ts'],
]

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** Whether the source has the title as a whole string literal. */
function hasTitle(source: string, title: string): boolean {
  const escaped = title.replaceAll("'", "\\'")
  return [`'${title}'`, `"${title}"`, `\`${title}\``, `'${escaped}'`].some((literal) =>
    source.includes(literal),
  )
}

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
    ({ file, title }) => {
      expect(existsSync(join(ROOT, file)), file).toBe(true)
      expect(hasTitle(read(file), title)).toBe(true)
      if (file.endsWith('.test.ts')) return
      const run = RUN_BY.find(([prefix]) => file.startsWith(prefix))
      if (run === undefined) throw new Error(`${file} is no test, and nothing is known to run it`)
      expect(read(run[1])).toContain(run[2])
    },
  )

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
