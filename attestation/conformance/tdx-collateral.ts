import { unixSeconds } from '#base/brand.ts'
import { type Bytes, concat, fromUtf8, hex, utf8 } from '#base/bytes.ts'
import type { Collateral, CollateralEntry } from '../collateral/entry.ts'
import { AttestationError } from '../errors.ts'
import {
  chainOfQuote,
  pckCrlName,
  qeIdentityName,
  ROOT_CRL_NAME,
  tcbInfoName,
} from '../tdx/evidence.ts'
import { ISSUER_CHAIN } from '../tdx/prove-collateral.ts'
import { parseQuote } from '../tdx/quote.ts'
import type { SignedMember } from '../tdx/signed-json.ts'
import type { VectorInput } from './vector.ts'

/** A vector's signed documents, as responses of Intel's service. */
export function intelEntries(input: VectorInput): {
  readonly tcbInfo: CollateralEntry | undefined
  readonly qeIdentity: CollateralEntry | undefined
} {
  return {
    tcbInfo: documentEntry(input, 'tcbInfo', 'tcb_info'),
    qeIdentity: documentEntry(input, 'enclaveIdentity', 'qe_identity'),
  }
}

function documentEntry(
  input: VectorInput,
  member: SignedMember,
  role: string,
): CollateralEntry | undefined {
  const body = input.role(role) ?? composed(input, member, role)
  const chain = input.role(`${role}_issuer_chain`)
  if (body === undefined || chain === undefined) return undefined
  const headers = { [ISSUER_CHAIN[member]]: encodeURIComponent(fromUtf8(chain)) }
  return { name: role, body, headers, fetchedAt: unixSeconds(0) }
}

/** The body around a signed substring that was stored alone. */
function composed(input: VectorInput, member: SignedMember, role: string): Bytes | undefined {
  const inner = input.role(`${role}_inner`)
  const signature = input.role(`${role}_signature`)
  if (inner === undefined || signature === undefined) return undefined
  return concat(utf8(`{"${member}":`), inner, utf8(`,"signature":"${hex(signature)}"}`))
}

/** A vector's collateral under the names by which its own quote looks it up. */
export function intelCollateral(input: VectorInput): Collateral {
  const subject = subjectOf(input)
  const { tcbInfo, qeIdentity } = intelEntries(input)
  const raw = (role: string): CollateralEntry | undefined => {
    const body = input.role(role)
    return body === undefined
      ? undefined
      : { name: role, body, headers: {}, fetchedAt: unixSeconds(0) }
  }
  const named: readonly (readonly [string, CollateralEntry | undefined])[] = [
    [tcbInfoName(subject.tee, subject.fmspc, 'standard'), tcbInfo],
    [qeIdentityName(subject.tee, 'standard'), qeIdentity],
    [pckCrlName('platform'), raw('pck_crl')],
    [pckCrlName('processor'), raw('pck_crl')],
    [ROOT_CRL_NAME, raw('root_ca_crl')],
  ]
  return new Map(
    named.flatMap(([name, entry]) => (entry === undefined ? [] : [[name, { ...entry, name }]])),
  )
}

/** A quote that does not parse is refused before it looks anything up. */
function subjectOf(input: VectorInput): { tee: 'tdx' | 'sgx'; fmspc: string } {
  const tee = input.vector.technology === 'sgx' ? 'sgx' : 'tdx'
  const stated = input.vector.expect['fmspc']
  const fmspc = typeof stated === 'string' ? stated : ''
  try {
    const quote = parseQuote(input.role('quote') ?? new Uint8Array())
    return { tee, fmspc: chainOfQuote(quote).pck.fmspc }
  } catch (cause) {
    if (cause instanceof AttestationError) return { tee, fmspc }
    throw cause
  }
}
