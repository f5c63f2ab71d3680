import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import type { Signer } from './der.ts'
import { FORGED_QE_SIGNER } from './intel-quote.ts'

/** Intel's documents as JSON, mutable so that a test alters exactly one member before they are signed. */
export interface TcbInfoJson {
  id: string
  version: number
  issueDate: string
  nextUpdate: string
  fmspc: string
  pceId: string
  tcbType: number
  tcbEvaluationDataNumber: number
  tdxModule: ModuleJson
  tdxModuleIdentities: (ModuleJson & { id: string; tcbLevels: SvnLevelJson[] })[]
  tcbLevels: PlatformLevelJson[]
}

export interface ModuleJson {
  mrsigner: string
  attributes: string
  attributesMask: string
}

export interface SvnLevelJson {
  tcb: { isvsvn: number }
  tcbDate: string
  tcbStatus: string
  advisoryIDs?: string[]
}

export interface PlatformLevelJson {
  tcb: { sgxtcbcomponents: { svn: number }[]; pcesvn: number; tdxtcbcomponents: { svn: number }[] }
  tcbDate: string
  tcbStatus: string
  advisoryIDs?: string[]
}

export interface QeIdentityJson {
  id: string
  version: number
  issueDate: string
  nextUpdate: string
  tcbEvaluationDataNumber: number
  miscselect: string
  miscselectMask: string
  attributes: string
  attributesMask: string
  mrsigner: string
  isvprodid: number
  tcbLevels: SvnLevelJson[]
}

/** The versions that a forged platform has, and its newest level demands. */
export interface IntelTcb {
  readonly components: readonly number[]
  readonly pceSvn: number
  readonly teeTcbSvn: readonly number[]
}

export const FORGED_INTEL_TCB: IntelTcb = {
  components: [8, 8, 2, 2, 4, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 13,
  teeTcbSvn: [6, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
}

const FORGED_EVALUATION_NUMBER = 20

const DAY_SECONDS = 86_400
const ZERO_SIGNER: ModuleJson = {
  mrsigner: '00'.repeat(48),
  attributes: '00'.repeat(8),
  attributesMask: 'FF'.repeat(8),
}

/** "2026-01-12T15:46:45Z" */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+/, '')
}

/** Two platform levels (the newest is what the forged machine has) and two module identities. */
export function forgedTcbInfo(options: {
  readonly now: number
  readonly fmspc: string
  readonly pceId: string
  readonly tcb: IntelTcb
}): TcbInfoJson {
  const { now, fmspc, pceId, tcb } = options
  const svns = (list: readonly number[]): { svn: number }[] => list.map((svn) => ({ svn }))
  const older = tcb.components.map((svn) => Math.max(0, svn - 1))
  // Components 0 and 1 are the module's and judged by its identity.
  const tdx = tcb.teeTcbSvn.map((svn, i) => (i === 1 ? 0 : svn))
  const date = (days: number): string => isoTime(now - days * DAY_SECONDS)
  return {
    id: 'TDX',
    version: 3,
    issueDate: date(1),
    nextUpdate: isoTime(now + 29 * DAY_SECONDS),
    fmspc,
    pceId,
    tcbType: 0,
    tcbEvaluationDataNumber: FORGED_EVALUATION_NUMBER,
    tdxModule: { ...ZERO_SIGNER },
    tdxModuleIdentities: [
      { id: 'TDX_03', ...ZERO_SIGNER, tcbLevels: [svnLevel(3, date(90), 'UpToDate')] },
      {
        id: 'TDX_01',
        ...ZERO_SIGNER,
        tcbLevels: [
          svnLevel(6, date(90), 'UpToDate'),
          svnLevel(4, date(400), 'OutOfDate', ['INTEL-SA-01036']),
        ],
      },
    ],
    tcbLevels: [
      {
        tcb: {
          sgxtcbcomponents: svns(tcb.components),
          pcesvn: tcb.pceSvn,
          tdxtcbcomponents: svns(tdx),
        },
        tcbDate: date(90),
        tcbStatus: 'UpToDate',
      },
      {
        tcb: {
          sgxtcbcomponents: svns(older),
          pcesvn: 5,
          tdxtcbcomponents: svns(tdx.map((svn) => Math.max(0, svn - 1))),
        },
        tcbDate: date(400),
        tcbStatus: 'OutOfDate',
        advisoryIDs: ['INTEL-SA-00837', 'INTEL-SA-00960'],
      },
    ],
  }
}

export function forgedQeIdentity(now: number): QeIdentityJson {
  return {
    id: 'TD_QE',
    version: 2,
    issueDate: isoTime(now - DAY_SECONDS),
    nextUpdate: isoTime(now + 29 * DAY_SECONDS),
    tcbEvaluationDataNumber: FORGED_EVALUATION_NUMBER,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: hex(FORGED_QE_SIGNER).toUpperCase(),
    isvprodid: 2,
    tcbLevels: [
      svnLevel(4, isoTime(now - 90 * DAY_SECONDS), 'UpToDate'),
      svnLevel(2, isoTime(now - 400 * DAY_SECONDS), 'OutOfDate', ['INTEL-SA-00615']),
    ],
  }
}

export function svnLevel(
  isvsvn: number,
  tcbDate: string,
  tcbStatus: string,
  advisoryIDs?: string[],
): SvnLevelJson {
  const level = { tcb: { isvsvn }, tcbDate, tcbStatus }
  return advisoryIDs === undefined ? level : { ...level, advisoryIDs }
}

/** The response body around a signed document: the signature covers exactly the text that it holds. */
export async function signDocument(
  member: 'tcbInfo' | 'enclaveIdentity',
  text: string,
  signer: Signer,
): Promise<Bytes> {
  const signature = hex(await signer.signRaw(utf8(text)))
  return utf8(`{"${member}":${text},"signature":"${signature}"}`)
}
