import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { codeOf, type LogFields } from '../log.ts'
import { createPinoLog } from './pino-log.ts'

const ROOT = join(import.meta.dirname, '../..')
const SECRET = 'a secret that somebody typed'

function logged(fields: object): Record<string, unknown> {
  let line = ''
  const write = (text: string): void => {
    line += text
  }
  const log = createPinoLog('debug', { write })
  // Sound for this test: it passes what the type forbids.
  log('warn', 'something happened', fields as LogFields)
  return JSON.parse(line)
}

describe('a log line', () => {
  test('holds level, time, message and the listed fields', () => {
    const { level, time, msg, ...fields } = logged({ request: 'req_1', status: 503, code: 'busy' })
    expect([level, typeof time, msg]).toEqual([40, 'number', 'something happened'])
    expect(fields).toEqual({ request: 'req_1', status: 503, code: 'busy' })
  })

  test.each<[string, object]>([
    [
      'a field that is not listed',
      { body: SECRET, apiKey: SECRET, headers: { authorization: SECRET } },
    ],
    ['an error with its message and stack', { err: new Error(SECRET), error: new Error(SECRET) }],
    ['an object in a listed field', { code: { message: SECRET }, request: [SECRET] }],
    ['text in a listed field', { code: SECRET, path: `/v1/${SECRET}` }],
    ['a number field that holds text', { status: SECRET }],
    ['a getter or a prototype', Object.create({ code: SECRET })],
    ['pino’s own names', { msg: SECRET, level: SECRET, pid: SECRET, hostname: SECRET }],
    ['a long one', { code: 'x'.repeat(201) }],
  ])('never holds %s', (_, fields) => {
    const line = JSON.stringify(logged(fields))
    expect(line).not.toContain('secret')
    expect(line).not.toContain('xxx')
  })

  test('names what was thrown by its code, never by its text', () => {
    expect(codeOf(new TypeError(SECRET))).toBe('TypeError')
    expect(codeOf(SECRET)).toBe('unknown')
    expect(codeOf({ message: SECRET })).toBe('unknown')
  })
})

test('messages are constants: nothing is put into one', () => {
  const files = execFileSync('git', ['ls-files', 'gateway/*.ts', 'gateway/**/*.ts'], { cwd: ROOT })
  const calls = files
    .toString()
    .split('\n')
    .filter((file) => file !== '' && !/\.test\.ts$|\/testing\//.test(file))
    .flatMap((file) => [
      ...readFileSync(join(ROOT, file), 'utf8').matchAll(
        /\blog\(\s*('(?:debug|info|warn|error)'|[a-z]\w*),\s*(['"`\w])/g,
      ),
    ])
  expect(calls.length).toBeGreaterThan(10)
  const computed = calls.filter(([, , quote]) => quote !== "'" && quote !== '"')
  expect(computed.map(([call]) => call)).toEqual([])
})
