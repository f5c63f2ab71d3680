import type { Random } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import {
  certify,
  compositeDeviceId,
  exportForged,
  FORGED_FWID,
  type Forged,
  type ForgedData,
  importForged,
  nvidiaName,
} from './nvidia-pki.ts'

const AUTHORITIES = [
  'deviceRoot',
  'identity',
  'provisioner',
  'switchProvisioner',
  'rimRoot',
  'rimCa',
  'rimL3',
  'rimSigner',
  'nrasRoot',
  'nrasIntermediate',
  'nrasLeaf',
] as const

export type AuthorityName = (typeof AUTHORITIES)[number]
export type Authorities = Readonly<Record<AuthorityName, Forged>>

/** A forged GPU or switch. */
export interface ForgedDevice {
  readonly kind: 'gpu' | 'switch'
  readonly bootRom: Forged
  readonly leaf: Forged
  /** 8 bytes: how switches and GPUs name each other. */
  readonly id: Bytes
}

export interface ForgedDeviceData extends Omit<ForgedDevice, 'bootRom' | 'leaf'> {
  readonly bootRom: ForgedData
  readonly leaf: ForgedData
}

/** NVIDIA's certificate authorities under fresh roots, named as the real ones are. */
export async function forgeAuthorities(
  random: Random,
  now: number,
  sharedRoot: boolean,
): Promise<Authorities> {
  const ca = (commonName: string, issuer?: Forged, years?: number): Promise<Forged> => {
    const subject = nvidiaName(commonName)
    return certify(
      { subject, ca: true, now, ...(years === undefined ? {} : { years }) },
      issuer,
      random,
    )
  }
  const deviceRoot = await ca('NVIDIA Device Identity CA')
  const identity = await ca('NVIDIA GH100 Identity', deviceRoot)
  const rimRoot = sharedRoot ? deviceRoot : await ca('NVIDIA CoRIM signing Root CA', undefined, 30)
  const rimCa = await ca('NVIDIA Reference Value GH100 CA', rimRoot, 10)
  const rimL3 = await ca('NVIDIA Reference Value L3 GH100 001', rimCa, 10)
  const nrasRoot = await ca('NVIDIA Attestation Service CA 001', undefined, 10)
  const intermediate = nvidiaName('NVIDIA Attestation Service GPU Intermediate 001')
  const nrasIntermediate = await certify(
    { subject: intermediate, ca: true, now, years: 4, kind: 'rsa-pkcs1-sha256' },
    nrasRoot,
    random,
  )
  const end = (commonName: string, issuer: Forged, years: number): Promise<Forged> =>
    certify({ subject: nvidiaName(commonName), ca: false, now, years }, issuer, random)
  return {
    deviceRoot,
    identity,
    provisioner: await ca('NVIDIA GH100 Provisioner ICA 1', identity),
    switchProvisioner: await ca('NVIDIA LS_10 Provisioner ICA 1', identity),
    rimRoot,
    rimCa,
    rimL3,
    rimSigner: await end('HCC RIM L4 Signer', rimL3, 2),
    nrasRoot,
    nrasIntermediate,
    nrasLeaf: await end('NVIDIA Attestation Service GPU GH100', nrasIntermediate, 1),
  }
}

const ID_BYTES = 8
const CHIPS = {
  gpu: { chip: 'GH100', firmware: 'GSP', issuer: 'provisioner', prefix: '41' },
  switch: { chip: 'LS_10', firmware: 'FSP', issuer: 'switchProvisioner', prefix: '50' },
} as const

export async function forgeDevice(
  kind: ForgedDevice['kind'],
  authorities: Authorities,
  random: Random,
  now: number,
): Promise<ForgedDevice> {
  const { chip, firmware, issuer, prefix } = CHIPS[kind]
  const id = random(ID_BYTES)
  const number = `${prefix}${hex(id)}`
  const bootRom = await certify(
    {
      subject: nvidiaName(`${chip} A01 ${firmware} BROM`, number.toUpperCase()),
      ca: true,
      now,
      serial: BigInt(`0x${number}`),
    },
    authorities[issuer],
    random,
  )
  const leaf = await forgeLeaf(kind, bootRom, random, now)
  return { kind, bootRom, leaf, id }
}

/** A leaf certificate of a device; its extensions name the firmware. */
export async function forgeLeaf(
  kind: ForgedDevice['kind'],
  bootRom: Forged,
  random: Random,
  now: number,
  options: { readonly fwid?: Uint8Array; readonly name?: string } = {},
): Promise<Forged> {
  const { chip, firmware } = CHIPS[kind]
  const serial = BigInt(`0x2d${hex(random(19))}`)
  const { fwid = FORGED_FWID, name = `${chip} A01 ${firmware} FMC LF` } = options
  return certify(
    {
      subject: nvidiaName(name, serial.toString(16).toUpperCase()),
      ca: false,
      now,
      serial,
      extensions: [compositeDeviceId(bootRom.signer.spki, fwid)],
    },
    bootRom,
    random,
  )
}

/** Device certificates, leaf first, root last. */
export function deviceChain({ kind, leaf, bootRom }: ForgedDevice, all: Authorities): Bytes[] {
  const provisioner = all[CHIPS[kind].issuer]
  return [leaf, bootRom, provisioner, all.identity, all.deviceRoot].map(({ der }) => der)
}

/** Every certificate that can be revoked, with its issuer. */
export function revocable(
  devices: readonly ForgedDevice[],
  all: Authorities,
): readonly { readonly certificate: Forged; readonly issuer: Forged }[] {
  return [
    ...devices.map(({ kind, bootRom }) => {
      return { certificate: bootRom, issuer: all[CHIPS[kind].issuer] }
    }),
    { certificate: all.provisioner, issuer: all.identity },
    { certificate: all.switchProvisioner, issuer: all.identity },
    { certificate: all.identity, issuer: all.deviceRoot },
    { certificate: all.rimSigner, issuer: all.rimL3 },
    { certificate: all.rimL3, issuer: all.rimCa },
    { certificate: all.rimCa, issuer: all.rimRoot },
  ]
}

export async function exportAuthorities(
  all: Authorities,
): Promise<Readonly<Record<AuthorityName, ForgedData>>> {
  const pairs = AUTHORITIES.map(async (name) => [name, await exportForged(all[name])] as const)
  // Sound: one pair for every name of the table.
  return Object.fromEntries(await Promise.all(pairs)) as Record<AuthorityName, ForgedData>
}

export async function importAuthorities(
  data: Readonly<Record<AuthorityName, ForgedData>>,
): Promise<Authorities> {
  const pairs = AUTHORITIES.map(async (name) => [name, await importForged(data[name])] as const)
  // Sound: one pair for every name of the table.
  return Object.fromEntries(await Promise.all(pairs)) as Record<AuthorityName, Forged>
}

/** What every forged GPU measures: the values of its forge's manifests. */
export function forgeMeasurements(random: Random, count: number): Bytes[] {
  return Array.from({ length: count }, () => random(48))
}
