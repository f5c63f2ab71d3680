import type { Random } from '#base/brand.ts'
import { type Bytes, concat, fromHex, hex, utf8 } from '#base/bytes.ts'
import {
  basicConstraints,
  type CertificateFields,
  type ExtensionFields,
  exportSigner,
  importSigner,
  int,
  keyUsage,
  makeSigner,
  type NameFields,
  octets,
  oid,
  pem,
  type Signer,
  type SignerData,
  type SignerKind,
  seq,
  writeCertificate,
} from './der.ts'

/** A forged certificate with the key that it is for. */
export interface Forged {
  readonly der: Bytes
  readonly subject: NameFields
  readonly serial: bigint
  readonly signer: Signer
}

/** The same as plain data. */
export interface ForgedData {
  readonly der: Bytes
  readonly subject: NameFields
  readonly serial: bigint
  readonly signer: SignerData
}

export async function exportForged({ signer, ...rest }: Forged): Promise<ForgedData> {
  return { ...rest, signer: await exportSigner(signer) }
}

export async function importForged({ signer, ...rest }: ForgedData): Promise<Forged> {
  return { ...rest, signer: await importSigner(signer) }
}

const YEAR_SECONDS = 31_536_000
/** 9999-12-31T23:59:59Z, the end of NVIDIA's device certificates. */
const FOREVER = 253_402_300_799
const CERT_SIGN = 0x06
const DIGITAL_SIGNATURE = 0x80

export function nvidiaName(commonName: string, serialNumber?: string): NameFields {
  const serial: NameFields = serialNumber === undefined ? [] : [['SERIALNUMBER', serialNumber]]
  return [...serial, ['C', 'US'], ['O', 'NVIDIA Corporation'], ['CN', commonName]]
}

/** What a forged certificate is, with every field open to overriding. */
export interface Profile {
  readonly subject: NameFields
  readonly ca: boolean
  readonly now: number
  readonly years?: number
  readonly pathLength?: number
  readonly extensions?: readonly ExtensionFields[]
  readonly kind?: SignerKind
  readonly signer?: Signer
  readonly serial?: bigint
  readonly fields?: Partial<CertificateFields>
}

/** Certifies a fresh key under an issuer, or under itself. */
export async function certify(
  profile: Profile,
  issuer: Forged | undefined,
  random: Random,
): Promise<Forged> {
  const signer = profile.signer ?? (await makeSigner(profile.kind ?? 'ecdsa-p384-sha384'))
  // A leading 01 keeps the number positive and of full length.
  const serial = profile.serial ?? BigInt(`0x01${hex(random(15))}`)
  const { subject, now, years } = profile
  const roles: ExtensionFields[] = profile.ca
    ? [basicConstraints(true, profile.pathLength), keyUsage(CERT_SIGN)]
    : [keyUsage(DIGITAL_SIGNATURE)]
  const der = await writeCertificate(
    {
      serial,
      subject,
      issuer: issuer?.subject ?? subject,
      notBefore: now - YEAR_SECONDS,
      notAfter: years === undefined ? FOREVER : now + years * YEAR_SECONDS,
      spki: signer.spki,
      extensions: [...roles, ...(profile.extensions ?? [])],
      ...profile.fields,
    },
    issuer?.signer ?? signer,
  )
  return { der, subject, serial, signer }
}

const SHA384_OID = '2.16.840.1.101.3.4.2.2'

/** CompositeDeviceID as Hopper's leaves carry it. @see TCG DICE Attestation Architecture section 6.1 */
export function compositeDeviceId(spki: Uint8Array, fwid: Uint8Array): ExtensionFields {
  return { id: '2.23.133.5.4.1', value: seq(int(1), spki, seq(oid(SHA384_OID), octets(fwid))) }
}

/** DICE TcbInfo as Blackwell's leaves carry it. */
export function tcbInfo(fwid: Uint8Array): ExtensionFields {
  const entry = seq(oid(SHA384_OID), octets(fwid))
  // [0] vendor, [1] model, [6] fwids
  const vendor = concat(Uint8Array.of(0x80, 6), utf8('NVIDIA'))
  const fwids = concat(Uint8Array.of(0xa6, entry.length), entry)
  return { id: '2.23.133.5.4.1.1', value: seq(vendor, fwids) }
}

/** PEM text of a chain, leaf first. */
export function pemChain(chain: readonly Bytes[]): Bytes {
  return utf8(chain.map((der) => pem(der)).join(''))
}

export const FORGED_FWID = fromHex('5a'.repeat(48))
