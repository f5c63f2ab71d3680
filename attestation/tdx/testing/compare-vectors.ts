import { unixSeconds } from '#base/brand.ts'
import { type Bytes, fromUtf8 } from '#base/bytes.ts'
import { parseManifest } from '../../conformance/manifest.ts'
import { loadVector } from '../../conformance/run.ts'
import { intelCollateral } from '../../conformance/tdx-collateral.ts'
import type { VectorInput } from '../../conformance/vector.ts'
import { parsePem } from '../../der/pem.ts'
import { AttestationError } from '../../errors.ts'
import { appraiseTdx } from '../appraise.ts'
import { parseTdxEvidence } from '../evidence.ts'
import { proveTdx } from '../prove.ts'
import { parseSgxEvidence, proveSgx } from '../prove-sgx.ts'
import { INTEL_ROOTS } from '../roots.ts'
import { type Answer, answerOf, QVL_POLICY, qvlAnswer, REFUSED, refuses } from './qvl.ts'

/** Where the answers on stored quotes differ, by vector id, and why ours is right. */
const LISTED: readonly (readonly [id: RegExp, why: string])[] = [
  [
    /-module-skip@/,
    'components 0 and 1 are the TDX module’s, whose identity says UpToDate; dcap-qvl compares them with the platform’s level',
  ],
  [
    /^tdx-v4-dstack@/,
    'RTMR3 is not zero and no event log explains it; dcap-qvl leaves that to its caller',
  ],
  [/@as-tdx$/, 'an SGX quote is no evidence of a TD; dcap-qvl takes both'],
]

export async function compareVectors(
  manifest: unknown,
  readFile: (path: string) => Promise<Bytes>,
): Promise<{ equal: number; listed: number; unexplained: string[] }> {
  let equal = 0
  let listed = 0
  const unexplained: string[] = []
  for (const vector of parseManifest(manifest).vectors) {
    const isQuote = ['quote', 'conformance-case'].includes(vector.subject)
    if (!isQuote || !['tdx', 'sgx'].includes(vector.technology)) continue
    const input = await loadVector(vector, readFile)
    const [ours, theirs] = [await ourAnswer(input), theirAnswer(input)]
    if (ours === theirs) equal += 1
    else if (LISTED.some(([id]) => id.test(vector.id))) listed += 1
    else unexplained.push(`${vector.id}: ours ${ours}, dcap-qvl ${theirs}`)
  }
  return { equal, listed, unexplained }
}

function anchorsOf({ anchor }: VectorInput): readonly Bytes[] {
  if (anchor === undefined) return INTEL_ROOTS
  return anchor[0] === 0x2d
    ? parsePem(fromUtf8(anchor), { label: 'CERTIFICATE', max: 1 })
    : [anchor]
}

function quoteOf(input: VectorInput): Bytes {
  return input.role('quote') ?? new Uint8Array()
}

function theirAnswer(input: VectorInput): Answer {
  const [root = new Uint8Array()] = anchorsOf(input)
  const collateral = intelCollateral(input)
  return qvlAnswer({ quote: quoteOf(input), collateral, root, now: input.now ?? 0 })
}

async function ourAnswer(input: VectorInput): Promise<Answer> {
  const now = input.now ?? unixSeconds(0)
  const common = { collateral: intelCollateral(input), now, anchors: anchorsOf(input) }
  try {
    if (input.vector.technology === 'sgx') {
      const proof = await proveSgx({
        evidence: parseSgxEvidence({ quote: quoteOf(input) }),
        ...common,
      })
      return proof.proven ? answerOf(proof.facts.tcb.status, proof.facts.tcb.advisories) : REFUSED
    }
    const evidence = parseTdxEvidence({ quote: quoteOf(input) })
    const proof = await proveTdx({ evidence, ...common })
    if (!proof.proven || refuses(appraiseTdx(proof.facts, QVL_POLICY))) return REFUSED
    return answerOf(proof.facts.tcb.status, proof.facts.tcb.advisories)
  } catch (cause) {
    if (cause instanceof AttestationError) return REFUSED
    throw cause
  }
}
