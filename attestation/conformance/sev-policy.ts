import { unixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import type { SevProduct } from '../anchors.ts'
import type { Expected } from '../appraise.ts'
import { demand } from '../errors.ts'
import { imageHash } from '../hashes.ts'
import { DEFAULT_POLICY, type Policy } from '../policy.ts'
import { DEFAULT_SEV_POLICY, type SevPinField, type SevPolicy } from '../sev/policy.ts'
import { SNP_REPORT_BYTES } from '../sev/report.ts'
import type { SevTcb } from '../sev/tcb.ts'
import type { SevFloor } from '../sev/tcb-floors.ts'
import type { VectorInput } from './vector.ts'

const NO_TCB: SevTcb = { fmc: 0, bl: 0, tee: 0, snp: 0, ucode: 0 }
const NO_FLOOR: SevFloor = {
  tcb: NO_TCB,
  ucodeBySilicon: 'any',
  firmware: { major: 0, minor: 0, build: 0 },
}

/** The default policy minus the vector's waivers, plus the pins of its `input_policy`. */
export async function sevVectorExpectation(
  input: VectorInput,
  report: Bytes,
): Promise<{ expected: Expected; policy: Policy }> {
  const now = input.now ?? unixSeconds(0)
  // A cut report is refused before these values matter.
  const whole = report.length === SNP_REPORT_BYTES
  const field = (from: number, to: number): Bytes =>
    whole ? report.slice(from, to) : new Uint8Array(to - from)
  const measurement = pinned(input, 'measurement') ?? field(0x90, 0xc0)
  const reportData = pinned(input, 'report_data') ?? field(0x50, 0x90)
  const image = await imageHash({ technology: 'sev-snp', measurement })
  const measured = pinned(input, 'measurement') !== undefined || input.waived('measurement-pin')
  const policy: Policy = {
    ...DEFAULT_POLICY,
    allowlist: {
      ...DEFAULT_POLICY.allowlist,
      readAt: now,
      images: new Map(measured ? [[image, { enforcesWeights: false, enforcesGpu: false }]] : []),
    },
    models: 'any',
    gpu: { ...DEFAULT_POLICY.gpu, presence: 'optional' },
    sev: sevPolicy(input),
  }
  const gpuNonce = new Uint8Array(32)
  return { policy, expected: { reportData, model: undefined, gpuNonce, gpuDigest: undefined } }
}

/** `expected_<name>_hex` of the input policy. */
function pinned({ vector }: VectorInput, name: string): Bytes | undefined {
  const value = vector.input_policy[`expected_${name}_hex`]
  if (value === undefined) return undefined
  demand(typeof value === 'string', 'parse', `pin of ${name} is not text`)
  return fromHex(value)
}

function sevPolicy(input: VectorInput): SevPolicy {
  const { expect } = input.vector
  const waived = (check: string): boolean => input.waived(check)
  const csp = expect['csp_id']
  const base = DEFAULT_SEV_POLICY
  return {
    ...base,
    versions: waived('snp-version-4') ? [...base.versions, 4] : base.versions,
    vmpl: waived('vmpl') ? [0, 1, 2, 3] : base.vmpl,
    allowDebug: waived('policy-debug'),
    allowProvisionalFirmware: waived('provisional'),
    demandedPlatform: waived('alias-check') ? [] : base.demandedPlatform,
    floors: floors(input),
    cspIds: waived('vlek-csp') && typeof csp === 'string' ? [csp] : base.cspIds,
    pins: pins(input),
    crl: waived('crl-present') ? 'unchecked' : waived('crl-fresh') ? 'any-date' : base.crl,
  }
}

const FLOOR_KEYS = { bl: 'bl', tee: 'tee', snp: 'snp', ucode: 'ucode' } as const

/** No floors when waived; else the input policy's, and without any the default ones. */
function floors(input: VectorInput): Readonly<Partial<Record<SevProduct, SevFloor>>> {
  const { input_policy: policy } = input.vector
  const given = Object.entries(FLOOR_KEYS).flatMap(([part, name]) => {
    const value = policy[`min_tcb_${name}_spl`]
    return typeof value === 'number' ? [[part, value] as const] : []
  })
  if (given.length === 0 && !input.waived('tcb-floor')) return DEFAULT_SEV_POLICY.floors
  const floor: SevFloor = { ...NO_FLOOR, tcb: { ...NO_TCB, ...Object.fromEntries(given) } }
  return { Milan: floor, Genoa: floor, Turin: floor }
}

const PIN_KEYS: readonly (readonly [SevPinField, string])[] = [
  ['hostData', 'host_data'],
  ['imageId', 'image_id'],
  ['familyId', 'family_id'],
  ['idKeyDigest', 'id_key_digest'],
  ['authorKeyDigest', 'author_key_digest'],
]

function pins(input: VectorInput): SevPolicy['pins'] {
  return PIN_KEYS.flatMap(([field, name]) => {
    const value = pinned(input, name)
    return value === undefined ? [] : [{ field, values: [hex(value)] }]
  })
}
