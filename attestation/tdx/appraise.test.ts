import { beforeAll, describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { type Case, judge, NOW, outcomeOf, random, tdxForge } from './testing/judge.ts'

let forge: IntelForge

beforeAll(async () => {
  forge = await tdxForge()
})

const outcome = (item: Case): Promise<string[]> => outcomeOf(forge, item)

describe('the TD’s attributes: exactly the rule that is broken fails', () => {
  const SEPT = 1n << 28n
  const bits = (...set: number[]): bigint =>
    set.reduce((sum, bit) => sum | (1n << BigInt(bit)), SEPT)
  const rows: readonly (readonly [title: string, item: Case, failures: string[]])[] = [
    ['a debug TD', { quote: { tdAttributes: bits(0) } }, ['tdx.debug policy-debug']],
    ['PERFMON', { quote: { tdAttributes: bits(63) } }, ['tdx.perfmon policy-perfmon']],
    [
      'a migratable TD',
      { quote: { version: 5, tdAttributes: bits(29) } },
      ['tdx.migratable policy-migrate'],
    ],
    ['bit 29 in TDX 1.0', { quote: { tdAttributes: bits(29) } }, ['tdx.reserved reserved-bits']],
    [
      'no SEPT_VE_DISABLE',
      { quote: { tdAttributes: 0n } },
      ['tdx.sept-ve-disable sept-ve-disable'],
    ],
    ['Key Locker', { quote: { tdAttributes: bits(31) } }, ['tdx.attributes pin-mismatch']],
    ['XFAM without SSE', { quote: { xfam: 0x1n } }, ['tdx.xfam xfam']],
    ['XFAM with a bit that may not be', { quote: { xfam: 0x10000000000003n } }, ['tdx.xfam xfam']],
    [
      'a service TD',
      { quote: { version: 5, mrServiceTd: random(48) } },
      ['tdx.service-td service-td'],
    ],
    ['MRCONFIGID', { quote: { mrConfigId: random(48) } }, ['tdx.config pin-mismatch']],
    ['MROWNER', { quote: { mrOwner: random(48) } }, ['tdx.config pin-mismatch']],
    ['MROWNERCONFIG', { quote: { mrOwnerConfig: random(48) } }, ['tdx.config pin-mismatch']],
    ['RTMR3 without a log', { quote: { rtmr3: random(48) } }, ['tdx.rtmr3 event-log']],
    [
      'a TDX module of another signer',
      { quote: { mrSignerSeam: random(48) } },
      ['tdx.module module-identity'],
    ],
    [
      'a TDX module with attributes',
      { quote: { seamAttributes: Uint8Array.of(1) } },
      ['tdx.module module-identity'],
    ],
    [
      'a TDX module without an identity',
      { quote: { teeTcbSvn: Uint8Array.of(6, 9, 3) } },
      ['tdx.module module-identity'],
    ],
    [
      'a version that the policy does not list',
      { policy: { versions: [5] } },
      ['tdx.version version'],
    ],
    [
      'a machine that the policy does not list',
      { policy: { fmspcs: ['000000000000'] } },
      ['tdx.fmspc fmspc-mismatch'],
    ],
    [
      'an evaluation below the floor',
      { policy: { minEvaluationNumber: 21 } },
      ['tdx.tcb-eval-number tcb-eval-number'],
    ],
    [
      'a TCB below the floor',
      { policy: { minTeeTcbSvn: '0700'.padEnd(32, '0') } },
      ['tdx.tcb-svn tcb-floor'],
    ],
    [
      'TCB levels before the floor',
      { policy: { minTcbDate: unixSeconds(NOW) } },
      ['tdx.tcb-date tcb-floor'],
    ],
  ]
  test.each(rows)('%s', async (_title, item, failures) => {
    expect(await outcome(item)).toEqual(failures)
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 15, 27, 32, 47, 62])('reserved bit %i', async (bit) => {
    const failures = await outcome({ quote: { version: 5, tdAttributes: bits(bit) } })
    expect(failures).toEqual(['tdx.reserved reserved-bits'])
  })

  test('a policy that names a field’s value accepts it, and no other', async () => {
    const value = random(48)
    const fields = ['mrConfigId', 'mrOwner', 'mrOwnerConfig', 'rtmr0', 'rtmr3', 'mrSeam'] as const
    for (const field of fields) {
      const policy = { pins: [{ field, values: [hex(value)] }] }
      expect(await outcome({ quote: { [field]: value }, policy })).toEqual([])
      const failures = await outcome({ quote: { [field]: random(48) }, policy })
      expect(failures).toEqual(['tdx.pins pin-mismatch'])
    }
    const serviceTds = [hex(value)]
    const item: Case = { quote: { version: 5, mrServiceTd: value }, policy: { serviceTds } }
    expect(await outcome(item)).toEqual([])
  })

  test('a policy relaxes one attribute without relaxing another', async () => {
    const attributes = ['septVeDisable', 'debug'] as const
    const debug: Case = { quote: { tdAttributes: bits(0) }, policy: { attributes } }
    expect(await outcome(debug)).toEqual([])
    const both: Case = { quote: { tdAttributes: bits(0, 63) }, policy: { attributes } }
    expect(await outcome(both)).toEqual(['tdx.perfmon policy-perfmon'])
    const sept: Case = { quote: { tdAttributes: 0n }, policy: { septVeDisable: 'optional' } }
    expect(await outcome(sept)).toEqual([])
  })

  test('a body that does not say whether a service TD is bound is no proof that none is', async () => {
    const rowOf = async (version: 4 | 5) =>
      (await judge(forge, { quote: { version } })).checks.find(({ id }) => id === 'tdx.service-td')
    expect(await rowOf(5)).toMatchObject({ status: 'pass' })
    expect(await rowOf(4)).toMatchObject({ status: 'skip' })
  })

  test('all broken rules are told at once', async () => {
    const quote = { version: 5, tdAttributes: 1n, mrServiceTd: random(48), xfam: 0n }
    expect(await outcome({ quote })).toEqual([
      'tdx.debug policy-debug',
      'tdx.sept-ve-disable sept-ve-disable',
      'tdx.xfam xfam',
      'tdx.service-td service-td',
    ])
  })
})
