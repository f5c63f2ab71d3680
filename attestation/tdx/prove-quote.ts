import { type Bytes, concat, equalBytes, fromHex, hex } from '#base/bytes.ts'
import { digestOf } from '../digest.ts'
import { demand } from '../errors.ts'
import { checkP256 } from './check-p256.ts'
import { checkEnclave, type EnclaveIdentity } from './enclave-identity.ts'
import { verifyPckChain } from './intel-chain.ts'
import type { PckChain } from './pck-chain.ts'
import {
  type IntelInput,
  proveNotRevoked,
  proveTcbDocuments,
  type TdxChecklist,
} from './prove-collateral.ts'
import type { Quote } from './quote.ts'
import type { TcbInfo } from './tcb-info.ts'

/** Intel's, the only quoting enclave vendor there is. */
const INTEL_QE_VENDOR = fromHex('939a7233f79c4ca9940a0db3957f0607')

const QE_IDS = { tdx: 'TD_QE', sgx: 'QE' } as const satisfies Record<Quote['tee'], string>
const TCB_INFO_IDS = { tdx: 'TDX', sgx: 'SGX' } as const satisfies Record<Quote['tee'], string>

/** What stands behind a quote once its signatures and Intel's documents hold. */
export interface QuoteProof {
  readonly tcbInfo: TcbInfo
  readonly identity: EnclaveIdentity
}

/**
 * Proves that a genuine platform signed this quote, for either TEE:
 * 1. its quoting enclave names Intel; 2. the PCK chain ends in the pinned root; 3. nothing in it is revoked;
 * 4. Intel signed TCB info and quoting enclave identity, now valid; 5. they are about this TEE and platform;
 * 6. the PCK key signed the quoting enclave's report; 7. that report binds the attestation key; 8. the quoting
 * enclave is the one that Intel names; 9. the attestation key signed header and body.
 * @see Intel QVL, QuoteVerifier
 */
export async function proveQuote(
  list: TdxChecklist,
  quote: Quote,
  chain: PckChain,
  input: IntelInput,
): Promise<QuoteProof> {
  await list.step('tdx.qe-vendor', () => {
    const vendor = hex(quote.qeVendor)
    demand(equalBytes(quote.qeVendor, INTEL_QE_VENDOR), 'qe-vendor', `QE vendor ${vendor}`)
  })
  const { root, validUntil } = await list.step('tdx.pck-chain', () => verifyPckChain(chain, input))
  list.bound(validUntil)
  const rootCrl = await proveNotRevoked(list, chain, root, input)
  const subject = { tee: quote.tee, fmspc: chain.pck.fmspc, rootCrl }
  const { tcbInfo, identity } = await proveTcbDocuments(list, subject, input)
  await list.step('tdx.tcb-info-subject', () => checkSubject(tcbInfo, quote.tee, chain))
  await list.step('tdx.qe-report-signature', () => {
    const message = quote.qeReport.raw
    const signed = { key: chain.leaf.key, message, signature: quote.qeReportSignature }
    return checkP256(signed, 'qe-signature', 'signature of the QE report')
  })
  await list.step('tdx.key-binding', () => checkKeyBinding(quote))
  await list.step('tdx.qe', () => checkEnclave(quote.qeReport, identity, QE_IDS[quote.tee]))
  await list.step('tdx.quote-signature', () => {
    const { attestationKey, signed: message, signature } = quote
    const signed = { key: attestationPublicKey(attestationKey), message, signature }
    return checkP256(signed, 'signature', 'signature of the quote')
  })
  return { tcbInfo, identity }
}

function checkSubject(tcbInfo: TcbInfo, tee: Quote['tee'], { pck }: PckChain): void {
  const { id, fmspc, pceId, tcbType } = tcbInfo
  const got = `TCB info of ${id} ${fmspc} PCE ${pceId} type ${tcbType}`
  const same = fmspc === pck.fmspc && pceId === pck.pceId
  demand(same, 'fmspc-mismatch', `${got}, platform is ${pck.fmspc} PCE ${pck.pceId}`)
  demand(id === TCB_INFO_IDS[tee] && tcbType === 0, 'fmspc-mismatch', got)
}

/** @throws AttestationError ak-binding */
async function checkKeyBinding({ attestationKey, qeAuthData, qeReport }: Quote): Promise<void> {
  const expected = new Uint8Array(qeReport.reportData.length)
  const bound = concat(attestationKey, qeAuthData)
  expected.set(await digestOf('SHA-256', bound))
  // The whole field: its upper half is zero.
  const same = equalBytes(expected, qeReport.reportData)
  demand(same, 'ak-binding', 'the QE report binds another attestation key')
}

function attestationPublicKey(xy: Bytes) {
  const point = concat(Uint8Array.of(4), xy)
  return { kind: 'ec', curve: 'P-256', point, spki: new Uint8Array() } as const
}
