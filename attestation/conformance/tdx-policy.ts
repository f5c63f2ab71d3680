import { unixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import type { Expected } from '../appraise.ts'
import { AttestationError, demand } from '../errors.ts'
import { imageHash } from '../hashes.ts'
import { DEFAULT_POLICY, type Policy } from '../policy.ts'
import {
  DEFAULT_TDX_POLICY,
  type TdAttribute,
  type TdxPinField,
  type TdxPolicy,
} from '../tdx/policy.ts'
import { parseQuote } from '../tdx/quote.ts'
import type { TdReport } from '../tdx/reports.ts'
import type { VectorInput } from './vector.ts'

/** The default policy minus the vector's waivers, plus the pins of its `input_policy`. */
export async function tdxVectorExpectation(
  input: VectorInput,
): Promise<{ expected: Expected; policy: Policy }> {
  const report = reportOf(input)
  const zero = (length: number): Bytes => new Uint8Array(length)
  const mrtd = pinned(input, 'mrtd') ?? report?.mrtd ?? zero(48)
  const { rtmr1, rtmr2 } = report ?? { rtmr1: zero(48), rtmr2: zero(48) }
  const image = await imageHash({ technology: 'tdx', mrtd, rtmr1, rtmr2 })
  const measured = pinned(input, 'mrtd') !== undefined || input.waived('measurement-pin')
  const policy: Policy = {
    ...DEFAULT_POLICY,
    allowlist: {
      ...DEFAULT_POLICY.allowlist,
      readAt: input.now ?? unixSeconds(0),
      images: new Map(measured ? [[image, { enforcesWeights: false, enforcesGpu: false }]] : []),
    },
    models: 'any',
    gpu: { ...DEFAULT_POLICY.gpu, presence: 'optional' },
    tdx: tdxPolicy(input, report),
  }
  const reportData = pinned(input, 'report_data') ?? report?.reportData ?? zero(64)
  const gpuNonce = zero(32)
  return { policy, expected: { reportData, model: undefined, gpuNonce, gpuDigest: undefined } }
}

/** Undefined for a quote that does not parse: it is refused before any pin matters. */
function reportOf(input: VectorInput): TdReport | undefined {
  try {
    const quote = parseQuote(input.role('quote') ?? new Uint8Array())
    return quote.tee === 'tdx' ? quote.report : undefined
  } catch (cause) {
    if (cause instanceof AttestationError) return undefined
    throw cause
  }
}

/** `expected_<name>_hex` of the input policy. */
function pinned({ vector }: VectorInput, name: string): Bytes | undefined {
  const value = vector.input_policy[`expected_${name}_hex`]
  if (value === undefined) return undefined
  demand(typeof value === 'string', 'parse', `pin of ${name} is not text`)
  return fromHex(value)
}

const WAIVED_ATTRIBUTES: readonly (readonly [waiver: string, attribute: TdAttribute])[] = [
  ['policy-debug', 'debug'],
  ['policy-perfmon', 'perfmon'],
  ['policy-migrate', 'migratable'],
]

function tdxPolicy(input: VectorInput, report: TdReport | undefined): TdxPolicy {
  const base = DEFAULT_TDX_POLICY
  const { input_policy: own } = input.vector
  const number = own['min_tcb_evaluation_data_number']
  const svn = own['min_tee_tcb_svn_hex']
  const fmspc = pinned(input, 'fmspc')
  const granted = WAIVED_ATTRIBUTES.filter(([waiver]) => input.waived(waiver))
  const floor = input.waived('tcb-eval-floor') ? 0 : base.minEvaluationNumber
  return {
    ...base,
    minEvaluationNumber: typeof number === 'number' ? number : floor,
    minTeeTcbSvn: typeof svn === 'string' ? svn : base.minTeeTcbSvn,
    fmspcs: fmspc === undefined ? base.fmspcs : [hex(fmspc)],
    attributes: [...base.attributes, ...granted.map(([, attribute]) => attribute)],
    septVeDisable: input.waived('sept-ve-disable') ? 'optional' : base.septVeDisable,
    serviceTds: input.waived('service-td') && report !== undefined ? [hex(report.mrServiceTd)] : [],
    pins: pins(input, report),
  }
}

const PIN_KEYS: readonly (readonly [TdxPinField, string])[] = [
  ['mrSeam', 'mr_seam'],
  ['mrSignerSeam', 'mr_signer_seam'],
  ['seamAttributes', 'seam_attributes'],
  ['tdAttributes', 'td_attributes'],
  ['xfam', 'xfam'],
  ['mrConfigId', 'mr_config_id'],
  ['mrOwner', 'mr_owner'],
  ['mrOwnerConfig', 'mr_owner_config'],
  ['rtmr3', 'rtmr3'],
  ['qeVendor', 'qe_vendor_id'],
]

/** Fields whose pin a waiver supplies from the evidence itself. */
const WAIVED_PINS: Readonly<Record<string, readonly (keyof TdReport & TdxPinField)[]>> = {
  'measurement-pin': ['rtmr3'],
  'mrconfig-pin': ['mrConfigId', 'mrOwner', 'mrOwnerConfig'],
}

function pins(input: VectorInput, report: TdReport | undefined): TdxPolicy['pins'] {
  const given = PIN_KEYS.flatMap(([field, name]) => {
    const value = pinned(input, name)
    return value === undefined ? [] : [{ field, values: [hex(value)] }]
  })
  const waived = Object.entries(WAIVED_PINS).flatMap(([waiver, fields]) => {
    if (report === undefined || !input.waived(waiver)) return []
    return fields.map((field) => ({ field, values: [hex(report[field])] }))
  })
  return [...given, ...waived]
}
