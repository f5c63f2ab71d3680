import { describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nanoPerMillion } from '#base/nano.ts'
import { nodeProvider } from '#protocol/node'
import { runnerId } from '../db/ids.ts'
import type { Terms } from '../ledger/port.ts'
import type { Lease, LiveRunner, Standing } from '../runners/live-runner.ts'
import { newLoad } from '../runners/load.ts'
import { newScore, noteFailure, type Score } from '../runners/score.ts'
import { type Candidate, type PickInput, pick } from './pick.ts'
import { NO_PREFERENCES, type Preferences } from './preferences.ts'

const NOW = unixMs(1_000_000)

interface Made extends Partial<Score> {
  readonly price?: bigint
  readonly inFlight?: number
  readonly payee?: string
  readonly status?: 'verified' | 'simulated'
}

function candidate(name: string, changes: Made = {}): Candidate {
  const { price = 100n, inFlight = 0, payee = '0:00', status = 'verified', ...score } = changes
  const prices = { input: price, cached: price, output: price }
  // Sound for this test: pick reads these members and no others.
  return {
    runner: {
      id: runnerId(`run_${name}`),
      payee: payee as LiveRunner['payee'],
      standing: { status } as Standing,
      load: { ...newLoad(NOW, { ...newScore(NOW), ...score }), inFlight },
      lease: { capacity: 10 } as Lease,
    } as LiveRunner,
    terms: {
      price: {
        input: nanoPerMillion(prices.input),
        cached: nanoPerMillion(prices.cached),
        output: nanoPerMillion(prices.output),
      },
    } as Terms,
  }
}

function picked(
  candidates: readonly Candidate[],
  changes: Partial<PickInput> = {},
  random: () => number = () => 0,
): string {
  const input: PickInput = {
    candidates,
    preferences: NO_PREFERENCES,
    affinity: undefined,
    tried: new Set(),
    now: NOW,
    ...changes,
  }
  const result = pick(input, nodeProvider.hashes, random)
  return result.ok ? result.candidate.runner.id : result.reason
}

const wish = (changes: Partial<Preferences>): { preferences: Preferences } => {
  return { preferences: { ...NO_PREFERENCES, ...changes } }
}

