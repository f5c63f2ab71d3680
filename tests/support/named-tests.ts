import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect } from 'vitest'

/** A test that a document names as holding what it claims. */
export interface NamedTest {
  readonly file: string
  readonly title: string
}

const ROOT = join(import.meta.dirname, '..', '..')
const NAMED = /`([^`]+\.ts)` “([^”]+)”/g

/** Tests that are written as data or as a suite run by several tests: what runs each. */
const RUN_BY: readonly (readonly [prefix: string, runner: string, mention?: string])[] = [
  ['tests/compat/openai/', 'tests/compat/openai.ts'],
  ['tests/compat/', 'tests/compat/compat.test.ts'],
  [
    'contracts/testing/rules/registry.ts',
    'contracts/registry.test.ts',
    './testing/rules/registry.ts',
  ],
  ['contracts/testing/rules/', 'contracts/till.test.ts', './testing/rules/till.ts'],
  ['gateway/ledger/testing/conformance.ts', 'gateway/node/ledger.test.ts', '/conformance.ts'],
  ['gateway/ledger/testing/rules/', 'gateway/ledger/testing/conformance.ts'],
]

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

export function namedTests(text: string): readonly NamedTest[] {
  return [...text.matchAll(NAMED)].map(([, file = '', title = '']) => ({ file, title }))
}

/** Whether the source has the title as a whole string literal. */
export function hasTitle(source: string, title: string): boolean {
  const escaped = title.replaceAll("'", "\\'")
  return [`'${title}'`, `"${title}"`, `\`${title}\``, `'${escaped}'`].some((literal) =>
    source.includes(literal),
  )
}

/** The file has the test, and something runs it. */
export function expectTest({ file, title }: NamedTest): void {
  expect(existsSync(join(ROOT, file)), file).toBe(true)
  expect(hasTitle(read(file), title), `${file} “${title}”`).toBe(true)
  if (file.endsWith('.test.ts')) return
  const run = RUN_BY.find(([prefix]) => file.startsWith(prefix))
  if (run === undefined) throw new Error(`${file} is no test, and nothing is known to run it`)
  const [, runner, mention = `/${basename(file)}`] = run
  expect(read(runner)).toContain(mention)
}
