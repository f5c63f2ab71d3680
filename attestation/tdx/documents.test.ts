import { beforeAll, describe, expect, test } from 'vitest'
import type { IntelForge } from '#dev/forge/intel.ts'
import {
  isoTime,
  type PlatformLevelJson,
  type QeIdentityJson,
  svnLevel,
  type TcbInfoJson,
} from '#dev/forge/intel-tcb.ts'
import { type Case, NOW, outcomeOf, tdxForge } from './testing/judge.ts'

let forge: IntelForge

beforeAll(async () => {
  forge = await tdxForge()
})

const outcome = (item: Case): Promise<string[]> => outcomeOf(forge, item)

/** The first level, which every forged document has. */
function first(info: TcbInfoJson): PlatformLevelJson {
  const [level] = info.tcbLevels
  if (level === undefined) throw new Error('no level')
  return level
}

/** Anything may stand where Intel's schema says something else: that is the point of these rows. */
function put(object: object, key: string, value: unknown): void {
  Object.assign(object, { [key]: value })
}

describe('TCB info of another form is refused, though Intel’s key signed it', () => {
  const rows: readonly (readonly [title: string, edit: (info: TcbInfoJson) => void])[] = [
    ['15 SGX components', (info) => first(info).tcb.sgxtcbcomponents.pop()],
    ['15 TDX components', (info) => first(info).tcb.tdxtcbcomponents.pop()],
    ['17 TDX components', (info) => first(info).tcb.tdxtcbcomponents.push({ svn: 0 })],
    ['no TDX components', (info) => first(info).tcb.tdxtcbcomponents.splice(0)],
    ['no SGX components', (info) => first(info).tcb.sgxtcbcomponents.splice(0)],
    ['an SVN of -1', (info) => put(first(info).tcb.tdxtcbcomponents[0] ?? {}, 'svn', -1)],
    ['an SVN of 256', (info) => put(first(info).tcb.tdxtcbcomponents[0] ?? {}, 'svn', 256)],
    ['an SVN of 1.5', (info) => put(first(info).tcb.tdxtcbcomponents[0] ?? {}, 'svn', 1.5)],
    ['an SVN as text', (info) => put(first(info).tcb.tdxtcbcomponents[0] ?? {}, 'svn', '5')],
    ['no PCESVN', (info) => put(first(info).tcb, 'pcesvn', undefined)],
    ['an unknown status', (info) => put(first(info), 'tcbStatus', 'Foo')],
    ['a status in another case', (info) => put(first(info), 'tcbStatus', 'uptodate')],
    ['a status of the prototype', (info) => put(first(info), 'tcbStatus', 'constructor')],
    ['no status', (info) => put(first(info), 'tcbStatus', undefined)],
    ['an advisory that is none', (info) => put(first(info), 'advisoryIDs', ['<script>'])],
    ['no levels', (info) => info.tcbLevels.splice(0)],
    [
      'two levels with the same versions',
      (info) => info.tcbLevels.push({ ...first(info), tcbStatus: 'Revoked' }),
    ],
    [
      'a module identity twice',
      (info) => info.tdxModuleIdentities.push(...info.tdxModuleIdentities.slice(0, 1)),
    ],
    [
      'a module identity twice, in two cases',
      (info) =>
        info.tdxModuleIdentities.push(
          ...info.tdxModuleIdentities.slice(0, 1).map((m) => ({ ...m, id: m.id.toLowerCase() })),
        ),
    ],
    ['a module of another name', (info) => put(info.tdxModuleIdentities[0] ?? {}, 'id', 'TDX_1')],
    [
      'an unknown module status',
      (info) =>
        put(info.tdxModuleIdentities[0]?.tcbLevels[0] ?? {}, 'tcbStatus', 'SWHardeningNeeded'),
    ],
    [
      'two module levels for one SVN',
      (info) => info.tdxModuleIdentities[0]?.tcbLevels.push(svnLevel(3, isoTime(NOW), 'Revoked')),
    ],
    ['a signer of 47 bytes', (info) => put(info.tdxModule, 'mrsigner', '00'.repeat(47))],
    ['an FMSPC of 5 bytes', (info) => put(info, 'fmspc', '00'.repeat(5))],
    ['a date without a zone', (info) => put(info, 'issueDate', '2025-01-01T00:00:00')],
    ['a date that is none', (info) => put(info, 'nextUpdate', '2025-13-01T00:00:00Z')],
  ]
  test.each(rows)('%s', async (_title, tcbInfo) => {
    expect(await outcome({ tcbInfo })).toEqual(['tdx.tcb-info parse'])
  })

  test.each<[string, unknown, string]>([
    ['version', 4, 'tdx.tcb-info version'],
    ['version', 1, 'tdx.tcb-info version'],
    ['id', 'SGX', 'tdx.tcb-info-subject fmspc-mismatch'],
    ['id', 'tdx', 'tdx.tcb-info-subject fmspc-mismatch'],
    ['tcbType', 1, 'tdx.tcb-info-subject fmspc-mismatch'],
    ['pceId', '0001', 'tdx.tcb-info-subject fmspc-mismatch'],
  ])('%s %j', async (key, value, failure) => {
    const tcbInfo = (info: TcbInfoJson): void => put(info, key, value)
    expect(await outcome({ tcbInfo })).toEqual([failure])
  })

  test('version 2, which knows no TDX, is SGX’s', async () => {
    const tcbInfo = (info: TcbInfoJson): void => {
      info.version = 2
      for (const { tcb } of info.tcbLevels) {
        for (const [i, { svn }] of tcb.sgxtcbcomponents.entries()) {
          put(tcb, `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`, svn)
        }
      }
    }
    expect(await outcome({ tcbInfo })).toEqual(['tdx.tcb-info-subject fmspc-mismatch'])
  })

  test('a module of another signer or attributes in the identity', async () => {
    for (const [key, value] of [
      ['mrsigner', '11'.repeat(48)],
      ['attributes', '0100000000000000'],
    ] as const) {
      const tcbInfo = (info: TcbInfoJson): void => {
        for (const module of info.tdxModuleIdentities) put(module, key, value)
      }
      expect(await outcome({ tcbInfo })).toEqual(['tdx.module module-identity'])
    }
  })

  test('a module of major version 0 is held against the document’s own module, which it needs', async () => {
    const quote = { teeTcbSvn: Uint8Array.of(6, 0, 3) }
    expect(await outcome({ quote })).toEqual([])
    const tcbInfo = (info: TcbInfoJson): void => put(info, 'tdxModule', undefined)
    expect(await outcome({ quote, tcbInfo })).toEqual(['tdx.module module-identity'])
    expect(await outcome({ tcbInfo })).toEqual([])
  })

  test('the order of levels in the document does not matter', async () => {
    expect(await outcome({ tcbInfo: (info) => info.tcbLevels.reverse() })).toEqual([])
    const qeIdentity = (identity: QeIdentityJson): void => void identity.tcbLevels.reverse()
    expect(await outcome({ qeIdentity })).toEqual([])
  })
})

