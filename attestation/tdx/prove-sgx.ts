import type { UnixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { type Proof, prove } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import { demand } from '../errors.ts'
import { TDX_CHECKS } from './checks.ts'
import { chainOfQuote } from './evidence.ts'
import { matchTcb, type TcbOutcome } from './match-tcb.ts'
import type { PckFacts } from './pck.ts'
import { type PckChain, parsePckChain } from './pck-chain.ts'
import { proveQuote } from './prove-quote.ts'
import { parseQuote, type SgxQuote } from './quote.ts'
import type { EnclaveReport } from './reports.ts'

/** An SGX quote, parsed and not yet believed. */
export interface SgxEvidence {
  readonly quote: SgxQuote
  readonly chain: PckChain
}

export interface SgxFacts {
  readonly report: EnclaveReport
  readonly pck: PckFacts
  readonly tcb: TcbOutcome
  readonly tcbInfoVersion: number
}

/**
 * @param pckChain PEM of the PCK chain, for quotes that carry only an encrypted platform id
 * @throws AttestationError when any part is malformed
 */
export function parseSgxEvidence(bytes: {
  readonly quote: Bytes
  readonly pckChain?: Bytes | undefined
}): SgxEvidence {
  const quote = parseQuote(bytes.quote)
  demand(quote.tee === 'sgx', 'tee-type', 'the quote is not of an SGX enclave')
  const chain = bytes.pckChain === undefined ? chainOfQuote(quote) : parsePckChain(bytes.pckChain)
  return { quote, chain }
}

/**
 * Proves an SGX quote by the same steps as a TD's. No runner is an SGX enclave: this keeps the shared steps honest
 * against Intel's SGX samples, and there is no policy for it.
 */
export function proveSgx(input: {
  readonly evidence: SgxEvidence
  readonly collateral: Collateral
  readonly now: UnixSeconds
  readonly anchors: readonly Bytes[]
}): Promise<Proof<SgxFacts>> {
  const { quote, chain } = input.evidence
  return prove(TDX_CHECKS, async (list) => {
    const intel = { ...input, update: 'standard' } as const
    const { tcbInfo, identity } = await proveQuote(list, quote, chain, intel)
    const tcb = await list.step('tdx.tcb-match', () =>
      matchTcb({
        tcbInfo,
        pck: chain.pck,
        teeTcbSvn: undefined,
        teeTcbSvn2: undefined,
        qe: { levels: identity.levels, isvSvn: quote.qeReport.isvSvn },
      }),
    )
    return { report: quote.report, pck: chain.pck, tcb, tcbInfoVersion: tcbInfo.version }
  })
}
