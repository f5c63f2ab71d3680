import type { UnixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import type { Checklist } from '../checks.ts'
import type { Collateral, CollateralEntry } from '../collateral/entry.ts'
import type { Certificate } from '../der/certificate.ts'
import { type Crl, checkNotRevoked } from '../der/crl.ts'
import { demand } from '../errors.ts'
import { checkPublishedP256 } from './check-p256.ts'
import type { TDX_CHECKS } from './checks.ts'
import { type EnclaveIdentity, parseEnclaveIdentity } from './enclave-identity.ts'
import {
  pckCrlName,
  qeIdentityName,
  ROOT_CRL_NAME,
  type TcbUpdate,
  tcbInfoName,
} from './evidence.ts'
import { type IntelTrust, type TcbSigner, verifyIntelCrl, verifyTcbSigner } from './intel-chain.ts'
import type { PckChain } from './pck-chain.ts'
import type { Quote } from './quote.ts'
import { parseSignedJson, type SignedMember } from './signed-json.ts'
import { parseTcbInfo, type TcbInfo } from './tcb-info.ts'

export type TdxChecklist = Checklist<typeof TDX_CHECKS>

export interface IntelInput extends IntelTrust {
  readonly collateral: Collateral
  readonly update: TcbUpdate
}

/** Response headers that carry the issuer chains. */
export const ISSUER_CHAIN = {
  tcbInfo: 'tcb-info-issuer-chain',
  enclaveIdentity: 'sgx-enclave-identity-issuer-chain',
} as const satisfies Record<SignedMember, string>

/** Both revocation lists, and that no certificate of the quote's chain is on them. @returns the root's list */
export async function proveNotRevoked(
  list: TdxChecklist,
  chain: PckChain,
  root: Certificate,
  { collateral, now }: IntelInput,
): Promise<Crl> {
  const rootCrl = await list.step('tdx.root-crl', () =>
    verifyIntelCrl(crlEntry(collateral, ROOT_CRL_NAME), root, now),
  )
  // Its issuer's name is checked against the PCK certificate's own issuer: the other authority's list is no answer.
  const pckCrl = await list.step('tdx.pck-crl', () =>
    verifyIntelCrl(crlEntry(collateral, pckCrlName(chain.authority)), chain.intermediate, now),
  )
  await list.step('tdx.not-revoked', () => {
    checkNotRevoked(rootCrl, chain.intermediate)
    checkNotRevoked(pckCrl, chain.leaf)
  })
  list.bound(rootCrl.nextUpdate)
  list.bound(pckCrl.nextUpdate)
  return rootCrl
}

function crlEntry(collateral: Collateral, name: string): Bytes {
  const entry = collateral.get(name)
  demand(entry !== undefined, 'crl-missing', name)
  return entry.body
}

/** TCB info and quoting enclave identity: signed by Intel, by signers that are not revoked. */
export async function proveTcbDocuments(
  list: TdxChecklist,
  subject: { readonly tee: Quote['tee']; readonly fmspc: string; readonly rootCrl: Crl },
  input: IntelInput,
): Promise<{ tcbInfo: TcbInfo; identity: EnclaveIdentity }> {
  const { collateral, update } = input
  const { tee, fmspc, rootCrl } = subject
  const infoEntry = collateral.get(tcbInfoName(tee, fmspc, update))
  const info = await list.step('tdx.tcb-info', () =>
    verifyDocument(infoEntry, 'tcbInfo', parseTcbInfo, input),
  )
  const qeEntry = collateral.get(qeIdentityName(tee, update))
  // Both come with the same chain: it was verified a moment ago, from the same text.
  const known =
    infoEntry !== undefined && sameIssuerChain(infoEntry, qeEntry) ? info.signer : undefined
  const qe = await list.step('tdx.qe-identity', () =>
    verifyDocument(qeEntry, 'enclaveIdentity', parseEnclaveIdentity, input, known),
  )
  await list.step('tdx.tcb-signer-not-revoked', () => {
    for (const { signer } of [info, qe]) checkNotRevoked(rootCrl, signer.certificate)
  })
  for (const { value, signer } of [info, qe]) {
    list.bound(value.nextUpdate)
    list.bound(signer.validUntil)
  }
  return { tcbInfo: info.value, identity: qe.value }
}

function sameIssuerChain(info: CollateralEntry, qe: CollateralEntry | undefined): boolean {
  const chain = info.headers[ISSUER_CHAIN.tcbInfo]
  return chain !== undefined && chain === qe?.headers[ISSUER_CHAIN.enclaveIdentity]
}

interface Dated {
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
}

/**
 * One signed document: shape, signer, signature over the received bytes, then meaning and dates.
 * @throws AttestationError collateral-missing, -chain, -signature or -expired, or parse
 */
export async function verifyDocument<Value extends Dated>(
  entry: CollateralEntry | undefined,
  member: SignedMember,
  parse: (value: unknown) => Value,
  trust: IntelTrust,
  known?: TcbSigner,
): Promise<{ value: Value; signer: TcbSigner }> {
  demand(entry !== undefined, 'collateral-missing', member)
  const { signed, value, signature } = parseSignedJson(entry.body, member)
  const signer = known ?? (await verifyTcbSigner(entry.headers[ISSUER_CHAIN[member]], trust))
  const { key } = signer.certificate
  const code = 'collateral-signature'
  await checkPublishedP256({ key, message: signed, signature }, code, `signature of ${member}`)
  const parsed = parse(value)
  checkDates(parsed, member, trust.now)
  return { value: parsed, signer }
}

function checkDates({ issueDate, nextUpdate }: Dated, member: string, now: UnixSeconds): void {
  demand(now >= issueDate, 'collateral-expired', `${member} is from the future`)
  demand(now <= nextUpdate, 'collateral-expired', `${member} is past its next update`)
}
