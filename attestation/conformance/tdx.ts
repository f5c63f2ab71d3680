import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, concat, fromUtf8, utf8 } from '#base/bytes.ts'
import { anchorCertificate } from '../anchors.ts'
import type { Check } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import { parseCertificate } from '../der/certificate.ts'
import { verifyChain } from '../der/chain.ts'
import { checkNotRevoked, verifyCrl } from '../der/crl.ts'
import { sameName } from '../der/names.ts'
import { parsePem, parsePemCertificates } from '../der/pem.ts'
import { AttestationError, demand } from '../errors.ts'
import { PINNED_ANCHORS } from '../roots.ts'
import { parseEnclaveIdentity } from '../tdx/enclave-identity.ts'
import { parseTdxEvidence } from '../tdx/evidence.ts'
import { readCrl, verifyIntelCrl } from '../tdx/intel-chain.ts'
import { DEFAULT_TDX_POLICY } from '../tdx/policy.ts'
import { proveTdx } from '../tdx/prove.ts'
import { verifyDocument } from '../tdx/prove-collateral.ts'
import { parseSgxEvidence, proveSgx } from '../tdx/prove-sgx.ts'
import { parseTcbInfo } from '../tdx/tcb-info.ts'
import { verifyEvidence } from '../verify.ts'
import { classesOf, judged } from './sev.ts'
import { intelCollateral, intelEntries } from './tdx-collateral.ts'
import { evidenceFacts, proofFacts } from './tdx-facts.ts'
import { tdxVectorExpectation } from './tdx-policy.ts'
import {
  requiredFile,
  type VectorInput,
  type VectorResult,
  type VectorRunner,
  VectorSkipped,
} from './vector.ts'

const SUBJECTS: Readonly<Record<string, VectorRunner>> = Object.assign(Object.create(null), {
  quote: runQuote,
  'conformance-case': runQuote,
  collateral: runCollateral,
  crl: runCrl,
} satisfies Record<string, VectorRunner>)

/** Runs a TDX or SGX vector through `verifyEvidence`, or through the part that its subject names. */
export async function runTdxVector(input: VectorInput): Promise<VectorResult> {
  const run = SUBJECTS[input.vector.subject]
  if (run === undefined) throw new VectorSkipped(`subject ${input.vector.subject} has no verdict`)
  return run(input)
}

async function runQuote(input: VectorInput): Promise<VectorResult> {
  if (input.vector.technology === 'sgx') return runSgxQuote(input)
  const quote = requiredFile(input, 'quote')
  const now = input.now ?? unixSeconds(0)
  const anchors = { ...PINNED_ANCHORS, intel: intelAnchors(input) }
  const collateral = intelCollateral(input)
  const { expected, policy } = await tdxVectorExpectation(input)
  const evidence = { tee: { type: 'tdx', quote: base64(quote) } }
  const { checks } = await verifyEvidence({ evidence, collateral, now, anchors, expected, policy })
  const failed = checks.filter((check) => check.status === 'fail' && !waivedStatus(input, check))
  const facts = await tdxFacts(input, collateral)
  return {
    verdict: failed.length === 0 ? 'valid' : 'invalid',
    classes: classesOf(failed),
    facts,
  }
}

const STATUS_CHECKS: ReadonlySet<string> = new Set(['tdx.tcb-status', 'tdx.advisories'])

/** The waiver covers statuses that no policy can accept, so it is taken off the answer instead. */
function waivedStatus(input: VectorInput, { id }: Check): boolean {
  return input.waived('tcb-status') && STATUS_CHECKS.has(id)
}

async function tdxFacts(
  input: VectorInput,
  collateral: Collateral,
): Promise<VectorResult['facts']> {
  try {
    const evidence = parseTdxEvidence({ quote: requiredFile(input, 'quote') })
    const now = input.now ?? unixSeconds(0)
    const proof = await proveTdx({ evidence, collateral, now, anchors: intelAnchors(input) })
    const own = evidenceFacts(evidence.quote, evidence.chain)
    return proof.proven ? { ...own, ...proofFacts(proof.facts.tcb) } : own
  } catch (cause) {
    if (cause instanceof AttestationError) return {}
    throw cause
  }
}

