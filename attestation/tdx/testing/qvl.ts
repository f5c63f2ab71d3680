import { createRequire } from 'node:module'
import { type Bytes, fromUtf8, hex } from '#base/bytes.ts'
import type { Check } from '../../checks.ts'
import type { Collateral, CollateralEntry } from '../../collateral/entry.ts'
import { DEFAULT_TDX_POLICY, type TdxPolicy } from '../policy.ts'
import { ISSUER_CHAIN } from '../prove-collateral.ts'
import { ACCEPTABLE_STATUSES } from '../tcb-status.ts'

/** The other verifier of the differential tests: @phala/dcap-qvl, a port of the Rust library. */

interface QvlReport {
  readonly status: string
  readonly advisory_ids: readonly string[]
}

interface Qvl {
  readonly QuoteVerifier: {
    newWithRootCa(root: Uint8Array): {
      verify(quote: Uint8Array, collateral: object, nowSeconds: number): QvlReport
    }
  }
}

// Its own types ask for Node's Buffer; it takes any bytes. Sound: the shape is the package's documented one.
const qvl = createRequire(import.meta.url)('@phala/dcap-qvl') as Qvl

/** What a verifier says: "refused", or a status with its advisories, sorted. */
export type Answer = string

export function answerOf(status: string, advisories: readonly string[]): Answer {
  return [status, ...[...advisories].sort()].join(' ')
}

export const REFUSED: Answer = 'refused'

/** Runs dcap-qvl on the same evidence; whatever it throws is a refusal. */
export function qvlAnswer(input: {
  readonly quote: Bytes
  readonly collateral: Collateral
  readonly root: Bytes
  readonly now: number
}): Answer {
  try {
    const { status, advisory_ids } = qvl.QuoteVerifier.newWithRootCa(
      Buffer.from(input.root),
    ).verify(Buffer.from(input.quote), qvlCollateral(input.collateral), input.now)
    return answerOf(status, advisory_ids)
  } catch {
    return REFUSED
  }
}

/** Its form: the signed substrings, signatures in hex, chains as PEM. */
function qvlCollateral(collateral: Collateral): object {
  const entries = [...collateral.values()]
  const find = (part: RegExp): CollateralEntry | undefined =>
    entries.find(({ name }) => part.test(name))
  const info = find(/^intel\/tcb\//)
  const qe = find(/^intel\/qe\//)
  const crl = find(/^intel\/crl\/(?!root)/)
  const root = find(/^intel\/crl\/root/)
  const signed = (entry: CollateralEntry | undefined): { value: string; signature: string } => {
    const text = entry === undefined ? '' : fromUtf8(entry.body).trim()
    const parts = /^\{"\w+":(.*),"signature":"(\w+)"\}$/s.exec(text)
    return { value: parts?.[1] ?? '', signature: parts?.[2] ?? '' }
  }
  return {
    tcb_info: signed(info).value,
    tcb_info_signature: signed(info).signature,
    tcb_info_issuer_chain: decodeURIComponent(info?.headers[ISSUER_CHAIN.tcbInfo] ?? ''),
    qe_identity: signed(qe).value,
    qe_identity_signature: signed(qe).signature,
    qe_identity_issuer_chain: decodeURIComponent(qe?.headers[ISSUER_CHAIN.enclaveIdentity] ?? ''),
    pck_crl: hex(crl?.body ?? new Uint8Array()),
    root_ca_crl: hex(root?.body ?? new Uint8Array()),
  }
}

/** Our policy with every switch as dcap-qvl has it: any status but Revoked, no pins, no floors. */
export const QVL_POLICY: TdxPolicy = {
  ...DEFAULT_TDX_POLICY,
  statuses: ACCEPTABLE_STATUSES,
  minEvaluationNumber: 0,
}

/** Advisories are told by both; neither refuses for them here. */
export function refuses(checks: readonly Check[]): boolean {
  return checks.some(({ id, status }) => status === 'fail' && id !== 'tdx.advisories')
}
