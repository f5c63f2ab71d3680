import fc from 'fast-check'
import { utf8 } from '#base/bytes.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { isoTime, type TcbInfoJson } from '#dev/forge/intel-tcb.ts'
import type { TcbOutcome } from '../match-tcb.ts'
import { COMPONENT_STATUSES, PLATFORM_STATUSES } from '../tcb-status.ts'
import { type Case, NOW } from './judge.ts'
import type { Answer } from './qvl.ts'

/** A machine and Intel's view of it, drawn at random: three levels of everything, versions 0 to 3. */
export interface World {
  readonly version: 4 | 5
  readonly pck: number
  readonly pceSvn: number
  /** TEE_TCB_SVN and TEE_TCB_SVN_2: module SVN, module major version, microcode. */
  readonly tee: readonly [number, number, number]
  readonly tee2: readonly [number, number, number]
  readonly qeSvn: number
  readonly platform: readonly string[]
  readonly module: readonly string[]
  readonly qe: readonly string[]
  /** Whether the document lists its levels oldest first. */
  readonly reversed: boolean
  readonly qeAuthBytes: number
}

const svn = fc.oneof(fc.constant(3), fc.integer({ min: 0, max: 3 }))
const versions = fc.tuple(svn, fc.constantFrom(0, 1, 1), svn)
const component = fc.constantFrom(...COMPONENT_STATUSES, 'UpToDate', 'UpToDate')
const three = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.array(item, { minLength: 3, maxLength: 3 })

export const worlds: fc.Arbitrary<World> = fc.record({
  version: fc.constantFrom(4, 5),
  pck: svn,
  pceSvn: svn,
  tee: versions,
  tee2: versions,
  qeSvn: svn,
  platform: three(fc.constantFrom(...PLATFORM_STATUSES, 'UpToDate', 'UpToDate')),
  module: three(component),
  qe: three(component),
  reversed: fc.constantFrom(false, false, false, true),
  qeAuthBytes: fc.constantFrom(32, 32, 32, 32, 31, 64),
})

const svns = (list: readonly number[]): { svn: number }[] => list.map((value) => ({ svn: value }))
const all = (value: number): number[] => new Array<number>(16).fill(value)

/** The evidence of such a machine. */
export async function caseOf(forge: IntelForge, world: World): Promise<Case> {
  const tcb = { components: all(world.pck), pceSvn: world.pceSvn, teeTcbSvn: [] }
  const chain = await forge.pckChain({ pck: { tcb } })
  return {
    quote: {
      version: world.version,
      teeTcbSvn: Uint8Array.of(...world.tee, ...all(0).slice(3)),
      teeTcbSvn2: Uint8Array.of(...world.tee2, ...all(0).slice(3)),
      qe: { isvSvn: world.qeSvn },
      qeAuthData: new Uint8Array(world.qeAuthBytes).fill(5),
      certification: utf8(chain),
    },
    tcbInfo: (info) => writeLevels(info, world),
    qeIdentity: (identity) => {
      identity.tcbLevels = svnLevels('INTEL-SA-3', world.qe)
      if (world.reversed) identity.tcbLevels.reverse()
    },
  }
}

function writeLevels(info: TcbInfoJson, world: World): void {
  const date = isoTime(NOW)
  info.tcbLevels = world.platform.map((tcbStatus, i) => {
    const level = 3 - i
    const tdxtcbcomponents = svns([level, 0, level, ...all(0).slice(3)])
    const tcb = { sgxtcbcomponents: svns(all(level)), pcesvn: level, tdxtcbcomponents }
    return { tcb, tcbDate: date, tcbStatus, advisoryIDs: [`INTEL-SA-1${level}`] }
  })
  for (const module of info.tdxModuleIdentities) {
    module.tcbLevels = svnLevels('INTEL-SA-2', world.module)
  }
  if (world.reversed) info.tcbLevels.reverse()
}

function svnLevels(prefix: string, statuses: readonly string[]) {
  return statuses.map((tcbStatus, i) => {
    const isvsvn = 3 - i
    return {
      tcb: { isvsvn },
      tcbDate: isoTime(NOW),
      tcbStatus,
      advisoryIDs: [`${prefix}${isvsvn}`],
    }
  })
}

/** A way in which dcap-qvl departs from Intel's rules, and when it can show. */
export interface Deviation {
  readonly why: string
  readonly shows: (world: World, ours: TcbOutcome | undefined, theirs: Answer) => boolean
}

/** Each differing answer must show at least one of these. */
export const DEVIATIONS: Readonly<Record<string, Deviation>> = {
  'auth-data': {
    why: 'assumes 32 bytes of QE authentication data; the quote format allows any length',
    shows: ({ qeAuthBytes }) => qeAuthBytes !== 32,
  },
  module: {
    why: 'ignores the TDX module’s identity: its status, its advisories, and that it covers components 0 and 1',
    shows: ({ tee }) => tee[1] > 0,
  },
  order: {
    why: 'takes the first level in the document that fits; Intel’s rules sort them',
    shows: ({ reversed }) => reversed,
  },
  configuration: {
    why: 'merges by severity, so that an outdated part hides that configuration is needed',
    shows: (_world, ours) => ours?.status === 'OutOfDateConfigurationNeeded',
  },
}
