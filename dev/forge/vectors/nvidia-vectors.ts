import { type Bytes, hex } from '#base/bytes.ts'
import { type DeviceOverrides, forgeNvidia, type NvidiaForge } from '../nvidia.ts'
import { revocable } from '../nvidia-machine.ts'
import type { NrasFields } from '../nvidia-nras.ts'
import type { OcspFields } from '../nvidia-ocsp.ts'
import type { RimFields } from '../nvidia-rim.ts'
import type { ForgedVectors, ManifestVector } from './vector-set.ts'

/** One forged GPU vector: what is broken, and the class under which it must be refused. */
interface GpuRecipe {
  readonly id: string
  readonly what: string
  /** Indices of the machine's devices; default: the first GPU. */
  readonly pick?: readonly number[]
  readonly reject?: string
  readonly waive?: readonly string[]
  readonly device?: (index: number) => DeviceOverrides
  readonly rim?: Partial<Record<'driver' | 'vbios', Partial<RimFields> | 'absent'>>
  /** Changes the answer about the provisioner's certificate. */
  readonly ocsp?: Partial<OcspFields> | 'absent'
  /** Seconds added to the clock. */
  readonly later?: number
}

/** One forged answer of the attestation service. */
interface TokenRecipe {
  readonly id: string
  readonly what: string
  readonly reject?: string
  readonly fields?: Partial<Omit<NrasFields, 'nonce'>>
  readonly later?: number
}

const HOUR_SECONDS = 3_600
const DAY_SECONDS = 86_400

const flip = (at: number): DeviceOverrides => ({
  transcript: {
    edit: (signed) => {
      const copy = signed.slice()
      copy[at] = (copy[at] ?? 0) ^ 1
      return copy
    },
  },
})
/** First byte of the value of RIM index n. */
const measurement = (index: number): number => 52 + 55 * index

function gpuRecipes(now: number, stranger: NvidiaForge): readonly GpuRecipe[] {
  const fabric = ['ppcie-fabric']
  return [
    { id: 'good', what: 'one H100 with both manifests and OCSP' },
    { id: 'good-two', what: 'two GPUs, one nonce', pick: [0, 1] },
    { id: 'twice', what: 'the same GPU twice', pick: [0, 0], reject: 'duplicate-device' },
    { id: 'devtools', what: 'a driver measurement differs', device: () => flip(measurement(22)), reject: 'measurement-mismatch' },
    { id: 'vbios-differs', what: 'a VBIOS measurement differs', device: () => flip(measurement(9)), reject: 'measurement-mismatch' },
    { id: 'inactive-differs', what: 'an inactive measurement differs', device: () => flip(measurement(50)) },
    { id: 'nvdec-off', what: 'index 35 differs, decoder off', device: () => flip(measurement(35)) },
    {
      id: 'nvdec-on',
      what: 'index 35 differs, decoder on',
      device: () => ({ ...flip(measurement(35)), opaque: { 11: Uint8Array.of(0xaa) } }),
      reject: 'measurement-mismatch',
    },
    { id: 'response-nonce', what: 'our nonce as the response nonce', device: () => ({ transcript: { nonce: new Uint8Array(32) } }), reject: 'nonce' },
    { id: 'fwid', what: 'firmware that is not certified', device: () => ({ opaque: { 20: new Uint8Array(48) } }), reject: 'fwid' },
    { id: 'no-fwid', what: 'no FWID', device: () => ({ opaque: { 20: undefined } }), reject: 'fwid' },
    { id: 'ppcie-alone', what: 'protected PCIe without its fabric', device: () => ({ opaque: { 21: Uint8Array.of(0xaa) } }), reject: 'duplicate-device' },
    { id: 'ppcie-waived', what: 'the same, fabric waived', device: () => ({ opaque: { 21: Uint8Array.of(0xaa) } }), waive: fabric },
    { id: 'trailing', what: 'a byte after the transcript', device: () => ({ transcript: { tamper: (whole) => Uint8Array.of(...whole, 0) } }), reject: 'parse' },
    { id: 'trailing-waived', what: 'the same, waived', device: () => ({ transcript: { tamper: (whole) => Uint8Array.of(...whole, 0) } }), waive: ['trailing-data'] },
    { id: 'no-driver-rim', what: 'no driver manifest', rim: { driver: 'absent' }, reject: 'measurement-mismatch' },
    { id: 'other-version', what: 'manifest of another driver', rim: { driver: { version: '595.71.06' } }, reject: 'measurement-mismatch' },
    { id: 'rim-altered', what: 'manifest altered after signing', rim: { vbios: { tamper: (xml) => xml.replace('active="True"', 'active="False"') } }, reject: 'rim-signature' },
    {
      id: 'rim-wrapped',
      what: 'a second Payload beside the signed one',
      rim: { driver: { tamper: (xml) => xml.replace('<ds:Signature', '<ns0:Payload></ns0:Payload><ds:Signature') } },
      reject: 'parse',
    },
    { id: 'rim-doctype', what: 'a DOCTYPE', rim: { driver: { tamper: (xml) => `<!DOCTYPE a>${xml}` } }, reject: 'parse' },
    {
      id: 'rim-stranger',
      what: 'manifest under another root',
      rim: {
        driver: {
          signer: stranger.authorities.rimSigner.signer,
          chain: (['rimSigner', 'rimL3', 'rimCa', 'rimRoot'] as const).map((name) => stranger.authorities[name].der),
        },
      },
      reject: 'rim-chain',
    },
    { id: 'ocsp-revoked', what: 'OCSP says revoked', ocsp: { status: 'revoked' }, reject: 'revocation' },
    { id: 'ocsp-hold', what: 'OCSP says on hold', ocsp: { status: 'hold' }, reject: 'revocation' },
    { id: 'ocsp-unknown', what: 'OCSP does not know', ocsp: { status: 'unknown' }, reject: 'ocsp' },
    { id: 'ocsp-stale', what: 'OCSP past its next update', ocsp: { thisUpdate: now - DAY_SECONDS, nextUpdate: now - HOUR_SECONDS }, reject: 'ocsp' },
    { id: 'ocsp-other', what: 'OCSP about another issuer', ocsp: { issuer: stranger.authorities.identity }, reject: 'ocsp' },
    { id: 'ocsp-forged', what: 'OCSP signed by another key', ocsp: { signer: stranger.authorities.identity.signer }, reject: 'ocsp' },
    { id: 'ocsp-missing', what: 'no answer about one certificate', ocsp: 'absent', reject: 'ocsp' },
    { id: 'ocsp-waived', what: 'the same, waived', ocsp: 'absent', waive: ['ocsp'] },
    { id: 'late', what: 'three years later: the manifest’s signer ended', later: 94_608_000, waive: ['ocsp'], reject: 'expired' },
  ]
}

