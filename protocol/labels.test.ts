import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  END_LABEL,
  EXPORT,
  GPU_NONCE_LABEL,
  HEADER,
  INFO,
  PURPOSE,
  SESSION_LABEL,
  TON_PROOF,
} from './labels.ts'

const spec = readFileSync(join(import.meta.dirname, 'SPEC.md'), 'utf8')
const table = spec.slice(spec.indexOf('## 12.'), spec.indexOf('## 13.'))
const asWritten = (label: Uint8Array): string =>
  `\`${Buffer.from(label).toString().replaceAll('\0', '\\0')}\``

describe('labels (M10)', () => {
  const bytes = [INFO, EXPORT, SESSION_LABEL].flatMap((group) => Object.values(group))
  const labels = [...bytes, END_LABEL, GPU_NONCE_LABEL].map(asWritten)
  const purposes = Object.values({ ...PURPOSE, ...TON_PROOF }).map((name) => `\`${name}\``)

  test('no two uses share a label, and none is the start of another of its group', () => {
    expect(new Set([...labels, ...purposes]).size).toBe(labels.length + purposes.length)
    for (const group of [INFO, EXPORT, SESSION_LABEL]) {
      const texts = Object.values(group).map((label) => Buffer.from(label).toString())
      for (const text of texts) {
        expect(texts.filter((other) => other.startsWith(text))).toEqual([text])
      }
    }
  })

  test.each([...labels, ...purposes])('the table of SPEC 12 names %s once', (label) => {
    expect(table.split(label)).toHaveLength(2)
  })

  test('SPEC names every protocol header', () => {
    for (const name of Object.values(HEADER)) expect(spec).toContain(name)
  })
})

test('SPEC 16 names only tests and vectors that exist', () => {
  const coverage = spec.slice(spec.indexOf('## 16.'))
  const files = [...coverage.matchAll(/`((?:vectors\/)?[a-z0-9/.-]+\.(?:test\.ts|json))`/g)]
  expect(files.length).toBeGreaterThan(15)
  for (const [, file = ''] of files) {
    expect(() => readFileSync(join(import.meta.dirname, file))).not.toThrow()
  }
})
