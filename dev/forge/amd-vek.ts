import type { SevProduct, SevTcb, VekKind } from '#attestation'
import type { Bytes } from '#base/bytes.ts'
import {
  type CertificateFields,
  type ExtensionFields,
  ia5,
  int,
  type NameFields,
  type Signer,
  writeCertificate,
} from './der.ts'

export interface VekOptions {
  readonly kind?: VekKind
  readonly tcb?: SevTcb
  readonly hwid?: Uint8Array
  readonly cspId?: string
  readonly productName?: string
  /** Edits the extension list before signing. */
  readonly extensions?: (fields: readonly ExtensionFields[]) => readonly ExtensionFields[]
  /** Overrides any certificate field. */
  readonly fields?: Partial<CertificateFields>
  readonly signer?: Signer
}

export function amdName(commonName: string): NameFields {
  return [
    ['OU', 'Engineering'],
    ['C', 'US'],
    ['L', 'Santa Clara'],
    ['ST', 'CA'],
    ['O', 'Advanced Micro Devices'],
    ['CN', commonName],
  ]
}

const DAY_SECONDS = 86_400
const YEAR_SECONDS = 31_536_000
const BASE = '1.3.6.1.4.1.3704.1'

/** AMD's extensions in AMD's order. @see AMD 57230 */
function vekExtensions(
  product: SevProduct,
  options: Required<Pick<VekOptions, 'kind' | 'tcb' | 'hwid' | 'cspId' | 'productName'>>,
): ExtensionFields[] {
  const { kind, tcb, hwid, cspId, productName } = options
  const turin = product === 'Turin'
  const spl = (suffix: number, value: number): ExtensionFields => {
    return { id: `${BASE}.3.${suffix}`, value: int(value) }
  }
  return [
    { id: `${BASE}.1`, value: int(turin ? 1 : 0) },
    { id: `${BASE}.2`, value: ia5(productName) },
    ...(turin ? [spl(9, tcb.fmc)] : []),
    spl(1, tcb.bl),
    spl(2, tcb.tee),
    ...(turin ? [] : [spl(4, 0)]),
    spl(5, 0),
    spl(6, 0),
    spl(7, 0),
    spl(3, tcb.snp),
    spl(8, tcb.ucode),
    kind === 'vcek' ? { id: `${BASE}.4`, value: hwid } : { id: `${BASE}.5`, value: ia5(cspId) },
  ]
}

/** Certifies one of the forge's report-signing keys. */
export async function forgeVek(
  { product, now }: { readonly product: SevProduct; readonly now: number },
  signers: Readonly<Record<'ask' | 'asvk' | 'vcek' | 'vlek', Signer>>,
  options: VekOptions & { readonly tcb: SevTcb; readonly hwid: Uint8Array },
): Promise<Bytes> {
  const { kind = 'vcek', tcb, hwid } = options
  const { cspId = 'CN=cc-forged.example', productName = product } = options
  const extensions = vekExtensions(product, { kind, tcb, hwid, cspId, productName })
  return writeCertificate(
    {
      serial: 0,
      issuer: amdName(kind === 'vcek' ? `SEV-${product}` : `SEV-VLEK-${product}`),
      subject: amdName(kind === 'vcek' ? 'SEV-VCEK' : 'SEV-VLEK'),
      notBefore: now - DAY_SECONDS,
      notAfter: now + 7 * YEAR_SECONDS,
      spki: signers[kind].spki,
      extensions: options.extensions?.(extensions) ?? extensions,
      ...options.fields,
    },
    options.signer ?? signers[kind === 'vcek' ? 'ask' : 'asvk'],
  )
}