function tokenRecipes(stranger: NvidiaForge): readonly TokenRecipe[] {
  const signer = stranger.authorities.nrasLeaf.signer
  return [
    { id: 'good-v3', what: 'claims version 3.0' },
    { id: 'good-v2', what: 'claims version 2.0', fields: { version: '2.0' } },
    { id: 'result-false', what: 'overall result false', fields: { overall: { 'x-nvidia-overall-att-result': false } }, reject: 'token-claims' },
    { id: 'secboot-false', what: 'secure boot off, overall true', fields: { device: () => ({ secboot: false }) }, reject: 'token-claims' },
    { id: 'debug', what: 'debugging on, overall true', fields: { device: () => ({ dbgstat: 'enabled' }) }, reject: 'token-claims' },
    { id: 'alg-none', what: 'alg none', fields: { header: { alg: 'none' } }, reject: 'token-alg' },
    { id: 'stranger', what: 'signed by another key', fields: { signer }, reject: 'token-signature' },
    { id: 'staging', what: 'another issuer', fields: { issuer: 'https://nras.attestation-stg.nvidia.com' }, reject: 'token-issuer' },
    { id: 'nonce', what: 'a device token over another nonce', fields: { device: (i) => (i === 1 ? { eat_nonce: '00'.repeat(32) } : {}) }, reject: 'token-nonce' },
    {
      id: 'swapped',
      what: 'device tokens swapped',
      fields: { answer: ([head, { 'GPU-0': a, 'GPU-1': b }]) => [head, { 'GPU-0': b, 'GPU-1': a }] },
      reject: 'token-digest',
    },
    { id: 'late', what: 'ten minutes later', later: 600, reject: 'token-expired' },
    { id: 'same-gpu', what: 'one GPU twice', fields: { device: () => ({ ueid: '1' }) }, reject: 'token-claims' },
  ]
}

/** Forges the GPU and token vectors: one machine of two GPUs, one root. */
export async function nvidiaVectors(options: {
  readonly now: number
  readonly random: (length: number) => Bytes
}): Promise<ForgedVectors> {
  const { now, random } = options
  const forge = await forgeNvidia({ random, now, gpus: 2, sharedRoot: true })
  const stranger = await forgeNvidia({ random, now, sharedRoot: true })
  const files = new Map<string, Bytes>([
    [ROOT, forge.authorities.deviceRoot.der],
    [KEYS, forge.keySet()],
    ['nvidia/driver.xml', await forge.rim('driver')],
    ['nvidia/vbios.xml', await forge.rim('vbios')],
  ])
  for (const [i, subject] of revocable(forge.devices, forge.authorities).entries()) {
    files.set(ocspPath(i), await forge.ocsp(subject))
  }
  const nonce = random(32)
  const vectors: ManifestVector[] = []
  for (const recipe of gpuRecipes(now, stranger)) {
    vectors.push(await gpuVector(recipe, { forge, now, nonce, files }))
  }
  for (const recipe of tokenRecipes(stranger)) {
    vectors.push(await tokenVector(recipe, { forge, now, nonce, files }))
  }
  return { vectors, files }
}

