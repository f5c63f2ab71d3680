import type { UnixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { anchorCertificate } from '../anchors.ts'
import type { Certificate } from '../der/certificate.ts'
import { type VerifiedChain, verifyChain } from '../der/chain.ts'
import { commonName } from '../der/names.ts'
import { demand } from '../errors.ts'

export type Architecture = 'HOPPER' | 'BLACKWELL' | 'LS10'

/** What a device is, by the chip name that its certificates carry. */
export interface DeviceIdentity {
  readonly kind: 'gpu' | 'switch'
  readonly architecture: Architecture
  /** "GH100" */
  readonly chip: string
  /** "GH100 A01 GSP BROM": how NVIDIA's attestation service names the model too. */
  readonly model: string
  /** NVIDIA's universal entity id: the leaf's serial number in decimal. */
  readonly ueid: string
}

const CHIPS: readonly (readonly [RegExp, DeviceIdentity['kind'], Architecture])[] = [
  [/^GH1\d\d$/, 'gpu', 'HOPPER'],
  [/^GB\d{3}$/, 'gpu', 'BLACKWELL'],
  [/^LS_10$/, 'switch', 'LS10'],
]

/** Leaf, boot ROM, provisioner, chip family, root. */
const CHAIN_LENGTH = 5
const ALGORITHMS = ['ecdsa-sha384'] as const
const LEAF_NAME = /^(\w+) [A-Z]\d\d \w+ FMC LF$/

/** The identity that a chain claims; true once `verifyDeviceChain` has passed. */
export function deviceIdentity(chain: readonly Certificate[]): DeviceIdentity {
  const [leaf, bootRom] = chain
  demand(leaf !== undefined && bootRom !== undefined, 'chain', 'device chain is cut')
  const name = commonName(leaf.subject) ?? ''
  const chip = LEAF_NAME.exec(name)?.[1] ?? ''
  const known = CHIPS.find(([pattern]) => pattern.test(chip))
  demand(known !== undefined, 'gpu-arch', 'leaf certificate is not one of a known device')
  const [, kind, architecture] = known
  const model = commonName(bootRom.subject) ?? ''
  // The boot ROM issues leaves for its own chip only.
  demand(model.startsWith(`${chip} `) && model.endsWith(' BROM'), 'chain', 'leaf of another chip')
  return { kind, architecture, chip, model, ueid: BigInt(`0x${leaf.serial}`).toString() }
}

/**
 * Verifies a device's chain to NVIDIA's device root: exactly five P-384 certificates, leaf first.
 * @throws AttestationError chain, untrusted-root, expired or not-yet-valid
 */
export async function verifyDeviceChain(
  chain: readonly Certificate[],
  roots: readonly Bytes[],
  now: UnixSeconds,
): Promise<VerifiedChain> {
  demand(chain.length === CHAIN_LENGTH, 'chain', `device chain of ${chain.length} certificates`)
  for (const { key } of chain) {
    demand(key.kind === 'ec' && key.curve === 'P-384', 'chain', 'device chain has another key type')
  }
  const anchors = roots.map(anchorCertificate)
  return verifyChain(chain, { anchors, now, algorithms: ALGORITHMS, leaf: 'end-entity' })
}
