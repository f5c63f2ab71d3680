import { equalBytes, hex } from '#base/bytes.ts'
import { commonName } from '../der/names.ts'
import { type Architecture, deviceIdentity } from '../nvidia/device.ts'
import type { NvidiaDeviceEvidence, NvidiaEvidence } from '../nvidia/evidence.ts'
import { certifiedFwid } from '../nvidia/fwid.ts'
import type { NvidiaFacts } from '../nvidia/prove.ts'
import { rimReferences } from '../nvidia/rim/ids.ts'
import type { RimManifest } from '../nvidia/rim/manifest.ts'
import type { VectorResult } from './vector.ts'

type Facts = VectorResult['facts']

/** Facts under the manifest's names, as far as the evidence says them. */
export function evidenceFacts({ devices }: NvidiaEvidence): Facts {
  const ueids = devices.map(({ chain }) => deviceIdentity(chain).ueid)
  return {
    device_count: devices.length,
    distinct_devices: new Set(ueids).size,
    devices: devices.map(deviceFacts),
  }
}

function deviceFacts({ chain, transcript, bytes }: NvidiaDeviceEvidence): Facts {
  const { opaque, measurements } = transcript
  const identity = deviceIdentity(chain)
  return defined({
    kind: identity.kind,
    request_nonce: hex(transcript.requestNonce),
    driver_version: opaque.driver,
    vbios_version: opaque.vbios,
    project: opaque.project,
    project_sku: opaque.projectSku,
    chip_sku: opaque.chipSku,
    ...rimIds(identity.architecture, rimReferences(identity, opaque)),
    nvdec0_status: opaque.nvdec0?.toString(16),
    protected_pcie_status: opaque.protectedPcie?.toString(16),
    opaque_version: littleEndian(opaque.version),
    feature_flag: littleEndian(opaque.featureFlag),
    measurement_blocks: measurements.length,
    report_length: bytes.evidence.length,
    trailing_bytes: transcript.trailing,
    fwid_match: fwidMatch(chain, opaque.fwid),
    chain_cns: chain.map(({ subject }) => commonName(subject) ?? null),
  })
}

/** The manifest names manifests after Hopper's pattern only. */
function rimIds(architecture: Architecture, references: ReturnType<typeof rimReferences>): Facts {
  if (architecture !== 'HOPPER') return {}
  const id = (kind: string) => references.find((reference) => reference.kind === kind)?.id
  return { driver_rim_id: id('driver'), vbios_rim_id: id('vbios') }
}

function fwidMatch(
  [leaf]: NvidiaDeviceEvidence['chain'],
  reported: Parameters<typeof equalBytes>[0] | undefined,
): boolean | null {
  if (reported === undefined || leaf === undefined) return null
  const certified = certifiedFwid(leaf)
  return certified !== undefined && equalBytes(certified, reported)
}

/** A two-byte field as stored. */
function littleEndian(value: number | undefined): string | undefined {
  return value === undefined ? undefined : hex(Uint8Array.of(value & 0xff, value >> 8))
}

/** How the first device compares with its manifests. */
export function compareFacts({ devices }: NvidiaFacts): Facts {
  const [first] = devices
  if (first?.references === undefined) return {}
  const { driver, vbios } = first.references
  const comparison = defined({
    driver,
    [first.identity.kind === 'gpu' ? 'vbios' : 'switch']: vbios,
  })
  return defined({
    comparison,
    driver_version: first.transcript.opaque.driver,
    vbios_version: first.transcript.opaque.vbios,
  })
}

export function rimFacts({ version, active, signature }: RimManifest): Facts {
  const [signer] = signature.chain
  const iso = (seconds: number): string =>
    new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
  return defined({
    file_version: version,
    signer: signer && commonName(signer.subject),
    signer_valid: signer && [iso(signer.notBefore), iso(signer.notAfter)],
    active_indices: active.map(({ index }) => index),
    xmldsig_ok: true,
    chain_ok: true,
  })
}

/** Without the members that are undefined: facts are compared where both sides have one. */
function defined(facts: Facts): Facts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}