const ROOT = 'nvidia/root.der'
const KEYS = 'nras/jwks.json'
const ocspPath = (index: number): string => `nvidia/ocsp-${index}.der`

interface Context {
  readonly forge: NvidiaForge
  readonly now: number
  readonly nonce: Bytes
  readonly files: Map<string, Bytes>
}

async function gpuVector(recipe: GpuRecipe, context: Context): Promise<ManifestVector> {
  const { forge, now, nonce, files } = context
  const { id, what, pick = [0], device, reject } = recipe
  const folder = `nvidia/${id}`
  const roles: Record<string, string> = { [ROOT]: 'test_root' }
  const evidence = await forge.evidence({ nonce, pick, ...(device === undefined ? {} : { device }) })
  const devices = evidence.devices.map((bytes, i) => {
    const paths = { report: `${folder}/report${i}.bin`, chain: `nvidia/chain${pick[i]}.pem` }
    files.set(paths.report, bytes.evidence)
    files.set(paths.chain, bytes.certificate)
    // The same GPU twice is one chain file under two names.
    const chain = Object.hasOwn(roles, paths.chain) ? `${paths.chain}#again` : paths.chain
    Object.assign(roles, { [paths.report]: 'spdm_report', [chain]: 'device_chain_pem' })
    return { report: paths.report, chain }
  })
  await addManifests(recipe, context, roles)
  await addAnswers(recipe, context, roles)
  return {
    id: `forged-nvidia-${id}`,
    technology: 'nvidia',
    subject: 'gpu-compare',
    what,
    ...verdictOf(reject, now + (recipe.later ?? 0)),
    waive: ['gpu-binding', ...(recipe.waive ?? [])],
    anchors: ROOT,
    roles,
    encoding: {},
    devices,
    expect: { nonce: hex(nonce), device_count: pick.length },
  }
}

async function addManifests(
  { id, rim = {} }: GpuRecipe,
  { forge, files }: Context,
  roles: Record<string, string>,
): Promise<void> {
  for (const kind of ['driver', 'vbios'] as const) {
    const fields = rim[kind]
    if (fields === 'absent') continue
    const path = fields === undefined ? `nvidia/${kind}.xml` : `nvidia/${id}/${kind}.xml`
    if (fields !== undefined) files.set(path, await forge.rim(kind, fields))
    roles[path] = `${kind}_rim`
  }
}

async function addAnswers(
  { id, ocsp }: GpuRecipe,
  { forge, files }: Context,
  roles: Record<string, string>,
): Promise<void> {
  for (const [i, subject] of revocable(forge.devices, forge.authorities).entries()) {
    const changed = ocsp !== undefined && subject.certificate === forge.authorities.provisioner
    if (changed && ocsp === 'absent') continue
    const path = changed ? `nvidia/${id}/ocsp.der` : ocspPath(i)
    if (changed && ocsp !== 'absent') files.set(path, await forge.ocsp(subject, ocsp))
    roles[path] = 'ocsp_response'
  }
}

async function tokenVector(recipe: TokenRecipe, context: Context): Promise<ManifestVector> {
  const { forge, now, nonce, files } = context
  const path = `nras/${recipe.id}.json`
  files.set(path, await forge.nras({ nonce, ...recipe.fields }))
  return {
    id: `forged-nras-${recipe.id}`,
    technology: 'nras',
    subject: 'nras-token',
    what: recipe.what,
    ...verdictOf(recipe.reject, now + (recipe.later ?? 0)),
    waive: ['gpu-binding'],
    anchors: KEYS,
    roles: { [path]: 'nras_response', [KEYS]: 'jwks' },
    encoding: {},
    expect: { eat_nonce: hex(nonce), submodules: [{ name: 'GPU-0' }, { name: 'GPU-1' }] },
  }
}

function verdictOf(
  reject: string | undefined,
  at: number,
): Pick<ManifestVector, 'verdict' | 'clock' | 'reject'> {
  return {
    verdict: reject === undefined ? 'valid' : 'invalid',
    clock: new Date(at * 1000).toISOString(),
    reject: reject === undefined ? null : [reject],
  }
}
