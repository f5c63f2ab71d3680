import { describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { AttestationError } from '../errors.ts'
import { matchTcb, type TcbInput } from './match-tcb.ts'
import type { PlatformLevel, SvnLevel, TcbInfo } from './tcb-info.ts'
import {
  type ComponentStatus,
  mergeStatus,
  PLATFORM_STATUSES,
  type PlatformStatus,
} from './tcb-status.ts'

/** Three platform levels 3, 2, 1 (every component has that version), module and QE levels 3, 2. */
interface World {
  readonly platform?: readonly PlatformStatus[]
  readonly module?: readonly ComponentStatus[]
  readonly qe?: readonly ComponentStatus[]
  readonly pck?: number
  readonly pceSvn?: number
  /** TEE_TCB_SVN as [module SVN, module major, microcode]. */
  readonly tee?: readonly [number, number, number]
  /** Likewise TEE_TCB_SVN_2; absent in TDX 1.0. */
  readonly tee2?: readonly [number, number, number]
  readonly qeSvn?: number
}

const DATE = unixSeconds(1_700_000_000)
const all = (svn: number): number[] => new Array<number>(16).fill(svn)
const bytes = ([svn, major, microcode]: readonly [number, number, number]) =>
  Uint8Array.of(svn, major, microcode, ...all(9).slice(3))

function platformLevel(status: PlatformStatus, svn: number): PlatformLevel {
  const tdx = [svn, 0, svn, ...all(0).slice(3)]
  return { sgx: all(svn), pceSvn: svn, tdx, status, date: DATE, advisories: [`P${svn}`] }
}

function svnLevels(prefix: string, statuses: readonly ComponentStatus[]): SvnLevel[] {
  return statuses.map((status, i) => {
    return { isvSvn: 3 - i, status, date: DATE, advisories: [`${prefix}${3 - i}`] }
  })
}

function input(world: World): TcbInput {
  const { platform = ['UpToDate', 'OutOfDate', 'Revoked'], pck = 3, tee = [3, 1, 3] } = world
  const signer = { mrSigner: new Uint8Array(), attributes: new Uint8Array() }
  const levels = svnLevels('M', world.module ?? ['UpToDate', 'OutOfDate'])
  const module = { id: 'TDX_01', ...signer, attributesMask: new Uint8Array(), levels }
  const tcbInfo: TcbInfo = {
    id: 'TDX',
    version: 3,
    issueDate: DATE,
    nextUpdate: DATE,
    fmspc: '',
    pceId: '',
    tcbType: 0,
    evaluationNumber: 18,
    module: undefined,
    modules: new Map([[1, module]]),
    levels: platform.map((status, i) => platformLevel(status, 3 - i)),
  }
  return {
    tcbInfo,
    pck: { components: all(pck), pceSvn: world.pceSvn ?? pck },
    teeTcbSvn: bytes(tee),
    teeTcbSvn2: world.tee2 === undefined ? undefined : bytes(world.tee2),
    qe: { levels: svnLevels('Q', world.qe ?? ['UpToDate', 'OutOfDate']), isvSvn: world.qeSvn ?? 3 },
  }
}

const statusOf = (world: World): string => matchTcb(input(world)).status

describe('the platform’s level', () => {
  test('is the newest that every component and the PCE reach', () => {
    expect(matchTcb(input({})).platform).toBe('UpToDate')
    expect(matchTcb(input({ pck: 2 })).platform).toBe('OutOfDate')
    expect(matchTcb(input({ pceSvn: 2 })).platform).toBe('OutOfDate')
    expect(matchTcb(input({ pck: 1 })).platform).toBe('Revoked')
    expect(matchTcb(input({ tee: [3, 1, 2] })).platform).toBe('OutOfDate')
  })

  test('one component short is a level short', () => {
    for (const at of [0, 7, 15]) {
      const { pck, ...rest } = input({})
      const components = pck.components.map((svn, i) => (i === at ? 2 : svn))
      expect(matchTcb({ ...rest, pck: { ...pck, components } }).platform).toBe('OutOfDate')
    }
  })

  test('below every level, for PCK or TEE_TCB_SVN, is NotSupported', () => {
    expect(statusOf({ pck: 0 })).toBe('NotSupported')
    expect(statusOf({ tee: [3, 1, 0] })).toBe('NotSupported')
    expect(statusOf({ tee: [0, 0, 0] })).toBe('NotSupported')
  })

  test('leaves components 0 and 1 to the module’s identity when there is one (dcap-qvl does not)', () => {
    // Module SVN 2 of major 1: the platform's level asks 3 of component 0, which is the other module line's number.
    expect(matchTcb(input({ tee: [2, 1, 3] })).platform).toBe('UpToDate')
    // Major 0 has no identity of its own: component 0 counts.
    expect(matchTcb(input({ tee: [2, 0, 3] })).platform).toBe('OutOfDate')
  })

  test('never passes because a list is short', () => {
    const { tcbInfo, ...rest } = input({})
    const cut = tcbInfo.levels.map((level) => ({ ...level, sgx: level.sgx.slice(0, 15) }))
    expect(matchTcb({ ...rest, tcbInfo: { ...tcbInfo, levels: cut } }).status).toBe('NotSupported')
    const empty = tcbInfo.levels.map((level) => ({ ...level, tdx: [] }))
    expect(matchTcb({ ...rest, tcbInfo: { ...tcbInfo, levels: empty } }).status).toBe(
      'NotSupported',
    )
  })
})

describe('the module’s level', () => {
  test('counts beside the platform’s: a false UpToDate in go-tdx-guest', () => {
    const outcome = matchTcb(input({ pck: 2 }))
    expect(outcome).toMatchObject({
      module: 'UpToDate',
      platform: 'OutOfDate',
      status: 'OutOfDate',
    })
  })

  test('below every level of its identity is NotSupported', () => {
    expect(statusOf({ tee: [1, 1, 3] })).toBe('NotSupported')
    expect(statusOf({ module: ['UpToDate'], tee: [2, 1, 3] })).toBe('NotSupported')
  })

  test('without an identity is an error, not a pass', () => {
    expect(() => matchTcb(input({ tee: [3, 2, 3] }))).toThrow(AttestationError)
  })
})

describe('statuses merge', () => {
  const merged: Readonly<Record<PlatformStatus, string>> = {
    UpToDate: 'OutOfDate',
    SWHardeningNeeded: 'OutOfDate',
    ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
    ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
    OutOfDate: 'OutOfDate',
    OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
    Revoked: 'Revoked',
  }

  test.each(PLATFORM_STATUSES)('%s with every state of module and quoting enclave', (status) => {
    const platform = [status] as const
    expect(statusOf({ platform })).toBe(status)
    expect(statusOf({ platform, tee: [2, 1, 3] })).toBe(merged[status])
    expect(statusOf({ platform, qeSvn: 2 })).toBe(merged[status])
    expect(statusOf({ platform, tee: [2, 1, 3], qeSvn: 2 })).toBe(merged[status])
    expect(statusOf({ platform, module: ['Revoked'] })).toBe('Revoked')
    expect(statusOf({ platform, qe: ['Revoked'] })).toBe('Revoked')
    expect(statusOf({ platform, qeSvn: 1 })).toBe('NotSupported')
    expect(statusOf({ platform, tee: [1, 1, 3] })).toBe('NotSupported')
  })

  test('a merge is never better than either part', () => {
    const order = ['UpToDate', 'OutOfDate', 'Revoked', 'NotSupported'] as const
    for (const status of order) {
      for (const component of order) {
        const result = order.indexOf(mergeStatus(status, component) as (typeof order)[number])
        const worst = Math.max(order.indexOf(status), order.indexOf(component))
        expect(result >= worst || component === 'Revoked').toBe(true)
      }
    }
  })

  test('advisories are the union over the chosen levels, sorted, each once', () => {
    expect(matchTcb(input({})).advisories).toEqual(['M3', 'P3', 'Q3'])
    expect(matchTcb(input({ pck: 2, tee: [2, 1, 3], qeSvn: 2 })).advisories).toEqual([
      'M2',
      'P2',
      'Q2',
    ])
    expect(matchTcb(input({ pck: 0 })).advisories).toEqual(['M3', 'Q3'])
  })

  test('an SGX quote has no module: platform and quoting enclave only', () => {
    const { teeTcbSvn: _, ...rest } = input({ pck: 2 })
    const outcome = matchTcb({ ...rest, teeTcbSvn: undefined })
    expect(outcome).toMatchObject({ status: 'OutOfDate', module: 'UpToDate' })
    expect(outcome.advisories).toEqual(['P2', 'Q3'])
  })
})

describe('a relaunch is advised', () => {
  /** The running module is old; the machine is fine and has already loaded the newest one. */
  const OLD = { tee: [2, 1, 3], tee2: [3, 1, 3] } as const
  const ADVISED = 'TDRelaunchAdvised'
  const CONFIGURE = 'TDRelaunchAdvisedConfigurationNeeded'

  test('when only the running module is old and a newer one is loaded', () => {
    expect(statusOf(OLD)).toBe(ADVISED)
    // A module of major 0 is measured against the newest level's own component.
    expect(statusOf({ ...OLD, tee2: [3, 0, 3] })).toBe(ADVISED)
    expect(statusOf({ ...OLD, platform: ['SWHardeningNeeded'] })).toBe(ADVISED)
  })

  test('with configuration, when the platform needs that too', () => {
    expect(statusOf({ ...OLD, platform: ['ConfigurationNeeded'] })).toBe(CONFIGURE)
    expect(statusOf({ ...OLD, platform: ['ConfigurationAndSWHardeningNeeded'] })).toBe(CONFIGURE)
  })

  test.each<[string, World, string]>([
    ['a TDX 1.0 report cannot show it', { tee: [2, 1, 3] }, 'OutOfDate'],
    ['the loaded module is old too', { ...OLD, tee2: [2, 1, 3] }, 'OutOfDate'],
    ['the loaded module of major 0 is old too', { ...OLD, tee2: [2, 0, 3] }, 'OutOfDate'],
    ['the microcode would stay old', { ...OLD, tee2: [3, 1, 2] }, 'OutOfDate'],
    ['the quoting enclave is old', { ...OLD, qeSvn: 2 }, 'OutOfDate'],
    ['the quoting enclave is revoked', { ...OLD, qe: ['Revoked'] }, 'Revoked'],
    ['the quoting enclave is not supported', { ...OLD, qeSvn: 1 }, 'NotSupported'],
    ['the platform is old', { ...OLD, pck: 2 }, 'OutOfDate'],
    ['the running module is revoked', { ...OLD, module: ['UpToDate', 'Revoked'] }, 'Revoked'],
    ['nothing is old', { ...OLD, tee: [3, 1, 3] }, 'UpToDate'],
  ])('not when %s', (_title, world, status) => {
    expect(statusOf(world)).toBe(status)
  })

  test('but a loaded module without an identity is an error', () => {
    expect(() => matchTcb(input({ ...OLD, tee2: [3, 2, 3] }))).toThrow(AttestationError)
  })

  test('also where the platform’s level is old only for the running module’s microcode', () => {
    const world: World = { ...OLD, tee: [2, 1, 2] }
    expect(matchTcb(input(world)).platform).toBe('OutOfDate')
    expect(statusOf(world)).toBe(ADVISED)
  })
})
