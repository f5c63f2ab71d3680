import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, equalBytes, fromUtf8 } from '#base/bytes.ts'
import { anchorCertificate, type SevRoot, type TrustAnchors } from '../anchors.ts'
import type { Check } from '../checks.ts'
import { FAILURES, type FailureEntry } from '../codes.ts'
import type { Collateral } from '../collateral/entry.ts'
import { parseCertificate } from '../der/certificate.ts'
import { verifyChain } from '../der/chain.ts'
import { parseCrl, verifyCrl } from '../der/crl.ts'
import { commonName } from '../der/names.ts'
import { parsePem, parsePemCertificates } from '../der/pem.ts'
import { digestOf } from '../digest.ts'
import { AttestationError, demand } from '../errors.ts'
import { PINNED_ANCHORS } from '../roots.ts'
import { crlName, parseSevEvidence } from '../sev/evidence.ts'
import { proveSev } from '../sev/prove.ts'
import { parseSnpReport } from '../sev/report.ts'
import { productOfVek, readVek } from '../sev/vek.ts'
import { verifyEvidence } from '../verify.ts'
import { chainFacts, crlFacts, proofFacts, reportFacts } from './sev-facts.ts'
import { sevVectorExpectation } from './sev-policy.ts'
import {
  requiredFile,
  type VectorInput,
  type VectorResult,
  type VectorRunner,
  VectorSkipped,
} from './vector.ts'

const SUBJECTS: Readonly<Record<string, VectorRunner>> = Object.assign(Object.create(null), {
  report: runReport,
  'conformance-case': runReport,
  chain: runChain,
  crl: runCrl,
} satisfies Record<string, VectorRunner>)

/** Runs a SEV-SNP vector through `verifyEvidence`, or through the part that its subject names. */
export async function runSevVector(input: VectorInput): Promise<VectorResult> {
  const run = SUBJECTS[input.vector.subject]
  if (run === undefined) throw new VectorSkipped(`subject ${input.vector.subject} has no verdict`)
  return run(input)
}

async function runReport(input: VectorInput): Promise<VectorResult> {
  const report = requiredFile(input, 'report')
  if (input.vector.verdict === 'parse-only') {
    return { verdict: 'parse-only', classes: [], facts: reportFacts(parseSnpReport(report)) }
  }
  await checkContainer(input, report)
  const anchors = sevAnchors(input)
  const now = input.now ?? unixSeconds(0)
  const collateral = crlCollateral(input)
  const vek = input.role('vcek') ?? input.role('vlek')
  const chain = evidenceChain(input)
  const evidence = {
    tee: {
      type: 'sev-snp',
      report: base64(report),
      vek: vek === undefined ? undefined : base64(vek),
      chain: chain.map(base64),
    },
  }
  const { expected, policy } = await sevVectorExpectation(input, report)
  const verdict = await verifyEvidence({ evidence, collateral, now, anchors, expected, policy })
  const classes = classesOf(verdict.checks)
  const facts = await factsOf({ report, vek, chain }, collateral, now, anchors)
  return { verdict: verdict.status === 'refused' ? 'invalid' : 'valid', classes, facts }
}

/** Facts of evidence that parses and proves; whatever stops earlier has no occasion to compute them. */
async function factsOf(
  bytes: { report: Bytes; vek: Bytes | undefined; chain: readonly Bytes[] },
  collateral: Collateral,
  now: ReturnType<typeof unixSeconds>,
  anchors: TrustAnchors,
): Promise<VectorResult['facts']> {
  try {
    const evidence = parseSevEvidence(bytes)
    const proof = await proveSev({ evidence, collateral, now, anchors: anchors.sev })
    const own = reportFacts(evidence.report)
    return proof.proven ? { ...own, ...proofFacts(proof.facts, evidence.vek) } : own
  } catch (cause) {
    if (cause instanceof AttestationError) return {}
    throw cause
  }
}

async function runChain(input: VectorInput): Promise<VectorResult> {
  return judged(async () => {
    const vek = parseCertificate(requiredFile(input, 'vcek'))
    const product = productOfVek(vek)
    const root = sevAnchors(input).sev.find((candidate) => candidate.product === product)
    demand(root?.ask !== undefined, 'untrusted-root', `no root for ${product}`)
    await verifyChain([vek, anchorCertificate(root.ask)], {
      anchors: [anchorCertificate(root.ark)],
      now: input.now ?? unixSeconds(0),
      algorithms: ['rsa-pss-sha384'],
      leaf: 'end-entity',
    })
    return chainFacts(vek, readVek(vek, product))
  })
}