describe('a quoting enclave identity of another form is refused', () => {
  const rows: readonly (readonly [title: string, edit: (identity: QeIdentityJson) => void])[] = [
    ['no levels', (identity) => identity.tcbLevels.splice(0)],
    [
      'an unknown status',
      (identity) => put(identity.tcbLevels[0] ?? {}, 'tcbStatus', 'ConfigurationNeeded'),
    ],
    [
      'two levels for one ISVSVN',
      (identity) => identity.tcbLevels.push(svnLevel(4, isoTime(NOW), 'Revoked')),
    ],
    ['a mask of 15 bytes', (identity) => put(identity, 'attributesMask', 'FF'.repeat(15))],
    ['a short MISCSELECT', (identity) => put(identity, 'miscselect', '000000')],
    ['no MRSIGNER', (identity) => put(identity, 'mrsigner', '')],
    ['an ISVPRODID as text', (identity) => put(identity, 'isvprodid', '2')],
  ]
  test.each(rows)('%s', async (_title, qeIdentity) => {
    expect(await outcome({ qeIdentity })).toEqual(['tdx.qe-identity parse'])
  })
})

describe('everything has its time', () => {
  const at = (seconds: number): string => isoTime(seconds)
  const rows: readonly (readonly [title: string, item: Case, failures: string[]])[] = [
    ['TCB info issued now', { tcbInfo: (i) => put(i, 'issueDate', at(NOW)) }, []],
    [
      'TCB info issued in a second',
      { tcbInfo: (i) => put(i, 'issueDate', at(NOW + 1)) },
      ['tdx.tcb-info collateral-expired'],
    ],
    ['TCB info that ends now', { tcbInfo: (i) => put(i, 'nextUpdate', at(NOW)) }, []],
    [
      'TCB info that ended a second ago',
      { tcbInfo: (i) => put(i, 'nextUpdate', at(NOW - 1)) },
      ['tdx.tcb-info collateral-expired'],
    ],
    ['QE identity issued now', { qeIdentity: (i) => put(i, 'issueDate', at(NOW)) }, []],
    [
      'QE identity issued in a second',
      { qeIdentity: (i) => put(i, 'issueDate', at(NOW + 1)) },
      ['tdx.qe-identity collateral-expired'],
    ],
    ['QE identity that ends now', { qeIdentity: (i) => put(i, 'nextUpdate', at(NOW)) }, []],
    [
      'QE identity that ended a second ago',
      { qeIdentity: (i) => put(i, 'nextUpdate', at(NOW - 1)) },
      ['tdx.qe-identity collateral-expired'],
    ],
  ]
  test.each(rows)('%s', async (_title, item, failures) => {
    expect(await outcome(item)).toEqual(failures)
  })

  test('an old evaluation, of either document, is below the floor (M8)', async () => {
    const old = (document: { tcbEvaluationDataNumber: number }): void => {
      document.tcbEvaluationDataNumber = 17
    }
    const failures = ['tdx.tcb-eval-number tcb-eval-number']
    expect(await outcome({ tcbInfo: old })).toEqual(failures)
    expect(await outcome({ qeIdentity: old })).toEqual(failures)
  })
})
