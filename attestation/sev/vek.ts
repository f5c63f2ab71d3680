import { type Bytes, equalBytes, hex } from '#base/bytes.ts'
import type { SevProduct } from '../anchors.ts'
import type { Certificate } from '../der/certificate.ts'
import { commonName, nameAttributes } from '../der/names.ts'
import { readDer, TAG } from '../der/reader.ts'
import { octets, smallInteger, text } from '../der/values.ts'
import { demand } from '../errors.ts'
import type { SnpReport } from './report.ts'
import type { SevTcb } from './tcb.ts'

/** Which key signed the report: the chip's own or the cloud's. */
export type VekKind = 'vcek' | 'vlek'

/** What AMD certifies about a report-signing key, out of the certificate's extensions. */
export interface VekFacts {
  readonly kind: VekKind
  readonly productName: string
  readonly tcb: SevTcb
  /** The chip's id: 64 bytes, on Turin 8; absent on a VLEK. */
  readonly hwid: Bytes | undefined
  /** The cloud's name; VLEK only. */
  readonly cspId: string | undefined
}

const BASE = '1.3.6.1.4.1.3704.1'
const SPL_OIDS = { bl: `${BASE}.3.1`, tee: `${BASE}.3.2`, snp: `${BASE}.3.3`, ucode: `${BASE}.3.8` }
const FMC_OID = `${BASE}.3.9`
const SPARE_OIDS = [4, 5, 6, 7].map((n) => `${BASE}.3.${n}`)
const HWID_OID = `${BASE}.4`
const CSP_OID = `${BASE}.5`
const HWID_BYTES: Readonly<Record<SevProduct, number>> = { Milan: 64, Genoa: 64, Turin: 8 }

const KINDS: Readonly<Record<string, VekKind>> = { 'SEV-VCEK': 'vcek', 'SEV-VLEK': 'vlek' }
const AMD_NAME: readonly (readonly [string, string])[] = [
  ['OU', 'Engineering'],
  ['C', 'US'],
  ['L', 'Santa Clara'],
  ['ST', 'CA'],
  ['O', 'Advanced Micro Devices'],
]

const PRODUCTS: ReadonlySet<string> = new Set<SevProduct>(['Milan', 'Genoa', 'Turin'])

/** The product that a certificate names, without its stepping: "Milan-B0" is Milan. */
export function productOfVek(vek: Certificate): SevProduct {
  const [product = ''] = productName(vek).split('-')
  demand(PRODUCTS.has(product), 'product', `certificate names product ${product}`)
  // Sound: PRODUCTS holds exactly the union's members.
  return product as SevProduct
}

function productName(vek: Certificate): string {
  const name = text(readDer(required(vek, `${BASE}.2`), TAG.ia5String))
  demand(name.length <= 32, 'parse', 'productName is too long')
  return name
}

/** The kind that the certificate's common name says; the caller compares it with the report's. */
export function kindOfVek(vek: Certificate): VekKind {
  const name = commonName(vek.subject) ?? 'unnamed'
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
  demand(kind !== undefined, 'key-kind', `${name} is neither a VCEK nor a VLEK`)
  return kind
}

/** Checks the whole subject: AMD signs nothing else with these keys, so anything else is an error. */
export function checkVekName(vek: Certificate): void {
  const attributes = nameAttributes(vek.subject)
  const amd = AMD_NAME.every(([type, value]) =>
    attributes.some((attribute) => attribute[0] === type && attribute[1] === value),
  )
  demand(amd && attributes.length === AMD_NAME.length + 1, 'chain', 'VEK name is not AMD’s form')
}

/** Reads the extensions. @see AMD 57230, certificate profile */
export function readVek(vek: Certificate, product: SevProduct): VekFacts {
  const kind = kindOfVek(vek)
  demand(vek.key.kind === 'ec' && vek.key.curve === 'P-384', 'chain', 'VEK is not a P-384 key')
  spl(vek, `${BASE}.1`)
  const turin = product === 'Turin'
  for (const id of SPARE_OIDS) {
    // Turin's certificates leave out the first spare number.
    if (turin && !vek.extensions.has(id)) continue
    demand(spl(vek, id) === 0, 'tcb-binding', `spare TCB extension ${id} is not zero`)
  }
  demand(turin || !vek.extensions.has(FMC_OID), 'tcb-binding', 'FMC on a product without one')
  const tcb: SevTcb = {
    fmc: turin ? spl(vek, FMC_OID) : 0,
    bl: spl(vek, SPL_OIDS.bl),
    tee: spl(vek, SPL_OIDS.tee),
    snp: spl(vek, SPL_OIDS.snp),
    ucode: spl(vek, SPL_OIDS.ucode),
  }
  return { kind, productName: productName(vek), tcb, ...readIdentity(vek, kind, product) }
}

function readIdentity(
  vek: Certificate,
  kind: VekKind,
  product: SevProduct,
): Pick<VekFacts, 'hwid' | 'cspId'> {
  const hwid = vek.extensions.get(HWID_OID)?.value
  const csp = vek.extensions.get(CSP_OID)?.value
  if (kind === 'vlek') {
    demand(hwid === undefined, 'hwid-binding', 'VLEK with a chip id')
    demand(csp !== undefined, 'vlek-csp', 'VLEK without a CSP id')
    const cspId = text(readDer(csp, TAG.ia5String))
    demand(cspId !== '' && cspId.length <= 256, 'vlek-csp', 'CSP id is empty or too long')
    return { hwid: undefined, cspId }
  }
  demand(hwid !== undefined, 'hwid-binding', 'VCEK without a chip id')
  demand(csp === undefined, 'vlek-csp', 'VCEK with a CSP id')
  return { hwid: decodeHwid(hwid, HWID_BYTES[product]), cspId: undefined }
}

/** Older certificates hold the id bare, newer ones as an OCTET STRING. */
function decodeHwid(value: Bytes, length: number): Bytes {
  const id = value.length === length ? value : octets(readDer(value))
  demand(id.length === length, 'hwid-binding', `chip id of ${id.length} bytes`)
  return id
}

function required(vek: Certificate, id: string): Bytes {
  const extension = vek.extensions.get(id)
  demand(extension !== undefined, 'tcb-binding', `VEK extension ${id} is missing`)
  return extension.value
}

function spl(vek: Certificate, id: string): number {
  return smallInteger(readDer(required(vek, id)), 255)
}

/** Whether the certificate is of the chip that the report names. @throws hwid-binding */
export function checkChip(facts: VekFacts, report: SnpReport): void {
  if (facts.hwid === undefined) return
  const { hwid } = facts
  const same = equalBytes(report.chipId.subarray(0, hwid.length), hwid)
  const rest = report.chipId.subarray(hwid.length).every((byte) => byte === 0)
  const zero = hwid.every((byte) => byte === 0)
  demand(same && rest && !zero, 'hwid-binding', `certificate is of chip ${hex(hwid).slice(0, 16)}…`)
}
