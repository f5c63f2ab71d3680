import { describe, expect, test } from 'vitest'
import { FORGED_TCBS } from '#dev/forge/amd.ts'
import type { SnpReportFields } from '#dev/forge/amd-report.ts'
import { DEFAULT_SEV_POLICY, type SevPolicy } from './policy.ts'
import { ANY, type Case, failuresOf, judge, NO_TCB, NOW, useForges } from './testing/judge-sev.ts'

useForges()

describe('each rule of the policy fails alone, with its code', () => {
  const floor = (part: string, value: number): Partial<SevPolicy> => ({
    floors: {
      Genoa: {
        tcb: { ...NO_TCB, [part]: value },
        ucodeBySilicon: 'any',
        firmware: { major: 1, minor: 55, build: 0 },
      },
    },
  })
  const lower = (part: 'bl' | 'snp' | 'ucode') => {
    return { ...FORGED_TCBS.Genoa, [part]: FORGED_TCBS.Genoa[part] - 1 }
  }
  const higher = { ...FORGED_TCBS.Genoa, ucode: FORGED_TCBS.Genoa.ucode + 1 }
  const bit = (n: number): bigint => 0x30000n | (1n << BigInt(n))
  const rows: readonly (readonly [title: string, item: Case, failure: string])[] = [
    ['no revocation list', { crl: 'absent' }, 'sev.crl crl-missing'],
    ['a list past its next update', { crl: { nextUpdate: NOW - 1 } }, 'sev.crl crl-expired'],
    ['a list from the future', { crl: { thisUpdate: NOW + 1 } }, 'sev.crl crl-expired'],
    ['a list below the floor', { crl: { number: 3 } }, 'sev.crl-number crl-rollback'],
    [
      'DEBUG (bit 19), although the signature is good',
      { report: { policy: bit(19) } },
      'sev.debug policy-debug',
    ],
    ['MIGRATE_MA (bit 18)', { report: { policy: bit(18) } }, 'sev.migration policy-migrate'],
    ['bit 17 clear', { report: { policy: 0x10000n } }, 'sev.guest-policy-reserved reserved-bits'],
    ['bit 26 set', { report: { policy: bit(26) } }, 'sev.guest-policy-reserved reserved-bits'],
    ['bit 63 set', { report: { policy: bit(63) } }, 'sev.guest-policy-reserved reserved-bits'],
    [
      'SMT permitted',
      { policy: { forbiddenPermissions: ['smt'] } },
      'sev.guest-policy policy-bits',
    ],
    [
      'CXL permitted',
      { report: { policy: bit(21) }, policy: { forbiddenPermissions: ['cxl'] } },
      'sev.guest-policy policy-bits',
    ],
    [
      'SINGLE_SOCKET missing',
      { policy: { demandedRestrictions: ['singleSocket'] } },
      'sev.guest-policy policy-bits',
    ],
    [
      'ciphertext hiding missing',
      { policy: { demandedRestrictions: ['ciphertextHiding'] } },
      'sev.guest-policy policy-bits',
    ],
    ['ABI too old', { policy: { minAbi: { major: 1, minor: 0 } } }, 'sev.abi abi-version'],
    [
      'alias check not complete (BadRAM)',
      { report: { platformInfo: 0x05n } },
      'sev.alias-check alias-check',
    ],
    [
      'a version that cannot show it',
      { report: { version: 2 }, policy: { floors: { Genoa: ANY } } },
      'sev.alias-check alias-check',
    ],
    [
      'TSME demanded and off',
      { policy: { demandedPlatform: ['aliasCheckComplete', 'tsme'] } },
      'sev.platform-info platform-info',
    ],
    [
      'SMT forbidden and on',
      { policy: { forbiddenPlatform: ['smt'] } },
      'sev.platform-info platform-info',
    ],
    ['VMPL 1', { report: { vmpl: 1 } }, 'sev.vmpl vmpl'],
    [
      'a mitigation missing at launch',
      {
        report: { launchMitigations: 1n, currentMitigations: 3n },
        policy: { demandedMitigations: 2n },
      },
      'sev.mitigations mitigation',
    ],
    [
      'a mitigation missing now',
      {
        report: { launchMitigations: 3n, currentMitigations: 1n },
        policy: { demandedMitigations: 2n },
      },
      'sev.mitigations mitigation',
    ],
    [
      'mitigations demanded of a version without them',
      { report: { version: 3 }, policy: { demandedMitigations: 1n } },
      'sev.mitigations mitigation',
    ],
    ['guest SVN too low', { policy: { minGuestSvn: 1 } }, 'sev.guest-svn tcb-floor'],
    [
      'a VLEK of a cloud that is not pinned',
      { kind: 'vlek', policy: { cspIds: [] } },
      'sev.vlek-csp vlek-csp',
    ],
    [
      'host data that differs',
      { policy: { pins: [{ field: 'hostData', values: ['ff'.repeat(32)] }] } },
      'sev.pins pin-mismatch',
    ],
    ['a product without floor', { policy: { floors: {} } }, 'sev.tcb-floor tcb-floor'],
    ['boot loader below the floor', { policy: floor('bl', 11) }, 'sev.tcb-floor tcb-floor'],
    ['SNP firmware below the floor', { policy: floor('snp', 26) }, 'sev.tcb-floor tcb-floor'],
    ['microcode below the floor', { policy: floor('ucode', 85) }, 'sev.tcb-floor tcb-floor'],
    [
      'a TCB loaded and not committed',
      { report: { currentTcb: higher } },
      'sev.firmware-committed provisional',
    ],
    [
      'firmware loaded and not committed',
      { report: { current: [1, 55, 44] } },
      'sev.firmware-committed provisional',
    ],
    [
      'reported above committed: no firmware does that',
      {
        report: { committedTcb: lower('snp'), currentTcb: lower('snp'), launchTcb: lower('snp') },
      },
      'sev.tcb-order tcb-order',
    ],
  ]
  test.each(rows)('%s', async (title, item, failure) => {
    const failures = await failuresOf(item)
    // A product without floor has neither of the two.
    const expected = title.includes('without floor')
      ? [failure, 'sev.firmware-floor tcb-floor']
      : [failure]
    expect(failures).toEqual(expected)
  })

  test('Milan, whose reports can be forged by software, unless a policy gives it a floor', async () => {
    const item: Case = { product: 'Milan', policy: { floors: DEFAULT_SEV_POLICY.floors } }
    const detail = ['sev.tcb-floor tcb-floor', 'sev.firmware-floor tcb-floor']
    expect(await failuresOf(item)).toEqual(detail)
  })

  test('microcode by silicon: Genoa-X and Bergamo count from elsewhere, unknown silicon is refused', async () => {
    const at = async (cpuid: [number, number, number], ucode: number): Promise<string[]> => {
      const tcb = { ...FORGED_TCBS.Genoa, ucode }
      return failuresOf({ report: { cpuid, tcb }, vek: { tcb } })
    }
    const below = ['sev.tcb-floor tcb-floor']
    expect(await at([0x19, 0x11, 1], 0x53)).toEqual(below)
    expect(await at([0x19, 0x11, 2], 0x4f)).toEqual([])
    expect(await at([0x19, 0xa0, 2], 0x19)).toEqual([])
    expect(await at([0x19, 0xa0, 2], 0x18)).toEqual(below)
    expect(await at([0x19, 0x1f, 9], 0xff)).toEqual(below)
  })

  test('committed firmware below the floor', async () => {
    const policy = floor('bl', 0)
    const report: Partial<SnpReportFields> = { committed: [1, 54, 99], current: [1, 54, 99] }
    expect(await failuresOf({ policy, report })).toEqual(['sev.firmware-floor tcb-floor'])
  })

  test('launch TCB below the floor: memory was set up by old firmware', async () => {
    const launchTcb = { ...FORGED_TCBS.Genoa, ucode: 10 }
    const failures = await failuresOf({ report: { launchTcb } })
    expect(failures).toContain('sev.tcb-floor tcb-floor')
  })

  test('every rule is collected, not only the first', async () => {
    const report = { policy: bit(19), vmpl: 2, platformInfo: 0n }
    expect(await failuresOf({ report, crl: 'absent' })).toEqual([
      'sev.crl crl-missing',
      'sev.debug policy-debug',
      'sev.alias-check alias-check',
      'sev.vmpl vmpl',
    ])
  })

  test('what a policy relaxes is skipped with a reason, never passed', async () => {
    const checks = await judge({
      crl: 'absent',
      report: { current: [1, 55, 44] },
      policy: { crl: 'unchecked', allowProvisionalFirmware: true, demandedPlatform: [] },
    })
    const skipped = checks.filter(({ status }) => status === 'skip').map(({ id }) => id)
    expect(skipped).toEqual(
      expect.arrayContaining(['sev.crl', 'sev.firmware-committed', 'sev.alias-check']),
    )
    expect(checks.some(({ status }) => status === 'fail')).toBe(false)
  })
})
