import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes } from '#base/bytes.ts'
import { demand } from '../errors.ts'
import { objectField } from '../fields.ts'
import type { EnclaveReport } from './reports.ts'
import { countField, hexField, labelField, timeField } from './tcb-fields.ts'
import { parseSvnLevels, type SvnLevel } from './tcb-info.ts'

/** What Intel says of its quoting enclaves. @see Intel PCS API version 4, "Get TDX Quoting Enclave Identity" */
export interface EnclaveIdentity {
  /** "TD_QE" or "QE". */
  readonly id: string
  readonly version: number
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly evaluationNumber: number
  readonly miscSelect: Bytes
  readonly miscSelectMask: Bytes
  readonly attributes: Bytes
  readonly attributesMask: Bytes
  readonly mrSigner: Bytes
  readonly isvProdId: number
  /** Newest first. */
  readonly levels: readonly SvnLevel[]
}

const MAX_U16 = 65_535
const MAX_NUMBER = 1_000_000

/** @throws AttestationError parse (or too-large) for anything but the documented form */
export function parseEnclaveIdentity(value: unknown): EnclaveIdentity {
  const identity = objectField(value, 'enclave identity')
  return {
    id: labelField(identity, 'id'),
    version: countField(identity, 'version', MAX_U16),
    issueDate: timeField(identity, 'issueDate'),
    nextUpdate: timeField(identity, 'nextUpdate'),
    evaluationNumber: countField(identity, 'tcbEvaluationDataNumber', MAX_NUMBER),
    miscSelect: hexField(identity, 'miscselect', 4),
    miscSelectMask: hexField(identity, 'miscselectMask', 4),
    attributes: hexField(identity, 'attributes', 16),
    attributesMask: hexField(identity, 'attributesMask', 16),
    mrSigner: hexField(identity, 'mrsigner', 32),
    isvProdId: countField(identity, 'isvprodid', MAX_U16),
    levels: parseSvnLevels(identity),
  }
}

const VERSION = 2

/** FLAGS bit 1 of ATTRIBUTES. @see Intel SDM volume 3D, "ATTRIBUTES" */
const DEBUG = 0x02

/**
 * Holds a quoting enclave's report against Intel's identity; its security version is judged elsewhere.
 * @throws AttestationError qe-identity
 * @see Intel QVL, EnclaveReportVerifier
 */
export function checkEnclave(report: EnclaveReport, identity: EnclaveIdentity, id: string): void {
  const named = identity.id === id && identity.version === VERSION
  demand(named, 'qe-identity', `identity ${identity.id} version ${identity.version}`)
  const rules: readonly (readonly [what: string, holds: boolean])[] = [
    ['MISCSELECT', maskedEqual(report.miscSelect, identity.miscSelectMask, identity.miscSelect)],
    ['ATTRIBUTES', maskedEqual(report.attributes, identity.attributesMask, identity.attributes)],
    // Intel's mask covers it; ours must not depend on that.
    ['DEBUG', ((report.attributes[0] ?? DEBUG) & DEBUG) === 0],
    ['MRSIGNER', equalBytes(report.mrSigner, identity.mrSigner)],
    ['ISVPRODID', report.isvProdId === identity.isvProdId],
  ]
  const broken = rules.filter(([, holds]) => !holds).map(([what]) => what)
  demand(broken.length === 0, 'qe-identity', `quoting enclave differs in ${broken.join()}`)
}

/** Whether the bits under the mask are exactly the expected ones. */
export function maskedEqual(actual: Bytes, mask: Bytes, expected: Bytes): boolean {
  return (
    actual.length === mask.length &&
    actual.length === expected.length &&
    actual.every((byte, i) => (byte & (mask[i] ?? 0)) === (expected[i] ?? 0))
  )
}
