import { expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { isTrusted } from './directory.ts'
import type { LiveRunner } from './live-runner.ts'

const APPRAISED = 1_800_000_000

/** Appraised then, and good for ten minutes; its keys live for a day. */
function runner(state: LiveRunner['state'] = 'admitted'): LiveRunner {
  // Sound for this test: trust reads these members alone.
  return {
    state,
    standing: { appraised: unixSeconds(APPRAISED), validUntil: unixSeconds(APPRAISED + 600) },
    lease: { expires: unixSeconds(APPRAISED + 86_400) },
  } as LiveRunner
}

const after = (seconds: number) => isTrusted(runner(), unixSeconds(APPRAISED + seconds))

test('a verdict is trusted for its time, and with a clock that was set a little', () => {
  expect([0, 599, -59].map(after)).toEqual([true, true, true])
  expect(after(600)).toBe(false)
})

test('a verdict of the future is of a clock that was wrong: it is not trusted for as long as that went ahead', () => {
  expect([-61, -3_600, -86_400].map(after)).toEqual([false, false, false])
})

test('a denied runner is not trusted at all', () => {
  expect(isTrusted(runner('denied'), unixSeconds(APPRAISED))).toBe(false)
})