/** SGX has no policy of ours: what a verdict needs of it is here, status and TCB info version. */
async function runSgxQuote(input: VectorInput): Promise<VectorResult> {
  const quote = requiredFile(input, 'quote')
  const collateral = intelCollateral(input)
  const now = input.now ?? unixSeconds(0)
  const evidence = parseSgxEvidence({ quote, pckChain: separateChain(input) })
  const proof = await proveSgx({ evidence, collateral, now, anchors: intelAnchors(input) })
  if (!proof.proven) {
    return { verdict: 'invalid', classes: classesOf(proof.checks), facts: {} }
  }
  const { tcb, tcbInfoVersion, pck } = proof.facts
  const classes = [
    ...(tcb.status === 'UpToDate' || input.waived('tcb-status') ? [] : ['tcb-status']),
    ...(tcbInfoVersion === 3 || input.waived('tcb-info-v3') ? [] : ['version']),
  ]
  const facts = { ...proofFacts(tcb), version: 3, tee_type: 0, fmspc: pck.fmspc }
  return { verdict: classes.length === 0 ? 'valid' : 'invalid', classes, facts }
}

/** A PCK chain kept outside the quote, its authorities in any order. */
function separateChain(input: VectorInput): Bytes | undefined {
  const leaf = input.role('pck_leaf_pem')
  const rest = input.role('pck_chain')
  if (leaf === undefined || rest === undefined) return undefined
  const text = fromUtf8(rest)
  const ders = parsePem(text, { label: 'CERTIFICATE', max: 2 })
  const [first] = ders.map(parseCertificate)
  const rootFirst = first !== undefined && sameName(first.subject, first.issuer)
  const blocks = text.split(/(?<=-----END CERTIFICATE-----)/)
  return concat(leaf, utf8('\n'), utf8((rootFirst ? blocks.reverse() : blocks).join('')))
}

async function runCollateral(input: VectorInput): Promise<VectorResult> {
  return judged(async () => {
    const anchors = intelAnchors(input)
    const trust = { anchors, now: input.now ?? unixSeconds(0) }
    const { tcbInfo, qeIdentity } = intelEntries(input)
    const info = await verifyDocument(tcbInfo, 'tcbInfo', parseTcbInfo, trust)
    const qe = await verifyDocument(qeIdentity, 'enclaveIdentity', parseEnclaveIdentity, trust)
    if (!input.waived('crl-present')) {
      const [root] = anchors.map(anchorCertificate)
      demand(root !== undefined, 'untrusted-root', 'no anchor')
      const rootCrl = await verifyIntelCrl(presentCrl(input, 'root_ca_crl'), root, trust.now)
      for (const { signer } of [info, qe]) checkNotRevoked(rootCrl, signer.certificate)
      const chain = presentCrl(input, 'pck_crl_issuer_chain')
      await checkIssuedCrl(presentCrl(input, 'pck_crl'), chain, input)
    }
    const number = Math.min(info.value.evaluationNumber, qe.value.evaluationNumber)
    const current = number >= DEFAULT_TDX_POLICY.minEvaluationNumber
    demand(current || input.waived('tcb-eval-floor'), 'tcb-eval-number', `number ${number}`)
    return { fmspc: info.value.fmspc, tcb_info_id: info.value.id }
  })
}

function presentCrl(input: VectorInput, role: string): Bytes {
  const bytes = input.role(role)
  demand(bytes !== undefined, 'crl-missing', role)
  return bytes
}

async function runCrl(input: VectorInput): Promise<VectorResult> {
  return judged(async () => {
    const body = requiredFile(input, 'crl')
    const chain = input.role('crl_issuer_chain_pem')
    if (chain === undefined) {
      const [root] = intelAnchors(input).map(anchorCertificate)
      demand(root !== undefined, 'untrusted-root', 'no anchor')
      await verifyIntelCrl(body, root, input.now ?? unixSeconds(0))
    } else await checkIssuedCrl(body, chain, input)
    return { revoked_count: readCrl(body).revoked.size }
  })
}

/** A list with the chain of its issuer: issuer first, root last. */
async function checkIssuedCrl(body: Bytes, chain: Bytes, input: VectorInput): Promise<void> {
  const anchors = intelAnchors(input).map(anchorCertificate)
  const now = input.now ?? unixSeconds(0)
  const path = parsePemCertificates(fromUtf8(chain), 2)
  const algorithms = ['ecdsa-sha256'] as const
  await verifyChain(path, { anchors, now, algorithms, leaf: 'authority' })
  const [issuer] = path
  demand(issuer !== undefined, 'crl-signature', 'no issuer')
  await verifyCrl(readCrl(body), { issuer, now, algorithms })
}

/** The pinned root, or the vector's test root. */
function intelAnchors({ anchor }: VectorInput): readonly Bytes[] {
  if (anchor === undefined) return PINNED_ANCHORS.intel
  if (anchor[0] !== 0x2d) return [anchor]
  return parsePem(fromUtf8(anchor), { label: 'CERTIFICATE', max: 1 })
}
