import { beforeAll, describe, expect, test } from 'vitest'
import type { Bytes } from '#base/bytes.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { type Case, outcomeOf, random, tdxForge } from './testing/judge.ts'

let forge: IntelForge

beforeAll(async () => {
  forge = await tdxForge()
})

const outcome = (item: Case): Promise<string[]> => outcomeOf(forge, item)

describe('a quote that does not parse is refused with its code', () => {
  const set = (at: number, ...bytes: number[]): Case => ({
    quote: { tamper: (quote) => quote.set(bytes, at) },
  })
  const rows: readonly (readonly [title: string, item: () => Case, code: string])[] = [
    ['version 2', () => set(0, 2), 'version'],
    ['version 3 (SGX only)', () => set(0, 3), 'version'],
    ['version 6', () => set(0, 6), 'version'],
    ['attestation key type 3 (P-384)', () => ({ quote: { keyType: 3 } }), 'key-type'],
    ['attestation key type 0', () => ({ quote: { keyType: 0 } }), 'key-type'],
    ['TEE type 0 (SGX)', () => ({ quote: { teeType: 0 } }), 'tee-type'],
    ['body type 1 (SGX) in version 5', () => ({ quote: { version: 5, bodyType: 1 } }), 'tee-type'],
    ['body type 4', () => ({ quote: { version: 5, bodyType: 4 } }), 'tee-type'],
    [
      'a body size that is not the type’s',
      () => ({ quote: { version: 5, bodySize: 584 } }),
      'parse',
    ],
    ['authentication data of no length', () => set(632, 0, 0, 0, 0), 'parse'],
    ['authentication data of 4 GB', () => set(632, 255, 255, 255, 255), 'parse'],
    ['outer certification type 5', () => ({ quote: { outerType: 5 } }), 'parse'],
    ['inner certification type 6', () => ({ quote: { certificationType: 6 } }), 'chain'],
    [
      'inner certification type 1 (encrypted PPID)',
      () => ({ quote: { certificationType: 1 } }),
      'chain',
    ],
    ['no certificates', () => ({ quote: { certification: new Uint8Array() } }), 'parse'],
    ['certificates that are none', () => ({ quote: { certification: random(100) } }), 'parse'],
    ['over-long QE data', () => set(1218, 255, 255), 'parse'],
    ['an event log that is none', () => ({ eventLog: 'x' }), 'parse'],
  ]
  test.each(rows)('%s', async (_title, item, code) => {
    expect(await outcome(item())).toEqual([`form ${code}`])
  })

  test.each([632, 766, 1254])('a length at %i that is off by one', async (at) => {
    for (const step of [1, 255]) {
      const tamper = (quote: Bytes): void => {
        quote[at] = ((quote[at] ?? 0) + step) & 0xff
      }
      expect(await outcome({ quote: { tamper } })).toEqual(['form parse'])
    }
  })

  test('cut anywhere', async () => {
    const whole = await forge.quote()
    for (const length of [0, 1, 47, 48, 631, 635, 636, 700, 1_200, whole.length - 1]) {
      expect(await outcome({ quote: whole.slice(0, length) })).toEqual(['form parse'])
    }
  })

  test('more than 32 KiB', async () => {
    expect(await outcome({ quote: new Uint8Array(32_769) })).toEqual(['form too-large'])
  })
})
