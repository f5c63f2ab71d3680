import { beforeAll, describe, expect, test } from 'vitest'
import { base64, hex } from '#base/bytes.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { forgeEventLog } from '#dev/forge/intel-event-log.ts'
import type { TrustAnchors } from '../anchors.ts'
import { imageHash } from '../hashes.ts'
import { DEFAULT_POLICY, type Policy } from '../policy.ts'
import { PINNED_ANCHORS } from '../roots.ts'
import type { Verdict } from '../verdict.ts'
import { failures, previewEvidence, verifyEvidence } from '../verify.ts'
import { DEFAULT_TDX_POLICY, type TdxPolicy } from './policy.ts'
import { NOW, random, tdxForge } from './testing/judge.ts'

/** TDX through the one public verb, as gateways and clients call it. */

const MRTD = random(48)
const RTMR1 = random(48)
const RTMR2 = random(48)
const REPORT_DATA = random(64)
let forge: IntelForge
let image: string

beforeAll(async () => {
  forge = await tdxForge()
  image = await imageHash({ technology: 'tdx', mrtd: MRTD, rtmr1: RTMR1, rtmr2: RTMR2 })
})

type Fields = Parameters<IntelForge['quote']>[0]

async function evidenceOf(fields: Fields = {}, eventLog?: unknown): Promise<unknown> {
  const registers = { mrtd: MRTD, rtmr1: RTMR1, rtmr2: RTMR2, reportData: REPORT_DATA }
  const quote = base64(await forge.quote({ ...registers, ...fields }))
  return { tee: { type: 'tdx', quote, event_log: eventLog } }
}

async function verdictOf(
  evidence: unknown,
  tdx: Partial<TdxPolicy> = {},
  anchors: TrustAnchors = { ...PINNED_ANCHORS, intel: [forge.root] },
): Promise<Verdict> {
  const policy: Policy = {
    ...DEFAULT_POLICY,
    allowlist: {
      ...DEFAULT_POLICY.allowlist,
      readAt: NOW,
      images: new Map([[image, { enforcesWeights: false, enforcesGpu: false }]]),
    },
    models: 'any',
    gpu: { ...DEFAULT_POLICY.gpu, presence: 'optional' },
    tdx: { ...DEFAULT_TDX_POLICY, ...tdx },
  }
  const gpuNonce = new Uint8Array(32)
  const expected = { reportData: REPORT_DATA, model: undefined, gpuNonce, gpuDigest: undefined }
  const collateral = await forge.collateral()
  return verifyEvidence({ evidence, collateral, now: NOW, anchors, expected, policy })
}

const failed = (verdict: Verdict): string[] =>
  failures(verdict.checks).map(({ id, code }) => `${id} ${code}`)

describe('a verdict on TDX evidence', () => {
  test.each([4, 5])('of version %i says what was attested', async (version) => {
    const verdict = await verdictOf(await evidenceOf({ version }))
    expect(failed(verdict)).toEqual([])
    if (verdict.status === 'refused') throw new Error('refused')
    expect(verdict.status).toBe('simulated')
    expect(verdict.claims.tcb_up_to_date.status).toBe('asserted')
    expect(verdict.attested).toMatchObject({
      technology: 'tdx',
      imageHash: image,
      reportData: hex(REPORT_DATA),
      tcb: 'UpToDate (evaluation 20)',
      advisories: [],
      hardware: [`intel:${forge.fmspc}:${hex(forge.ppid)}`],
      registers: { mrtd: hex(MRTD), rtmr1: hex(RTMR1), rtmr2: hex(RTMR2) },
    })
  })

  test('under the pinned roots refuses a forged quote (H17)', async () => {
    const verdict = await verdictOf(await evidenceOf(), {}, PINNED_ANCHORS)
    expect(failed(verdict)).toEqual(['tdx.pck-chain untrusted-root'])
  })

  test.each(['mrtd', 'rtmr1', 'rtmr2'] as const)('refuses another %s', async (register) => {
    const verdict = await verdictOf(await evidenceOf({ [register]: random(48) }))
    expect(failed(verdict)).toEqual(['evidence.image measurement-mismatch'])
  })

  test('does not care for RTMR0, which the host’s choices fill', async () => {
    expect(failed(await verdictOf(await evidenceOf({ rtmr0: random(48) })))).toEqual([])
  })

  test('refuses other report data', async () => {
    const verdict = await verdictOf(await evidenceOf({ reportData: random(64) }))
    expect(failed(verdict)).toEqual(['evidence.report-data report-data-mismatch'])
  })

  test('tells of an old TCB that a policy accepts', async () => {
    const evidence = await evidenceOf({ teeTcbSvn: Uint8Array.of(4, 1, 3) })
    const tdx = { statuses: ['OutOfDate'], advisories: ['INTEL-SA-01036'] } as const
    const verdict = await verdictOf(evidence, tdx)
    if (verdict.status === 'refused') throw new Error(failed(verdict).join())
    expect(verdict.claims.tcb_up_to_date.status).toBe('refuted')
    expect(verdict.attested.advisories).toEqual(['INTEL-SA-01036'])
  })

  test('replays the event log that travels with the quote', async () => {
    const { eventLog, rtmr3 } = await forgeEventLog([['app-id', random(4)]])
    const evidence = await evidenceOf({ rtmr3 }, eventLog)
    expect(failed(await verdictOf(evidence))).toEqual(['tdx.rtmr3 event-log'])
    const events = [{ name: 'app-id', payloads: 'any', required: true }] as const
    expect(failed(await verdictOf(evidence, { events }))).toEqual([])
  })

  test('can be looked at before anything is fetched for it (M7)', async () => {
    const preview = await previewEvidence(await evidenceOf())
    expect(preview).toMatchObject({ imageHash: image, reportData: hex(REPORT_DATA) })
  })
})
