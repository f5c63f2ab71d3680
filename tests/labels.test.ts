import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/**
 * Every text that separates one use of a key from another is a row of protocol/SPEC.md section 12 (M10). A new one
 * must be added there, where it can be seen that no other use has it.
 */
const ROOT = join(import.meta.dirname, '..')
const SOURCES = ['base', 'protocol', 'attestation', 'client', 'gateway', 'enclave-runner', 'cli']
const spec = readFileSync(join(ROOT, 'protocol/SPEC.md'), 'utf8')
const table = spec.slice(spec.indexOf('## 12.'), spec.indexOf('## 13.'))

/** Labels end in NUL, purposes in a version. */
const LITERAL = /'((?:cocoon|ehbp|aci|gpu)[^'\n]*(?:\\0|\.v[0-9]+))'/g
/** Keys that are derived from the gateway's one secret. */
const DERIVED = /deriveSecret\([^)]*, '([^']+)'\)/g

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes('.test.') && !file.includes('/testing/'))
}

/** Each label beside the places that spell it. */
function labels(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const file of SOURCES.flatMap(sources)) {
    const text = readFileSync(file, 'utf8')
    const literal = [...text.matchAll(LITERAL)].map(([, label = '']) => label)
    const derived = [...text.matchAll(DERIVED)].map(([, use]) => `cocoon gateway ${use}\\0`)
    for (const label of [...literal, ...derived]) {
      found.set(label, [...(found.get(label) ?? []), file.slice(ROOT.length + 1)])
    }
  }
  return found
}

test('the table of SPEC section 12 has every label and purpose of the code, each once', () => {
  const found = labels()
  expect(found.size).toBeGreaterThan(20)
  const missing = [...found].filter(([label]) => table.split(`\`${label}\``).length !== 2)
  expect(missing).toEqual([])
})

test('no label is spelt in two places', () => {
  expect([...labels()].filter(([, files]) => files.length > 1)).toEqual([])
})

test('the table has no label that the code does not have', () => {
  const listed = [...table.matchAll(/`((?:cocoon|ehbp|aci|gpu)[^`]*(?:\\0|\.v[0-9]+))`/g)]
  const known = labels()
  expect(listed.map(([, label = '']) => label).filter((label) => !known.has(label))).toEqual([])
})
