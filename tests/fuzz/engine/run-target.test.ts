import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { type Progress, readProgress, writeProgress } from './progress.ts'
import { ROUND, runTarget } from './run-target.ts'
import type { Scout } from './scout.ts'
import { type Bytes, type FuzzTarget, target } from './target.ts'

const KEPT = utf8('what coverage kept')
/** One that has looked at nothing yet and gives this input. */
const scout: Scout = {
  guide: async () => ({
    ...{ ran: 100, accepted: 100, findings: [], kept: [KEPT], lit: 5 },
    processorSeconds: 0,
  }),
  steps: async () => 0,
  close: async () => {},
}
const INPUTS = 3 * ROUND + 500

function recording(seen: string[], fails = false): FuzzTarget {
  return target({
    name: 'a target',
    file: 'made',
    corpus: [utf8('a seed of some length')],
    errors: [],
    parse: (b: Bytes) => {
      seen.push(Buffer.from(b).toString('latin1'))
      if (fails && b.length === 3) throw new Error('three')
    },
  })
}

test('a run that is cut goes on as if it had not been', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
  const options = { inputs: INPUTS, seed: 9, guided: 100, scout }
  const [whole, cut]: [string[], string[]] = [[], []]
  const reached = await runTarget(recording(whole), options)
  expect(reached.ran).toBe(INPUTS)
  expect(whole.some((text) => text.includes('coverage kept'))).toBe(true)

  await expect(
    runTarget(recording(cut), {
      ...options,
      onProgress: (progress) => {
        writeProgress(folder, progress)
        if (progress.rounds === 2) throw new Error('killed')
      },
    }),
  ).rejects.toThrow('killed')
  const from = readProgress(folder, 'a target')
  expect(from).toMatchObject({ ran: 100 + 2 * ROUND, kept: [KEPT] })
  const resumed = await runTarget(recording(cut), { ...options, from })
  expect({ ...resumed, processorSeconds: 0 }).toEqual({ ...reached, processorSeconds: 0 })
  expect(cut).toEqual(whole)
})

test('what was found is told, and a run of the mended parser begins anew', async () => {
  const options = { inputs: INPUTS, seed: 9, guided: 100, scout }
  const first = await runTarget(recording([], true), options)
  expect(first.findings.map(({ why }) => why)).toEqual([expect.stringMatching(/three/)])
  expect(first.ran).toBeLessThan(INPUTS)
  const rounds: number[] = []
  const onProgress = (progress: Progress): void => void rounds.push(progress.rounds)
  const second = await runTarget(recording([]), { ...options, from: first, onProgress })
  expect(second).toMatchObject({ ran: INPUTS, findings: [] })
  expect(rounds[0]).toBe(0)
})

test('a target that has not run has no progress', () => {
  expect(readProgress(mkdtempSync(join(tmpdir(), 'fuzz-')), 'a target')).toBeUndefined()
})