async function runCrl(input: VectorInput): Promise<VectorResult> {
  return judged(async () => {
    const crl = parseCrl(requiredFile(input, 'crl'))
    const issuer = sevAnchors(input)
      .sev.map(({ ark }) => anchorCertificate(ark))
      .find(({ subject }) => commonName(subject) === commonName(crl.issuer))
    demand(issuer !== undefined, 'untrusted-root', 'CRL of an unknown root')
    const now = input.now ?? unixSeconds(0)
    await verifyCrl(crl, { issuer, now, algorithms: ['rsa-pss-sha384'] })
    return crlFacts(crl)
  })
}

/** A part of verification run alone: valid with its facts, or invalid by its first failure. */
export async function judged(run: () => Promise<VectorResult['facts']>): Promise<VectorResult> {
  try {
    return { verdict: 'valid', classes: [], facts: await run() }
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    return { verdict: 'invalid', classes: [classOf(cause.code)], facts: {} }
  }
}

/** The manifest's class of a code. */
function classOf(code: keyof typeof FAILURES): string {
  const entry: FailureEntry = FAILURES[code]
  return entry.class ?? code
}

/** Classes of the failed checks, first failure first, each once. */
export function classesOf(checks: readonly Check[]): string[] {
  const codes = checks.flatMap((check) => (check.status === 'fail' ? [classOf(check.code)] : []))
  return [...new Set(codes)]
}

/** An Azure container must hold this very report, bound to its runtime claims. */
async function checkContainer(input: VectorInput, report: Bytes): Promise<void> {
  const container = input.role('hcl_report')
  if (container === undefined) return
  demand(fromUtf8(container.slice(0, 4)) === 'HCLA', 'parse', 'HCL report has no magic')
  const inner = container.slice(32, 32 + report.length)
  demand(equalBytes(inner, report), 'parse', 'HCL report holds another SNP report')
  const claims = input.role('runtime_claims') ?? new Uint8Array()
  const digest = await digestOf('SHA-256', claims)
  const bound = equalBytes(digest, report.slice(0x50, 0x70))
  demand(bound, 'report-data-mismatch', 'report data is not the digest of the runtime claims')
}

function evidenceChain(input: VectorInput): Bytes[] {
  // Only a test root’s intermediate is needed: the pinned chains are constants.
  if (input.vector.roles[input.vector.anchors] !== 'test_root') return []
  return input
    .roles('evidence_chain_pem')
    .flatMap((pem) => parsePem(fromUtf8(pem), { label: 'CERTIFICATE', max: 3 }))
}

/** The pinned roots, or one built on the vector's test root. */
function sevAnchors(input: VectorInput): TrustAnchors {
  const { anchor } = input
  if (anchor === undefined) return PINNED_ANCHORS
  const ark = anchor[0] === 0x2d ? pemToDer(anchor) : anchor
  const name = commonName(parseCertificate(ark).subject) ?? ''
  const product = PINNED_ANCHORS.sev.find((root) => name === `ARK-${root.product}`)?.product
  demand(product !== undefined, 'untrusted-root', `test root ${name} names no product`)
  const root: SevRoot = { product, ark }
  return { ...PINNED_ANCHORS, sev: [root] }
}

function pemToDer(pem: Bytes): Bytes {
  const [certificate] = parsePemCertificates(fromUtf8(pem), 1)
  demand(certificate !== undefined, 'parse', 'test root is empty')
  return certificate.raw
}

/** The stored list stands for both key kinds: it has the same issuer. */
function crlCollateral(input: VectorInput): Collateral {
  const body = input.role('crl')
  if (body === undefined) return new Map()
  const products = PINNED_ANCHORS.sev.map(({ product }) => product)
  const named = commonName(parseCrl(body).issuer)
  const product = products.find((candidate) => named === `ARK-${candidate}`) ?? 'Milan'
  return new Map(
    (['vcek', 'vlek'] as const).map((kind) => {
      const name = crlName(product, kind)
      return [name, { name, body, headers: {}, fetchedAt: unixSeconds(0) }]
    }),
  )
}