describe('picking a runner', () => {
  const a = candidate('a')
  const b = candidate('b')

  test('of two drawn at random, the one with less to do', () => {
    const busy = candidate('busy', { inFlight: 8 })
    expect(picked([busy, a])).toBe('run_a')
    expect(picked([a, busy])).toBe('run_a')
  })

  test('of two, the quicker, the cheaper, the one that fails less', () => {
    expect(picked([candidate('slow', { firstByteMs: 9_000 }), a])).toBe('run_a')
    expect(picked([candidate('lame', { tokensPerSecond: 5 }), a])).toBe('run_a')
    expect(picked([candidate('dear', { price: 300n }), a])).toBe('run_a')
    expect(picked([candidate('flaky', { success: 0.5 }), a])).toBe('run_a')
  })

  test('every runner is drawn at times', () => {
    const many = ['a', 'b', 'c', 'd'].map((name) => candidate(name))
    const drawn = new Set<string>()
    for (let i = 0; i < 16; i++) {
      const values = [i / 16, ((i * 7) % 16) / 16]
      drawn.add(picked(many, {}, () => values.shift() ?? 0))
    }
    expect(drawn.size).toBe(4)
  })

  test('not one that was tried, is full, or is above the price ceiling', () => {
    expect(picked([a, b], { tried: new Set(['run_a']) })).toBe('run_b')
    expect(picked([candidate('full', { inFlight: 10 }), a])).toBe('run_a')
    expect(picked([candidate('full', { inFlight: 10 })])).toBe('busy')
    const maxPrice = { input: nanoPerMillion(99n), output: undefined }
    expect(picked([a], wish({ maxPrice }))).toBe('price')
    expect(picked([])).toBe('none')
  })

  test('one that rests only when nobody else is there', () => {
    const { breaker } = noteFailure(newScore(NOW), 'absent', NOW)
    const resting = candidate('rest', { breaker })
    expect(picked([resting, a])).toBe('run_a')
    expect(picked([resting])).toBe('run_rest')
  })

  test('by the caller’s lists', () => {
    expect(picked([a, b], wish({ only: new Set(['run_b']) }))).toBe('run_b')
    expect(picked([a, b], wish({ ignore: new Set(['run_a']) }))).toBe('run_b')
    expect(picked([a, b], wish({ order: ['run_x', 'run_b'] }))).toBe('run_b')
    // A host is its wallet as well.
    const host = candidate('c', { payee: '0:77' })
    expect(picked([a, host], wish({ only: new Set(['0:77']) }))).toBe('run_c')
    expect(picked([a, host], wish({ order: ['0:77'] }))).toBe('run_c')
    const strict = wish({ order: ['run_x'], allowFallbacks: false })
    expect(picked([a, b], strict)).toBe('unlisted')
  })

  test('by one criterion, whatever the others say', () => {
    const cheap = candidate('cheap', { price: 1n, firstByteMs: 9_000, tokensPerSecond: 1 })
    const prompt = candidate('prompt', { price: 900n, firstByteMs: 1, tokensPerSecond: 1 })
    const fast = candidate('fast', { price: 900n, firstByteMs: 9_000, tokensPerSecond: 900 })
    const all = [cheap, prompt, fast, a]
    expect(picked(all, wish({ sort: 'price' }))).toBe('run_cheap')
    expect(picked(all, wish({ sort: 'latency' }))).toBe('run_prompt')
    expect(picked(all, wish({ sort: 'throughput' }))).toBe('run_fast')
    const busy = candidate('busy', { inFlight: 5 })
    expect(picked([busy, a], wish({ sort: 'price' }))).toBe('run_a')
  })

  test('on verified hardware only, where nothing may be kept', () => {
    const simulated = candidate('sim', { status: 'simulated' })
    expect(picked([simulated, a], wish({ noRetention: true }))).toBe('run_a')
    expect(picked([simulated], wish({ noRetention: true }))).toBe('unproven')
    expect(picked([simulated])).toBe('run_sim')
  })

  test('a runner that is tried again gets one request at a time while others are there', () => {
    const { breaker } = noteFailure(newScore(unixMs(1)), 'absent', unixMs(1))
    const due = candidate('due', { breaker })
    expect(picked([due])).toBe('run_due')
    expect(picked([candidate('due', { breaker: { ...breaker, isProbing: true } }), a])).toBe(
      'run_a',
    )
  })
})

describe('cache affinity', () => {
  const all = ['a', 'b', 'c', 'd', 'e'].map((name) => candidate(name))
  const name = (i: number) => nodeProvider.hashes.sha256(Uint8Array.of(i))
  const random = () => Math.random()

  test('keeps a prefix at its runner', () => {
    const first = picked(all, { affinity: name(1) }, random)
    for (let i = 0; i < 20; i++) expect(picked(all, { affinity: name(1) }, random)).toBe(first)
  })

  test('moves only what was at a runner that left', () => {
    for (let i = 0; i < 50; i++) {
      const before = picked(all, { affinity: name(i) }, random)
      const rest = all.filter(({ runner }) => runner.id !== 'run_a')
      if (before !== 'run_a') expect(picked(rest, { affinity: name(i) }, random)).toBe(before)
    }
  })

  test('gives way near the runner’s limit', () => {
    const home = picked(all, { affinity: name(1) }, random)
    const loaded = all.map((each) =>
      each.runner.id === home ? candidate(home.slice(4), { inFlight: 9 }) : each,
    )
    expect(picked(loaded, { affinity: name(1) }, random)).not.toBe(home)
  })
})
