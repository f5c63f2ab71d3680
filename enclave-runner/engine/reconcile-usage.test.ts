import { expect, test } from 'vitest'
import { reconcileUsage } from './reconcile-usage.ts'

const seen = { deltas: 10, bytes: 40 }
const usage = (promptTokens: number, completionTokens: number, reasoningTokens = 0) => ({
  promptTokens,
  cachedTokens: 0,
  completionTokens,
  reasoningTokens,
})

test('possible counts stand', () => {
  expect(reconcileUsage(usage(7, 12), seen, 100)).toEqual(usage(7, 12))
})

test('an engine that inflates its count is billed at most a token a visible byte', () => {
  expect(reconcileUsage(usage(7, 1_000_000), seen, 100).completionTokens).toBe(56)
})

test('an engine that inflates the prompt is held to what the prompt can have', () => {
  expect(reconcileUsage(usage(5000, 12), seen, 100).promptTokens).toBe(100)
})

test('hidden reasoning needs no visible bytes', () => {
  expect(reconcileUsage(usage(7, 500, 490), seen, 100)).toEqual(usage(7, 500, 490))
})

test('an engine that tells no usage is believed one token a delta', () => {
  expect(reconcileUsage(undefined, seen, 100)).toEqual(usage(0, 10))
})
