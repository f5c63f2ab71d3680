import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AttestationError } from './errors.ts'
import { parseStrictJson } from './strict-json.ts'

describe('strict JSON', () => {
  test.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":1,"b":{"c":1, "c" :2}}',
    '[{"a":1},{"b":1,"b":1}]',
    '{"":1,"":2}',
    '{"\\"":1,"\\u0022":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"a":1}x',
    '',
    '{"a":01}',
  ])('%s is refused', (text) => {
    expect(() => parseStrictJson(text, 'text')).toThrow(AttestationError)
  })

  test.each([
    '{"a":{"a":{"a":1}},"b":["a","a","b"]}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":"\\"a\\":1,\\"a\\":2"}',
    '"a"',
    '[":","{","}"]',
  ])('%s has no key twice', (text) => {
    expect(parseStrictJson(text, 'text')).toEqual(JSON.parse(text))
  })

  test('more than 32 levels are refused', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(parseStrictJson(nested(32), 'text')).toBeDefined()
    expect(() => parseStrictJson(nested(33), 'text')).toThrow(AttestationError)
  })

  test('whatever JSON.stringify writes is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value, undefined, 2)
        expect(parseStrictJson(text, 'text')).toEqual(JSON.parse(text))
      }),
      { numRuns: 300 },
    )
  })
})
