import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes } from '#base/bytes.ts'
import { type Proof, prove } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import { AttestationError, demand } from '../errors.ts'
import { TDX_CHECKS } from './checks.ts'
import { maskedEqual } from './enclave-identity.ts'
import { type RuntimeEvent, replayRtmr3 } from './event-log.ts'
import type { TcbUpdate, TdxEvidence } from './evidence.ts'
import { matchTcb, type TcbOutcome } from './match-tcb.ts'
import type { PckFacts } from './pck.ts'
import type { TdxChecklist } from './prove-collateral.ts'
import { proveQuote } from './prove-quote.ts'
import type { TdxQuote } from './quote.ts'
import type { TdReport } from './reports.ts'
import type { ModuleSigner, TcbInfo } from './tcb-info.ts'

/** What is true about a TD once every cryptographic step has passed. */
export interface TdxFacts {
  readonly technology: 'tdx'
  /** Quote version, 4 or 5. */
  readonly version: number
  readonly qeVendor: Bytes
  readonly report: TdReport
  readonly pck: PckFacts
  readonly tcb: TcbOutcome
  /** tcbEvaluationDataNumber of TCB info and of the quoting enclave's identity. */
  readonly evaluationNumbers: { readonly tcbInfo: number; readonly qeIdentity: number }
  /** RTMR3's events, replayed to its value; undefined when no log came along. */
  readonly events: readonly RuntimeEvent[] | undefined
  /** Bytes after the quote's declared end, which nothing here looks at. */
  readonly trailing: TdxQuote['trailing']
  /** The machine, as a name of the hardware: its FMSPC and platform provisioning id. */
  readonly platform: string
}

export interface TdxProofInput {
  readonly evidence: TdxEvidence
  readonly collateral: Collateral
  readonly now: UnixSeconds
  readonly anchors: readonly Bytes[]
  /** Which of Intel's two data sets to use; `early` only to look ahead. */
  readonly update?: TcbUpdate
}

/**
 * Proves a TD:
 * 1. a genuine platform signed the quote, by Intel's current documents (proveQuote);
 * 2. the TDX module is Intel's;
 * 3. the TCB levels of platform, module and quoting enclave are found and merged;
 * 4. the event log, if one came along, replays to RTMR3.
 * What statuses and attributes to accept is policy. @see Intel QVL, QuoteVerifier
 */
export function proveTdx(input: TdxProofInput): Promise<Proof<TdxFacts>> {
  const { evidence, collateral, now, anchors, update = 'standard' } = input
  const { quote, chain, events } = evidence
  const { report } = quote
  return prove(TDX_CHECKS, async (list) => {
    const intel = { collateral, now, anchors, update }
    const { tcbInfo, identity } = await proveQuote(list, quote, chain, intel)
    await list.step('tdx.module', () => checkModule(report, tcbInfo))
    const tcb = await list.step('tdx.tcb-match', () =>
      matchTcb({
        tcbInfo,
        pck: chain.pck,
        teeTcbSvn: report.teeTcbSvn,
        teeTcbSvn2: report.format === '1.5' ? report.teeTcbSvn2 : undefined,
        qe: { levels: identity.levels, isvSvn: quote.qeReport.isvSvn },
      }),
    )
    await proveEvents(list, report, events)
    return {
      technology: 'tdx',
      version: quote.version,
      qeVendor: quote.qeVendor,
      report,
      pck: chain.pck,
      tcb,
      evaluationNumbers: {
        tcbInfo: tcbInfo.evaluationNumber,
        qeIdentity: identity.evaluationNumber,
      },
      events,
      trailing: quote.trailing,
      platform: `intel:${chain.pck.fmspc}:${chain.pck.ppid}`,
    }
  })
}

/** @throws AttestationError module-identity */
function checkModule(
  { teeTcbSvn, mrSignerSeam, seamAttributes }: TdReport,
  tcbInfo: TcbInfo,
): void {
  const major = teeTcbSvn[1] ?? 0
  const signer: ModuleSigner | undefined = major === 0 ? tcbInfo.module : tcbInfo.modules.get(major)
  if (signer === undefined) {
    throw new AttestationError('module-identity', `no identity for TDX module ${major}`)
  }
  const signed = equalBytes(mrSignerSeam, signer.mrSigner)
  demand(signed, 'module-identity', `TDX module ${major} has another signer`)
  const plain =
    maskedEqual(seamAttributes, signer.attributesMask, signer.attributes) &&
    seamAttributes.every((byte) => byte === 0)
  demand(plain, 'module-identity', `TDX module ${major} has attributes`)
}

async function proveEvents(
  list: TdxChecklist,
  { rtmr3 }: TdReport,
  events: readonly RuntimeEvent[] | undefined,
): Promise<void> {
  if (events === undefined) {
    list.skip('tdx.event-log', 'no event log came along')
    return
  }
  await list.step('tdx.event-log', async () => {
    const replayed = await replayRtmr3(events)
    demand(equalBytes(replayed, rtmr3), 'event-log', 'the event log does not replay to RTMR3')
  })
}
