import { createRequire } from 'node:module'
import {
  DEFAULT_POLICY,
  imageHash,
  modelHash,
  PINNED_ANCHORS,
  type VerifyInput,
  verifyEvidence,
} from '#attestation'
import { unixSeconds } from '#base/brand.ts'
import { base64, fromUtf8, hex } from '#base/bytes.ts'
import { forgeIntel, type IntelForge } from '#dev/forge/intel.ts'
import { leastCpuUs, type Section } from './section.ts'

const NOW_SECONDS = 1_800_000_000
/** As many as Intel's list of the Platform CA had in January 2026. */
const REVOKED = Array.from({ length: 51 }, (_, i) => 2n ** 150n + BigInt(i))
const MODEL = { id: 'bench', weights: `sha256:${'11'.repeat(32)}` }

/** A whole verdict on TDX evidence, warm, beside @phala/dcap-qvl on the same quote and collateral. */
export async function tdxSection(quick: boolean): Promise<Section> {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const forge = await forgeIntel({ random, now: NOW_SECONDS })
  const reportData = random(64)
  const quote = await forge.quote({ version: 5, reportData })
  const input = await tdxInput(forge, quote, reportData)
  const verdict = await verifyEvidence(input)
  if (verdict.status !== 'simulated') throw new Error('the forged evidence was refused')
  const theirs = await otherVerifier(forge, quote)
  const count = quick ? 20 : 50
  const rounds = quick ? 3 : 6
  const ours = await leastCpuUs(rounds, count, async () => {
    for (let i = 0; i < count; i++) await verifyEvidence(input)
  })
  const other = await leastCpuUs(rounds, count, () => {
    for (let i = 0; i < count; i++) theirs()
  })
  const ms = (us: number): string => `${(us / 1000).toFixed(2)} ms`
  return {
    title: 'TDX: CPU per verdict on one quote (v5, TDX 1.5), warm, one core',
    header: ['verifier', 'CPU', 'ratio'],
    rows: [
      ['ours, whole verdict', ms(ours), '1.0'],
      ['@phala/dcap-qvl 0.3.9, quote only', ms(other), (other / ours).toFixed(1)],
    ],
    note: 'dcap-qvl checks no revocation list’s signature or dates and no TDX module identity; ours does.',
  }
}

async function tdxInput(
  forge: IntelForge,
  quote: Uint8Array,
  reportData: VerifyInput['expected']['reportData'],
): Promise<VerifyInput> {
  const zero = new Uint8Array(48)
  const image = await imageHash({ technology: 'tdx', mrtd: zero, rtmr1: zero, rtmr2: zero })
  const now = unixSeconds(NOW_SECONDS)
  const body = await forge.crl({ revoked: REVOKED })
  const list = { name: `intel/crl/${forge.authority}`, body, headers: {}, fetchedAt: now }
  return {
    evidence: { tee: { type: 'tdx', quote: base64(quote) } },
    collateral: await forge.collateral({ [list.name]: list }),
    now,
    anchors: { ...PINNED_ANCHORS, intel: [forge.root] },
    expected: { reportData, model: MODEL, gpuNonce: new Uint8Array(32), gpuDigest: undefined },
    policy: {
      ...DEFAULT_POLICY,
      gpu: { presence: 'optional', count: undefined, minBinding: 'none' },
      allowlist: {
        ...DEFAULT_POLICY.allowlist,
        readAt: now,
        version: 1,
        images: new Map([[image, { enforcesWeights: false, enforcesGpu: false }]]),
        models: new Set([await modelHash(MODEL.id, MODEL.weights)]),
      },
    },
  }
}

interface Qvl {
  readonly QuoteVerifier: {
    newWithRootCa(root: Uint8Array): {
      verify(quote: Uint8Array, collateral: object, nowSeconds: number): { status: string }
    }
  }
}

async function otherVerifier(forge: IntelForge, quote: Uint8Array): Promise<() => void> {
  // Its types ask for Node's Buffer. Sound: the shape is the package's documented one.
  const { QuoteVerifier } = createRequire(import.meta.url)('@phala/dcap-qvl') as Qvl
  const split = (body: Uint8Array): { value: string; signature: string } => {
    const parts = /^\{"\w+":(.*),"signature":"(\w+)"\}$/s.exec(fromUtf8(body))
    return { value: parts?.[1] ?? '', signature: parts?.[2] ?? '' }
  }
  const chain = decodeURIComponent(await forge.issuerChain())
  const info = split(await forge.tcbInfo())
  const identity = split(await forge.qeIdentity())
  const collateral = {
    tcb_info: info.value,
    tcb_info_signature: info.signature,
    tcb_info_issuer_chain: chain,
    qe_identity: identity.value,
    qe_identity_signature: identity.signature,
    qe_identity_issuer_chain: chain,
    pck_crl: hex(await forge.crl({ revoked: REVOKED })),
    root_ca_crl: hex(await forge.crl({ of: 'root' })),
  }
  const verifier = QuoteVerifier.newWithRootCa(Buffer.from(forge.root))
  return () => {
    const { status } = verifier.verify(Buffer.from(quote), collateral, NOW_SECONDS)
    if (status !== 'UpToDate') throw new Error(`dcap-qvl says ${status}`)
  }
}
