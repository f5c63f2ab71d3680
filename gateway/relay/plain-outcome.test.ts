import { expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { isBusy, type PlainOutcome } from './plain-outcome.ts'

test.each<[string, PlainOutcome, boolean]>([
  ['a connection without room', { kind: 'failed', how: 'full' }, true],
  ['its own word of its places', { kind: 'refused', status: 503, code: 'busy' }, true],
  ['its engine’s', { kind: 'failed_sealed', status: 503, body: utf8('{}') }, true],
  ['no connection', { kind: 'failed', how: 'refused' }, false],
  ['a connection that broke', { kind: 'failed', how: 'broken' }, false],
  ['an engine that failed', { kind: 'failed_sealed', status: 502, body: utf8('{}') }, false],
  ['an answer that broke off', { kind: 'lost', how: 'full', bytes: 1 }, false],
])('%s: whether the runner is busy and not to blame', (_, outcome, expected) => {
  expect(isBusy(outcome)).toBe(expected)
})
