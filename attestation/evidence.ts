import type { Bytes } from '#base/bytes.ts'
import { AttestationError } from './errors.ts'
import {
  arrayField,
  base64Field,
  type JsonObject,
  objectField,
  optionalField,
  textField,
} from './fields.ts'
import { parseSevEvidence, type SevEvidence } from './sev/evidence.ts'
import { SNP_REPORT_BYTES } from './sev/report.ts'
import { parseTdxEvidence, type TdxEvidence } from './tdx/evidence.ts'
import { MAX_QUOTE_BYTES } from './tdx/quote.ts'

/** Evidence of a confidential VM, parsed and not yet believed. */
export type TeeEvidence =
  | ({ readonly technology: 'sev-snp' } & SevEvidence)
  | ({ readonly technology: 'tdx' } & TdxEvidence)

/** Evidence of GPUs as it travels; each technology's parser reads it further. */
export interface GpuEvidenceBytes {
  /** Architecture that the sender names, for example "HOPPER". */
  readonly arch: string
  readonly devices: readonly { readonly evidence: Bytes; readonly certificate: Bytes }[]
}

export interface Evidence {
  readonly tee: TeeEvidence
  readonly gpu: GpuEvidenceBytes | undefined
}

const MAX_CERTIFICATE_BYTES = 16_384
const MAX_CHAIN = 4
const MAX_AUXILIARY_BYTES = 65_536
const MAX_DEVICES = 16
const MAX_DEVICE_BYTES = 65_536
const MAX_LABEL_CHARS = 32

/** Technology → parser of its wire form. A null prototype, so that "__proto__" finds nothing. */
const PARSERS: Readonly<Record<string, (tee: JsonObject) => TeeEvidence>> = Object.assign(
  Object.create(null),
  { 'sev-snp': parseSevWire, tdx: parseTdxWire } satisfies Record<
    string,
    (tee: JsonObject) => TeeEvidence
  >,
)

/**
 * Parses the evidence of a runner's attestation report: `{tee: {type, …}, gpu?: {arch, devices}}`. Cheap (no
 * cryptography), so that shape is judged before anything is fetched (M7). Unknown members are ignored.
 * @throws AttestationError with the code that the failed check would have
 */
export function parseEvidence(value: unknown): Evidence {
  const evidence = objectField(value, 'evidence')
  const tee = objectField(evidence['tee'], 'tee evidence')
  const type = textField(tee['type'], 'tee type', MAX_LABEL_CHARS)
  const parse = PARSERS[type]
  if (parse === undefined) throw new AttestationError('tee-type', 'unknown kind of TEE evidence')
  return { tee: parse(tee), gpu: optionalField(evidence['gpu'], parseGpuWire) }
}

function parseSevWire(tee: JsonObject): TeeEvidence {
  const certificate = (value: unknown): Bytes =>
    base64Field(value, 'certificate', MAX_CERTIFICATE_BYTES)
  const bytes = {
    report: base64Field(tee['report'], 'SNP report', SNP_REPORT_BYTES),
    vek: optionalField(tee['vek'], certificate),
    chain: optionalField(tee['chain'], (value) =>
      arrayField(value, 'certificate chain', MAX_CHAIN).map(certificate),
    ),
    auxiliary: optionalField(tee['auxblob'], (value) =>
      base64Field(value, 'certificate table', MAX_AUXILIARY_BYTES),
    ),
  }
  return { technology: 'sev-snp', ...parseSevEvidence(bytes) }
}

function parseTdxWire(tee: JsonObject): TeeEvidence {
  const quote = base64Field(tee['quote'], 'TDX quote', MAX_QUOTE_BYTES)
  return { technology: 'tdx', ...parseTdxEvidence({ quote, eventLog: tee['event_log'] }) }
}

function parseGpuWire(value: unknown): GpuEvidenceBytes {
  const gpu = objectField(value, 'GPU evidence')
  const devices = arrayField(gpu['devices'], 'GPU devices', MAX_DEVICES)
  return {
    arch: textField(gpu['arch'], 'GPU architecture', MAX_LABEL_CHARS),
    devices: devices.map((entry) => {
      const device = objectField(entry, 'GPU device')
      return {
        evidence: base64Field(device['evidence'], 'GPU report', MAX_DEVICE_BYTES),
        certificate: base64Field(device['certificate'], 'GPU certificates', MAX_DEVICE_BYTES),
      }
    }),
  }
}
