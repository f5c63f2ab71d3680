import { beforeAll, describe, expect, test } from 'vitest'
import type { IntelForge } from '#dev/forge/intel.ts'
import type { TcbInfoJson } from '#dev/forge/intel-tcb.ts'
import { ACCEPTABLE_STATUSES, type AcceptableStatus } from './tcb-status.ts'
import { type Case, judge, outcomeOf, tdxForge } from './testing/judge.ts'

/** Statuses that no stored quote shows, on forged machines, through proof and policy. */

let forge: IntelForge

beforeAll(async () => {
  forge = await tdxForge()
})

const newest = (status: string, advisoryIDs?: string[]): Case => ({
  tcbInfo: ({ tcbLevels: [level] }: TcbInfoJson) => {
    if (level === undefined) throw new Error('no level')
    level.tcbStatus = status
    if (advisoryIDs !== undefined) level.advisoryIDs = advisoryIDs
  },
})

const REFUSED = ['tdx.tcb-status tcb-status']
const statusOf = async (item: Case): Promise<string | undefined> =>
  (await judge(forge, item)).facts?.tcb.status

describe('a platform’s status', () => {
  test.each([
    'SWHardeningNeeded',
    'ConfigurationNeeded',
    'ConfigurationAndSWHardeningNeeded',
    'OutOfDate',
    'OutOfDateConfigurationNeeded',
  ] as const)('%s is refused, and accepted where a policy lists it', async (status) => {
    const item = newest(status)
    expect(await statusOf(item)).toBe(status)
    expect(await outcomeOf(forge, item)).toEqual(REFUSED)
    const policy = { statuses: ['UpToDate', status] } as const
    expect(await outcomeOf(forge, { ...item, policy })).toEqual([])
  })

  test('Revoked is refused by every policy, also one that lists it', async () => {
    const statuses = [...ACCEPTABLE_STATUSES, 'Revoked' as AcceptableStatus]
    const item = { ...newest('Revoked'), policy: { statuses } }
    expect(await statusOf(item)).toBe('Revoked')
    expect(await outcomeOf(forge, item)).toEqual(REFUSED)
  })

  test('NotSupported is refused by every policy, also one that lists it', async () => {
    const statuses = [...ACCEPTABLE_STATUSES, 'NotSupported' as AcceptableStatus]
    const item: Case = { quote: { qe: { isvSvn: 1 } }, policy: { statuses } }
    expect(await statusOf(item)).toBe('NotSupported')
    expect(await outcomeOf(forge, item)).toEqual(REFUSED)
  })

  test('comes with advisories that the policy must tolerate one by one', async () => {
    const item = newest('SWHardeningNeeded', ['INTEL-SA-00001', 'INTEL-SA-00002'])
    const statuses = ['SWHardeningNeeded'] as const
    const only = { ...item, policy: { statuses, advisories: ['INTEL-SA-00001'] } }
    expect(await outcomeOf(forge, only)).toEqual(['tdx.advisories tcb-status'])
    const both = { statuses, advisories: ['INTEL-SA-00001', 'INTEL-SA-00002'] }
    expect(await outcomeOf(forge, { ...item, policy: both })).toEqual([])
  })
})

describe('the parts', () => {
  test('an old module makes an up-to-date platform OutOfDate, with its advisories', async () => {
    const quote = { teeTcbSvn: Uint8Array.of(4, 1, 3) }
    const { facts } = await judge(forge, { quote })
    expect(facts?.tcb).toMatchObject({
      status: 'OutOfDate',
      platform: 'UpToDate',
      module: 'OutOfDate',
      advisories: ['INTEL-SA-01036'],
    })
  })

  test('an old quoting enclave does too', async () => {
    const { facts } = await judge(forge, { quote: { qe: { isvSvn: 3 } } })
    expect(facts?.tcb).toMatchObject({ status: 'OutOfDate', qe: 'OutOfDate' })
  })

  test('the module’s identity is found in either case of its id', async () => {
    const tcbInfo = (info: TcbInfoJson): void => {
      for (const module of info.tdxModuleIdentities) module.id = module.id.toLowerCase()
    }
    expect(await outcomeOf(forge, { tcbInfo })).toEqual([])
  })

  test('a relaunch is advised for a TDX 1.5 report whose machine has a newer module', async () => {
    const quote = {
      version: 5,
      teeTcbSvn: Uint8Array.of(4, 1, 3),
      teeTcbSvn2: Uint8Array.of(6, 1, 3),
    }
    expect(await statusOf({ quote })).toBe('TDRelaunchAdvised')
    expect(await outcomeOf(forge, { quote })).toEqual(REFUSED)
    const policy = { statuses: ['TDRelaunchAdvised'], advisories: ['INTEL-SA-01036'] } as const
    expect(await outcomeOf(forge, { quote, policy })).toEqual([])
    const configure = { ...newest('ConfigurationNeeded'), quote }
    expect(await statusOf(configure)).toBe('TDRelaunchAdvisedConfigurationNeeded')
  })
})
